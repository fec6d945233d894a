//! Does one case again and again, and writes what was allocated for it as JSON.

use std::alloc::System;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use userdata_bench::case::Case;
use userdata_bench::counts::Allocated;
use userdata_bench::subject::Subject;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Does one case again and again, to be counted.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is done
    case: Case,
    /// How often
    times: u32,
    /// In which directory
    directory: PathBuf,
}

fn main() -> Result<()> {
    let Arguments {
        case,
        times,
        directory,
    } = Arguments::parse();
    let mut subject = Subject::open(&directory, None)?;
    let region = Region::new(ALLOCATOR);
    subject.turn(case, 0, times)?;
    let stats = region.change();
    let allocated = Allocated {
        number: stats.allocations + stats.reallocations,
        bytes: stats.bytes_allocated,
    };
    writeln!(io::stdout(), "{}", serde_json::to_string(&allocated)?)?;
    Ok(())
}
