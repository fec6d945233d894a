//! Power cuts on the kernel's own file systems.
//!
//! Builds the package `userdata-power-cut` and runs it in a mount namespace of its own, so that its
//! mounts end with it, however it ends. Needs root, FUSE and loop devices; where one is missing it
//! runs nothing, and says so.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rustix::process::geteuid;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::{Need, Unavailable};
use crate::project;

const BUILD: Duration = Duration::from_secs(3600);
const INSTALL: Duration = Duration::from_secs(600);
const RUN: Duration = Duration::from_secs(24 * 3600);

/// How many times to look, a tenth of a second apart, whether a loop device is gone.
const LOOKS_MAX: u32 = 50;

/// The programs that make, mount and repair the file systems.
pub(crate) const NEEDS: &[Need] = &[
    Need::of("mkfs.ext4", &["apt-get", "install", "e2fsprogs"]).probed_by(&["mkfs.ext4", "-V"]),
    Need::of("mkfs.xfs", &["apt-get", "install", "xfsprogs"]).probed_by(&["mkfs.xfs", "-V"]),
    Need::of("mkfs.btrfs", &["apt-get", "install", "btrfs-progs"]),
    Need::of("mount", &["apt-get", "install", "mount"]),
    Need::of("losetup", &["apt-get", "install", "mount"]),
];

/// Options of `cargo xtask power-cut`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// On this file system only (ext4, xfs, btrfs, ext4-no-journal); may be given again
    #[arg(long, value_name = "FS")]
    fs: Vec<String>,
    /// In this form only (full, file, process, full-without-file-sync,
    /// full-without-directory-sync, one-barrier, rename-then-sync); may be given again
    #[arg(long, value_name = "FORM")]
    form: Vec<String>,
    /// How many power cuts in all
    #[arg(long, default_value_t = 2000)]
    states: u32,
    /// The seed of the changes and the power cuts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many file systems at a time [default: all]
    #[arg(long)]
    jobs: Option<u32>,
    /// Show one power cut of a recording again, and run no others
    #[arg(long, value_name = "RECORDING", requires = "cut")]
    replay: Option<PathBuf>,
    /// Which one
    #[arg(long, requires = "replay")]
    cut: Option<String>,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if let Err(missing) = possible() {
            writeln!(io::stdout(), "skipped: {missing}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let out = out()?;
        let mut log = Log::create(&out, "install", INSTALL)?;
        NEEDS.iter().try_for_each(|need| need.provide(&mut log))?;
        Child::start(&mut project::build(&["power-cut"]), BUILD)?.succeed()?;
        let scratch = tempfile::Builder::new()
            .prefix("userdata-power-cut-")
            .tempdir()
            .context("cannot make a folder for the disks")?;
        let mut command = rig();
        match (&self.replay, &self.cut) {
            (Some(recording), Some(cut)) => {
                command.arg("replay").arg(recording).args(["--cut", cut]);
            }
            _ => {
                command.arg("run").arg("--out").arg(&out);
                command.args(["--states", &self.states.to_string()]);
                command.args(["--seed", &self.seed.to_string()]);
                command.args(self.fs.iter().flat_map(|fs| ["--fs", fs]));
                command.args(self.form.iter().flat_map(|form| ["--form", form]));
                if let Some(jobs) = self.jobs {
                    command.args(["--jobs", &jobs.to_string()]);
                }
            }
        }
        let ended = run(command.arg(scratch.path()));
        let left = remove_loop_devices(scratch.path());
        let status = ended?;
        left?;
        Ok(if status {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Checks that power cuts can be tried on this machine. The error says what is missing.
pub(crate) fn possible() -> Result<(), Unavailable> {
    if !geteuid().is_root() {
        return Err(Unavailable("only root may mount file systems"));
    }
    let opens = |path: &str| File::options().read(true).write(true).open(path).is_ok();
    if !opens("/dev/fuse") {
        return Err(Unavailable(
            "this machine has no FUSE: /dev/fuse does not open",
        ));
    }
    if !opens("/dev/loop-control") {
        return Err(Unavailable(
            "there are no loop devices here: /dev/loop-control does not open",
        ));
    }
    let mut namespace = child::command("unshare");
    match child::run(namespace.args(["--mount", "true"]), INSTALL) {
        Ok(()) => Ok(()),
        Err(_) => Err(Unavailable("no mount namespace can be made here")),
    }
}

/// The folder of the report and the recordings of failures.
fn out() -> Result<PathBuf> {
    let out = project::target().join("power-cut");
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(out)
}

fn rig() -> Command {
    let mut command = child::command("unshare");
    command
        .args(["--mount", "--"])
        .arg(project::target().join("debug/power-cut"));
    command
}

fn run(command: &mut Command) -> Result<bool> {
    Ok(Child::start(command, RUN)?.wait(|| ())?.success())
}

/// The kernel removes a loop device when its mount ends, soon after the rig. A device that stays is
/// removed, and is an error.
fn remove_loop_devices(scratch: &Path) -> Result<()> {
    let name = scratch.file_name().unwrap_or_default().to_string_lossy();
    for _ in 0..LOOKS_MAX {
        if loop_devices_of(&name)?.is_empty() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    let left = loop_devices_of(&name)?;
    for device in &left {
        let mut detach = Command::new("losetup");
        let _ = detach.arg("--detach").arg(device).status();
    }
    ensure!(left.is_empty(), "loop devices were left behind: {left:?}");
    Ok(())
}

/// The loop devices before files of this name.
fn loop_devices_of(name: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for block in fs::read_dir("/sys/block").context("listing block devices")? {
        let block = block.context("listing block devices")?;
        let file = fs::read_to_string(block.path().join("loop/backing_file"));
        if file.is_ok_and(|file| file.contains(name)) {
            found.push(Path::new("/dev").join(block.file_name()));
        }
    }
    Ok(found)
}

/// The step of continuous integration: 2 000 power cuts.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    possible()?;
    log.cargo(&["xtask", "power-cut", "--states", "2000"])?;
    let seen = log.last_line();
    if seen.is_empty() {
        bail!("nothing was seen");
    }
    Ok(seen)
}
