//! Benchmarks of the userdata store, as ratios in one run.

fn main() {}
