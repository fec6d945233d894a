//! Fuzzes [`userdata_fuzz::faults`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::faults(data));
