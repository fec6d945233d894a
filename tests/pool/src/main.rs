//! A pool of hosts on real etcd clusters.
//!
//! `cargo xtask pool` fetches etcd and starts this program. It runs as an ordinary user as well; it
//! listens on 127.0.0.1 only.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::bench::weight::Weigh;
use crate::checks::Chosen;
use crate::cluster::Cluster;
use crate::holder::Hold;
use crate::programs::Programs;
use crate::wrapper::Wrapper;

mod bench;
mod checks;
mod cluster;
mod command;
mod conformance;
mod damage;
mod death;
mod faults;
mod fence;
mod holder;
mod host;
mod interrupt;
mod lossy;
mod marks;
mod pages;
mod ports;
mod programs;
mod quota;
mod recorder;
mod requests;
mod revisions;
mod rig;
mod start;
mod tls;
mod watched;
mod wrapper;

/// A pool of hosts on real etcd clusters.
#[derive(Debug, Parser)]
#[command(name = "pool-rig")]
struct Options {
    #[command(subcommand)]
    work: Work,
}

/// Where etcd is, and where its members work.
#[derive(Debug, Args)]
struct Places {
    /// The folder of `etcd` and `etcdctl`
    #[arg(long)]
    programs: PathBuf,
    /// The folder of the members' data
    #[arg(long)]
    scratch: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// A cluster to play with, until Ctrl-C
    Start(Places),
    /// The checks
    Test {
        #[command(flatten)]
        places: Places,
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
    /// What a pool costs, beside the bare requests
    Bench {
        #[command(flatten)]
        places: Places,
        /// The folder of the results
        #[arg(long)]
        out: PathBuf,
        /// How often each work is timed
        #[arg(long, default_value_t = 101)]
        rounds: usize,
    },
    /// Do one work, and print the threads and the memory of this process
    #[command(hide = true)]
    Weigh(Weigh),
    /// Run a command, and print the peak of its memory
    #[command(hide = true)]
    PeakOf {
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Hold a closing mark until this process is killed
    #[command(hide = true)]
    Hold(Hold),
    /// Make one step of a move
    #[command(hide = true)]
    Wrapper(Wrapper),
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = interrupt::catch().and_then(|()| run(options.work));
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(work: Work) -> Result<ExitCode> {
    let good = match work {
        Work::Start(places) => {
            let programs = Programs::in_folder(&places.programs)?;
            let cluster = Cluster::start(&programs, &places.scratch.join("play"), &[])?;
            start::until_interrupted(&cluster, &places.scratch)?;
            true
        }
        Work::Test {
            places,
            out,
            only,
            short,
        } => {
            let programs = Programs::in_folder(&places.programs)?;
            {
                let chosen = Chosen { only, short };
                checks::run(&programs, &places.scratch, &out, &chosen)?
            }
        }
        Work::Bench {
            places,
            out,
            rounds,
        } => {
            let programs = Programs::in_folder(&places.programs)?;
            bench::run(&programs, &places.scratch, &out, rounds)?
        }
        Work::Weigh(work) => {
            bench::weight::weigh(&work)?;
            true
        }
        Work::PeakOf { words } => {
            bench::command::print_peak(&words)?;
            true
        }
        Work::Hold(hold) => {
            holder::hold(hold)?;
            true
        }
        Work::Wrapper(wrapper) => {
            wrapper::run(wrapper)?;
            true
        }
    };
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
