//! Fuzzes [`userdata_fuzz::file_name`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::file_name(data));
