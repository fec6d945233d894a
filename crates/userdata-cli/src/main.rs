//! The command `userdata`: per-domain data of Xen hosts.
//!
//! It parses arguments, finds the host and the store that they name, calls the crate `userdata`,
//! and shows what came of it. It adds no protocol of its own.

mod arguments;
mod commands;
mod demo;
mod document;
mod domain;
mod failure;
mod host;
mod hypervisor;
mod manual;
mod options;
mod output;
mod status;
mod userid;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(std::env::args_os().collect()).into()
}
