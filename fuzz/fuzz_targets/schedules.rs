//! Fuzzes [`userdata_fuzz::schedules`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::schedules(data));
