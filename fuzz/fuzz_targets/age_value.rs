#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brasa_fuzz::age_value(bytes));
