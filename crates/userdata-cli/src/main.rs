//! The command `userdata`: per-domain data of Xen hosts.
//!
//! It parses arguments, opens the host and the store that they name, calls the crate `userdata`,
//! and shows the result. It adds no protocol of its own.

mod arguments;
mod chain;
mod commands;
mod demo;
mod destination;
mod document;
mod domain;
mod failure;
mod host;
mod hypervisor;
mod manual;
mod new_file;
mod options;
mod output;
#[cfg(feature = "pool")]
mod pool;
#[cfg(feature = "pool")]
mod pool_file;
mod reading;
mod signals;
mod standard;
mod status;
mod userid;
mod waiting;

use std::process::ExitCode;

fn main() -> ExitCode {
    signals::report_large_files();
    let arguments: Vec<_> = std::env::args_os().collect();
    commands::run(&arguments).into()
}
