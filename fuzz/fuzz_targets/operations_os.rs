//! Fuzzes [`userdata_fuzz::operations_os`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::operations_os(data));
