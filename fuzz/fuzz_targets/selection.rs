//! Fuzzes [`userdata_fuzz::selection`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::selection(data));
