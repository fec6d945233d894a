//! Fuzzes [`userdata_fuzz::host_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::host_file(data));
