#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brasa_fuzz::openpgp_key(bytes));
