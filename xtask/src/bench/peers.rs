//! `cargo xtask bench --peers`: the store beside real libxl, what a programmer would pick instead,
//! and the bare system calls.
//!
//! Builds the package `userdata-bench-peers`, which is a workspace of its own, and runs it on a
//! tmpfs and in images of journalled ext4, xfs and btrfs. They are removed afterwards.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{EXT4, INSTALL, Image, RUN, STRACE, Task, XFS, images, is_tmpfs, scratch_in};
use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::project;
use crate::xen::libxl_driver;

const BUILD: Duration = Duration::from_secs(3600);
const COMPILE: Duration = Duration::from_secs(60);

/// Several layouts have 100 000 files each.
const IMAGE_LEN: u64 = 4 << 30;

const BTRFS: Image = Image {
    name: "btrfs",
    mkfs: Need::of("mkfs.btrfs", &["apt-get", "install", "btrfs-progs"]),
    command: &["mkfs.btrfs", "-q"],
};

/// Compiles the peer in C, and SQLite and LMDB in the build.
const GCC: Need = Need::of("gcc", &["apt-get", "install", "gcc"]);

/// What could not be done here, and why.
#[derive(Default)]
struct LeftOut(Vec<String>);

impl LeftOut {
    /// What was made; or notes the reason, unless the user asked us to end.
    fn unless<T>(&mut self, what: &str, made: Result<T>) -> Result<Option<T>> {
        match made {
            Ok(made) => Ok(Some(made)),
            Err(error) => {
                child::check_interrupt()?;
                self.0.push(format!("{what}: {error:#}"));
                Ok(None)
            }
        }
    }
}

pub(super) fn run(task: &Task) -> Result<ExitCode> {
    let out = project::target().join("bench-peers");
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut left_out = LeftOut::default();
    let mut log = Log::create(&out, "install", INSTALL)?;
    GCC.provide(&mut log)?;
    left_out.unless("system calls", STRACE.provide(&mut log))?;
    let libxl = out.join("libxl");
    let linked = libxl_driver::peer(&task.source, &libxl);
    let libxl = left_out.unless("libxl", linked)?.map(|()| libxl);
    let stdio = stdio(&out)?;
    let programs = build(task.unoptimised)?;
    let image_dir = scratch_in(&out)?;
    let mut log = Log::create(&out, "images", INSTALL)?;
    let which = [EXT4, XFS, BTRFS];
    let made = match task.unoptimised {
        true => Err(anyhow::anyhow!("left out without optimisation")),
        false => images(image_dir.path(), &which, IMAGE_LEN, &mut log),
    };
    let made = left_out.unless("ext4, xfs and btrfs", made)?;
    let tmpfs = is_tmpfs(&task.tmpfs).then(|| scratch_in(&task.tmpfs));
    let tmpfs = tmpfs.transpose()?;
    if tmpfs.is_none() {
        let path = task.tmpfs.display();
        left_out.0.push(format!("tmpfs: {path} is not one"));
    }
    // The mounts are in a namespace of the program's own, and end with it.
    let mut command = match &made {
        Some(_) => child::command("unshare"),
        None => child::command(&programs.peers),
    };
    if made.is_some() {
        command.args(["--mount", "--"]).arg(&programs.peers);
    }
    command.arg("run").args(task.quick.then_some("--quick"));
    if let Some(rounds) = task.rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    command.arg("--stdio").arg(&stdio);
    command.arg("--command").arg(&programs.command);
    command.arg("--out").arg(&out);
    if let Some(libxl) = &libxl {
        command.arg("--libxl").arg(libxl);
    }
    for image in made.iter().flatten() {
        command.arg("--image").arg(image);
    }
    for text in &left_out.0 {
        writeln!(io::stdout(), "left out: {text}\n")?;
        command.arg("--left-out").arg(text);
    }
    command.args(tmpfs.as_ref().map(TempDir::path));
    let status = Child::start(&mut command, RUN)?.wait(|| ())?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Compiles the algorithm of 2010.
fn stdio(out: &Path) -> Result<PathBuf> {
    let sources = project::root().join("bench/peers/c");
    let program = out.join("stdio");
    let mut gcc = child::command("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra", "-o"]).arg(&program);
    gcc.args(["timed.c", "stdio.c"].map(|name| sources.join(name)));
    child::run(&mut gcc, COMPILE).context("compiling the algorithm of 2010")?;
    Ok(program)
}

struct Programs {
    peers: PathBuf,
    command: PathBuf,
}

/// Builds the peers and the command `userdata`.
fn build(unoptimised: bool) -> Result<Programs> {
    let (profile, folder) = match unoptimised {
        true => ("dev", "debug"),
        false => ("release", "release"),
    };
    let target = project::target().join("peers");
    let mut peers = child::command(project::cargo());
    peers.current_dir(project::root().join("bench/peers"));
    peers.args(["build", "--locked", "--profile", profile, "--target-dir"]);
    Child::start(peers.arg(&target), BUILD)?.succeed()?;
    let mut command = child::command(project::cargo());
    command.current_dir(project::root());
    command.args(["build", "--locked", "--profile", profile]);
    command.args(["--package", "userdata-cli"]);
    Child::start(&mut command, BUILD)?.succeed()?;
    Ok(Programs {
        peers: target.join(folder).join("userdata-bench-peers"),
        command: project::target().join(folder).join("userdata"),
    })
}
