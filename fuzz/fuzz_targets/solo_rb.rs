//! No bytes may panic the reader of solo.rb, and it refuses nothing without a place.
#![no_main]

use std::path::Path;

use brasa::{host::Pretended, node::config::Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(faults) = Settings::parse(Path::new("solo.rb"), bytes.to_vec(), &Pretended::default()) {
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()));
    }
});
