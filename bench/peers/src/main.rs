//! Times every peer in one run and compares them; also a peer in a process of its own.

use std::io;
use std::path::Path;

use anyhow::Result;
use clap::Parser;
use userdata_bench_peers::lineup::Kind;
use userdata_bench_peers::run::Run;
use userdata_bench_peers::serve::serve;

/// The userdata store beside real libxl, databases and bare system calls, in one run.
#[derive(Debug, Parser)]
enum Arguments {
    /// Time every peer and compare them
    Run(Run),
    /// Do what lines on standard input say, with a peer in the working directory
    Serve {
        /// Which one
        kind: Kind,
    },
}

fn main() -> Result<()> {
    match Arguments::parse() {
        Arguments::Run(run) => run.run(),
        Arguments::Serve { kind } => {
            let mut peer = kind.open_here(Path::new("."))?;
            serve(peer.as_mut(), io::stdin().lock(), io::stdout().lock())
        }
    }
}
