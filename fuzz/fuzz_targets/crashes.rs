//! Fuzzes [`userdata_fuzz::crashes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::crashes(data));
