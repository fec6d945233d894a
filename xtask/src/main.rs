//! The one entry point for every check, rig and report.

fn main() {}
