//! No bytes may panic the reader of brasa.toml, and it refuses nothing without a place.
#![no_main]

use std::path::Path;

use brasa::node::config::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(faults) = Settings::parse_toml(Path::new("brasa.toml"), bytes.to_vec()) {
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()));
    }
});
