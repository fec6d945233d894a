//! The same steps through real libxl and through this library, compared.
//!
//! usage: `libxl-diff --driver PROGRAM [--cases N] [--seed N] [PART-OF-A-NAME]`, or
//! `libxl-diff --page`
//!
//! Real libxl runs in processes of the driver, with a fake hypervisor. `cargo xtask xen libxl-diff`
//! compiles the driver and links it to the libxl of Debian's package. Every step begins with two
//! equal directories and is taken in both, in the first one by libxl. Afterwards the directories
//! may differ only as the table of differences says, and they have to differ if the table says so.
//! With `--drop-in` the calls in the second directory are those of the drop-in (`cargo xtask capi
//! test`). `--page` prints the table as docs/differences.md.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
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
    /// The program that runs real libxl
    #[arg(long, required_unless_present = "page")]
    driver: Option<PathBuf>,
    /// Compare the drop-in: this one, built with the features `probe` and `simulated`
    #[arg(long, requires = "program")]
    drop_in: Option<PathBuf>,
    /// The C program that calls the drop-in
    #[arg(long)]
    program: Option<PathBuf>,
    /// How many sequences of steps each check draws
    #[arg(long, default_value_t = 300)]
    cases: u64,
    /// The seed of the first sequence; later ones have the numbers that follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the table of differences and run no check
    #[arg(long)]
    page: bool,
    /// Run only the checks whose name contains this
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
    // They are started in other directories.
    let absolute = |path: &Path| {
        path.canonicalize()
            .with_context(|| format!("no {}", path.display()))
    };
    let subject = check::Subject {
        driver: libxl::Driver {
            program: absolute(driver)?,
            drop_in: options.drop_in.as_deref().map(absolute).transpose()?,
        },
        program: options.program.as_deref().map(absolute).transpose()?,
        cases: options.cases,
        seed: options.seed,
    };
    let checks = match subject.driver.drop_in {
        Some(_) => checks::OF_DROP_IN,
        None => checks::ALL,
    };
    check::run(checks, &options.only, &subject)
}
