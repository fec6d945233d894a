//! A pool of hosts on real etcd clusters.
//!
//! `cargo xtask pool` fetches etcd and starts this program. It runs as an ordinary user as well; it
//! listens on 127.0.0.1 only.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::checks::Chosen;
use crate::cluster::Cluster;
use crate::programs::Programs;

mod checks;
mod cluster;
mod conformance;
mod faults;
mod fence;
mod host;
mod interrupt;
mod ports;
mod programs;
mod recorder;
mod revisions;
mod rig;
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
    /// The checks
    Test {
        /// The folder of what is kept
        #[arg(long)]
        out: PathBuf,
        /// Only those whose names contain this; may be given again
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Those that continuous integration runs
        #[arg(long)]
        short: bool,
    },
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
        Work::Test { out, only, short } => {
            let chosen = Chosen { only, short };
            let good = checks::run(&programs, &options.scratch, &out, &chosen)?;
            Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}
