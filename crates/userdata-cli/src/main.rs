//! The command userdata: per-domain data of Xen hosts.

fn main() {}
