//! `cargo xtask xen libxl-diff`: compares the libxl of Debian's package with this library, without
//! a hypervisor.
//!
//! libxl runs in a program that stands in for the hypervisor and the xenstore
//! (`xtask/xen/without-xen/`). The package `userdata-libxl-diff` drives that program and compares.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::run_dir::RunDir;
use super::{image, libxl_driver, tools};
use crate::child::{self, Child};
use crate::debian::apt::Source;
use crate::progress::Screen;
use crate::project;

const BUILD: Duration = Duration::from_secs(1800);
const RUN: Duration = Duration::from_secs(3600);

/// Options of `cargo xtask xen libxl-diff`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many sequences of steps are drawn
    #[arg(long, default_value_t = 300)]
    cases: u64,
    /// The seed of the first sequence; each of the others has the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only checks whose name contains this
    #[arg(default_value = "")]
    check: String,
    #[command(flatten)]
    source: Source,
}

/// Compares, and returns the status that the comparison ended with.
pub(super) fn run(options: &Options) -> Result<u8> {
    compare(None, options)
}

/// Compares the drop-in with libxl, in a program that is linked to libxl. Returns the status that
/// the comparison ended with.
pub(crate) fn of_drop_in(drop_in: &Path, options: &Options) -> Result<u8> {
    compare(Some(drop_in), options)
}

fn compare(drop_in: Option<&Path>, options: &Options) -> Result<u8> {
    tools::ensure_to_compile()?;
    let lane = Screen::new().lane("libxl-diff");
    let image = image::ready(libxl_driver::RELEASE, &options.source, &lane)?;
    let what = drop_in.map_or("libxl-diff", |_| "drop-in");
    let dir = RunDir::take(libxl_driver::RELEASE, what)?;
    let driver = dir.path().join("libxl-driver");
    libxl_driver::told(&image, &driver)?;
    lane.say("building userdata-libxl-diff");
    let program = build()?;
    drop(lane);
    let mut command = child::command(program);
    command.arg("--driver").arg(driver);
    if let Some(drop_in) = drop_in {
        let caller = dir.path().join("drop-in");
        libxl_driver::of_drop_in(&image, &caller)?;
        command.arg("--drop-in").arg(drop_in);
        command.arg("--program").arg(caller);
    }
    command.args(["--cases", &options.cases.to_string()]);
    command.args(["--seed", &options.seed.to_string()]);
    command.arg(&options.check);
    let status = Child::start(&mut command, RUN)?.wait(|| ())?;
    let code = status.code().context("the comparison was killed")?;
    Ok(u8::try_from(code)?)
}

fn build() -> Result<PathBuf> {
    let mut cargo = project::build(&["libxl-diff"]);
    Child::start(cargo.arg("--quiet"), BUILD)?.succeed()?;
    Ok(project::target().join("debug/libxl-diff"))
}
