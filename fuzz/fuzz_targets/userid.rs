//! Fuzzes [`userdata_fuzz::userid`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::userid(data));
