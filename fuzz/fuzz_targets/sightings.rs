//! Fuzzes [`userdata_fuzz::sightings`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userdata_fuzz::sightings(data));
