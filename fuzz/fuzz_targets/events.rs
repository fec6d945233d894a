//! Fuzzes [`userdata_fuzz::events`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::events(data));
