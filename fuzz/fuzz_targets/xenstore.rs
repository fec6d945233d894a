//! Fuzzes [`userdata_fuzz::xenstore`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::xenstore(data));
