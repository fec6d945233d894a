//! Fuzzes [`userdata_fuzz::c_calls`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::c_calls(data));
