//! A pool of hosts on real etcd clusters.
//!
//! `cargo xtask pool` fetches etcd and starts this program. It runs as an ordinary user as well; it
//! listens on 127.0.0.1 only.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cluster::Cluster;
use crate::programs::Programs;

#[expect(dead_code, reason = "its faults come with the trials")]
mod cluster;
mod interrupt;
mod ports;
mod programs;
mod start;

/// A pool of hosts on real etcd clusters.
#[derive(Debug, Parser)]
#[command(name = "pool-rig")]
struct Options {
    /// The folder of `etcd` and `etcdctl`
    #[arg(long)]
    programs: PathBuf,
    /// The folder of the members' data
    #[arg(long)]
    scratch: PathBuf,
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// A cluster to play with, until Ctrl-C
    Start,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = interrupt::catch().and_then(|()| run(options));
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(options: Options) -> Result<ExitCode> {
    let programs = Programs::in_folder(&options.programs)?;
    match options.work {
        Work::Start => {
            let cluster = Cluster::start(&programs, &options.scratch.join("play"), &[])?;
            start::until_interrupted(&cluster, &options.scratch)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
