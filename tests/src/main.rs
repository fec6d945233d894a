//! Tests of the whole workspace on real files and processes.

fn main() {}
