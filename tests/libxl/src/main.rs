//! The same steps through real libxl and through this library, compared.
//!
//! usage: `libxl-diff --driver PROGRAM [--cases N] [--seed N] [PART-OF-A-NAME]`, or
//! `libxl-diff --page`
//!
//! Real libxl runs in processes of its own, on a hypervisor that is not there: the driver, which
//! `cargo xtask xen libxl-diff` compiles and links to the libxl of Debian's package. Every step
//! begins with two directories that are alike and is taken in both, in the first by libxl; what is
//! different afterwards has to be in the table of differences, and what is in the table has to be
//! different. `--page` prints the table as docs/differences.md.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

mod amendment;
mod answer;
mod check;
mod checks;
mod difference;
mod differences;
mod libxl;
mod ours;
mod page;
mod setting;
mod step;
mod strategy;
mod tree;
mod world;

/// The same steps through real libxl and through this library, compared.
#[derive(Debug, Parser)]
struct Options {
    /// The program in which real libxl runs
    #[arg(long, required_unless_present = "page")]
    driver: Option<PathBuf>,
    /// How many sequences of steps are drawn, for each of the checks that draw them
    #[arg(long, default_value_t = 300)]
    cases: u64,
    /// The seed of the first sequence; each of the others has the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the table of differences, and check nothing
    #[arg(long)]
    page: bool,
    /// Only checks whose name contains this
    #[arg(default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    if options.page {
        write!(io::stdout(), "{}", page::page())?;
        return Ok(true);
    }
    let driver = options.driver.as_deref().context("no driver")?;
    // Started in other directories than this.
    let driver = driver
        .canonicalize()
        .with_context(|| format!("no {}", driver.display()))?;
    let subject = check::Subject {
        driver,
        cases: options.cases,
        seed: options.seed,
    };
    check::run(checks::ALL, &options.only, &subject)
}
