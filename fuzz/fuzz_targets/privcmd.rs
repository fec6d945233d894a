//! Fuzzes [`userdata_fuzz::privcmd`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::privcmd(data));
