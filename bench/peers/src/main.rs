//! A peer in a process of its own.

use std::io;
use std::path::Path;

use anyhow::Result;
use clap::Parser;
use userdata_bench_peers::lineup::Kind;
use userdata_bench_peers::serve::serve;

/// Does what lines on standard input say.
#[derive(Debug, Parser)]
enum Arguments {
    /// A peer in the working directory
    Serve {
        /// Which one
        kind: Kind,
    },
}

fn main() -> Result<()> {
    let Arguments::Serve { kind } = Arguments::parse();
    let mut peer = kind.open_here(Path::new("."))?;
    serve(peer.as_mut(), io::stdin().lock(), io::stdout().lock())
}
