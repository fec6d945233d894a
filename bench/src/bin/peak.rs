//! Does some work, and writes how many bytes of memory this process had at most.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use userdata_bench::peak::Work;

/// Does some work, whose memory is measured.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is done
    work: Work,
    /// For how many domains, if it is a sweep
    domains: u32,
    /// In which directory
    directory: PathBuf,
}

fn main() -> Result<()> {
    let Arguments {
        work,
        domains,
        directory,
    } = Arguments::parse();
    let peak = work.run(domains, &directory)?;
    writeln!(io::stdout(), "{peak}")?;
    Ok(())
}
