//! What the store costs, against the fewest system calls that could do the same.
//!
//! Builds the package `userdata-bench` in release mode and runs it in scratch directories on a
//! tmpfs and on a disk. They are removed afterwards, on Ctrl-C too.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use rustix::fs::statfs;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::child::{self, Child};
use crate::project;

const INSTALL: Duration = Duration::from_secs(600);
const BUILD: Duration = Duration::from_secs(3600);
const RUN: Duration = Duration::from_secs(3600);

/// What `statfs(2)` calls a tmpfs.
const TMPFS: u64 = 0x0102_1994;

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Take fewer rounds
    #[arg(long)]
    quick: bool,
    /// End with a failure when a limit is not shown to be kept
    #[arg(long)]
    check: bool,
    /// A directory on the disk that is measured [default: target/bench]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// A directory on a tmpfs; left out if it is none
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    tmpfs: PathBuf,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let out = project::target().join("bench");
        fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        install_strace()?;
        build()?;
        let mut scratch = Vec::new();
        if is_tmpfs(&self.tmpfs) {
            scratch.push(scratch_in(&self.tmpfs)?);
        } else {
            let path = self.tmpfs.display();
            writeln!(io::stdout(), "NOT MEASURED on a tmpfs: {path} is none\n")?;
        }
        scratch.push(scratch_in(self.dir.as_ref().unwrap_or(&out))?);
        let mut command = child::command(project::target().join("release/userdata-bench"));
        command.args(self.quick.then_some("--quick"));
        command.args(self.check.then_some("--check"));
        command.arg("--out").arg(&out);
        command.args(scratch.iter().map(TempDir::path));
        let status = Child::start(&mut command, RUN)?.wait(|| ())?;
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn build() -> Result<()> {
    let mut command = child::command(project::cargo());
    command.current_dir(project::root()).args([
        "build",
        "--locked",
        "--release",
        "--package",
        "userdata-bench",
    ]);
    Child::start(&mut command, BUILD)?.succeed()
}

/// System calls are counted by strace. Where it is missing and we are root, apt-get installs it;
/// without it the benchmark says that it did not count.
fn install_strace() -> Result<()> {
    let is_there = |mut command| child::run(&mut command, INSTALL).is_ok();
    let with = |program: &str, arguments: &[&str]| {
        let mut command = child::command(program);
        command.args(arguments.iter().map(OsStr::new));
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    if is_there(with("strace", &["--version"])) || !geteuid().is_root() {
        return Ok(());
    }
    writeln!(io::stdout(), "installing strace")?;
    let installed = child::run(&mut with("apt-get", &["update"]), INSTALL).and_then(|()| {
        let install = ["install", "--yes", "--no-install-recommends", "strace"];
        child::run(&mut with("apt-get", &install), INSTALL)
    });
    if let Err(error) = installed {
        child::check_interrupt()?;
        writeln!(io::stdout(), "cannot install strace: {error:#}\n")?;
    }
    Ok(())
}

fn scratch_in(path: &Path) -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("userdata-bench-")
        .tempdir_in(path)
        .with_context(|| format!("cannot make a directory in {}", path.display()))
}

fn is_tmpfs(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| u64::try_from(fs.f_type) == Ok(TMPFS))
}
