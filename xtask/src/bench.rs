//! What the store costs, against the fewest system calls that could do the same and real libxl.
//!
//! Builds the package `userdata-bench` in release mode and runs it in scratch directories on a
//! tmpfs and on a disk, or in images of journalled file systems that are made for it. They are
//! removed afterwards, on Ctrl-C too. It leaves out what this machine can't do, and says so. With
//! `--peers` it runs the package `userdata-bench-peers` instead, in the same way; with `--pool`,
//! the benchmark of a pool on real etcd clusters.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use rustix::fs::statfs;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::{Need, Unavailable};
use crate::xen::libxl_driver;
use crate::{capi, debian, pool, project};

mod peers;

const INSTALL: Duration = Duration::from_secs(600);
const BUILD: Duration = Duration::from_secs(3600);
const RUN: Duration = Duration::from_secs(3600);

/// The program that counts system calls.
const STRACE: Need = Need::of("strace", &["apt-get", "install", "strace"]);

/// The program that mounts images.
const MOUNT: Need = Need::of("mount", &["apt-get", "install", "mount"]);

/// A journalled file system in an image, with the command that makes it.
struct Image {
    name: &'static str,
    mkfs: Need,
    command: &'static [&'static str],
}

/// An inode for every 8 KiB is enough for all files, and the work that ext4 would do in the
/// background is done at once.
const EXT4: Image = Image {
    name: "ext4",
    mkfs: Need::of("mkfs.ext4", &["apt-get", "install", "e2fsprogs"])
        .probed_by(&["mkfs.ext4", "-V"]),
    command: &[
        "mkfs.ext4",
        "-q",
        "-i",
        "8192",
        "-E",
        "lazy_itable_init=0,lazy_journal_init=0",
    ],
};

const XFS: Image = Image {
    name: "xfs",
    mkfs: Need::of("mkfs.xfs", &["apt-get", "install", "xfsprogs"]).probed_by(&["mkfs.xfs", "-V"]),
    command: &["mkfs.xfs", "-q"],
};

/// The size of an image in bytes; it has holes.
const IMAGE_LEN: u64 = 2 << 30;

/// The number of tmpfs in `statfs(2)`.
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
    /// Measure only operations on one value or domain, only sweep, export and import, only threads
    /// that store at once, only batches of durable stores, or only how long a lock is waited for
    #[arg(
        long,
        value_name = "PART",
        value_parser = ["one", "many", "threads", "batch", "waiting"],
    )]
    only: Option<String>,
    /// Measure the memory of a sweep of a million files on the tmpfs, too
    #[arg(long)]
    million: bool,
    /// Compare with the peers instead: real libxl, the algorithm of 2010, SQLite, redb, LMDB, fjall
    /// and others
    #[arg(long, conflicts_with_all = ["check", "only", "million", "dir"])]
    peers: bool,
    /// Measure a pool on real etcd clusters instead, beside the bare requests of the same client
    #[arg(long, conflicts_with_all = ["check", "only", "million", "dir", "peers"])]
    pool: bool,
    /// How many rounds of operations on one value or domain there are beside the peers; more on a
    /// busy machine [default: 31, or 7 with --quick]
    #[arg(long, value_name = "NUMBER", requires = "peers")]
    rounds: Option<u32>,
    /// Build the peers without optimisation, which takes a third of the time, and leave out the
    /// disk images: to see that all of them work. The figures then say nothing
    #[arg(long, requires = "peers")]
    unoptimised: bool,
    /// A directory on a disk that is measured, too [default: target/bench where no image can be
    /// mounted]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// A directory on a tmpfs; left out if it is on another file system
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    tmpfs: PathBuf,
    #[command(flatten)]
    source: debian::apt::Source,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.peers {
            return peers::run(&self);
        }
        if self.pool {
            let rounds = if self.quick { 21 } else { 101 };
            let out = project::target().join("bench-pool");
            return pool::bench(rounds, &out, &self.source);
        }
        let out = project::target().join("bench");
        fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        let mut log = Log::create(&out, "install", INSTALL)?;
        let libxl = match self.only.as_deref() {
            Some("many" | "threads" | "batch" | "waiting") => None,
            _ => self.tools(&out, &mut log)?,
        };
        let libraries = match libxl {
            Some(_) => libraries(&out.join("lib"))?,
            None => None,
        };
        build()?;
        let image_dir = scratch_in(&out)?;
        // A new log: the time limit of the first one may have passed during the builds.
        let mut log = Log::create(&out, "images", INSTALL)?;
        let images = match images(image_dir.path(), &[EXT4, XFS], IMAGE_LEN, &mut log) {
            Ok(images) => images,
            Err(error) => {
                leave_out("NOT MEASURED on journalled ext4 and xfs", &error)?;
                Vec::new()
            }
        };
        let mut scratch = Vec::new();
        if is_tmpfs(&self.tmpfs) {
            scratch.push(scratch_in(&self.tmpfs)?);
        } else {
            let path = self.tmpfs.display();
            writeln!(io::stdout(), "NOT MEASURED on a tmpfs: {path} is not one\n")?;
        }
        let disk = self
            .dir
            .as_deref()
            .or(images.is_empty().then_some(out.as_path()));
        scratch.extend(disk.map(scratch_in).transpose()?);
        let program = project::target().join("release/userdata-bench");
        let mut command = if images.is_empty() {
            child::command(program)
        } else {
            // The mounts are in a namespace of the program's own, and end with it.
            let mut command = child::command("unshare");
            command.args(["--mount", "--"]).arg(program);
            command
        };
        command.args(self.quick.then_some("--quick"));
        command.args(self.check.then_some("--check"));
        command.args(self.million.then_some("--million"));
        if let Some(part) = &self.only {
            command.arg("--only").arg(part);
        }
        command.arg("--out").arg(&out);
        if let Some(libxl) = &libxl {
            command.arg("--libxl").arg(libxl);
        }
        if let Some(libraries) = &libraries {
            command.arg("--libraries").arg(libraries);
        }
        for image in &images {
            command.arg("--image").arg(image);
        }
        command.args(scratch.iter().map(TempDir::path));
        let status = Child::start(&mut command, RUN)?.wait(|| ())?;
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Task {
    /// Gets what counts system calls, and returns the program that calls libxl.
    fn tools(&self, out: &Path, log: &mut Log) -> Result<Option<PathBuf>> {
        if let Err(error) = STRACE.provide(log) {
            leave_out("System calls are not counted", &error)?;
        }
        let libxl = out.join("libxl-timed");
        match libxl_driver::timed(&self.source, &libxl) {
            Ok(()) => Ok(Some(libxl)),
            Err(error) => {
                leave_out("NOT MEASURED against real libxl", &error)?;
                Ok(None)
            }
        }
    }
}

/// Builds the C library, and the drop-in with a hypervisor that answers at once, into this folder.
fn libraries(folder: &Path) -> Result<Option<PathBuf>> {
    let mut run = |command: &mut Command| Child::start(command, BUILD)?.succeed();
    let built = capi::USERDATA
        .build(&[], folder, &mut run)
        .and_then(|_| capi::DROP_IN.build(&["at-once"], folder, &mut run));
    match built {
        Ok(_) => Ok(Some(folder.to_owned())),
        Err(error) => {
            leave_out("The C libraries are NOT MEASURED", &error)?;
            Ok(None)
        }
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

/// Prints what is left out, unless the user asked us to end.
fn leave_out(what: &str, error: &anyhow::Error) -> Result<()> {
    child::check_interrupt()?;
    writeln!(io::stdout(), "{what}: {error:#}\n")?;
    Ok(())
}

/// Makes images of journalled file systems in this directory.
fn images(dir: &Path, which: &[Image], len: u64, log: &mut Log) -> Result<Vec<PathBuf>> {
    may_mount()?;
    MOUNT.provide(log)?;
    let mut images = Vec::new();
    for image in which {
        image.mkfs.provide(log)?;
        let path = dir.join(image.name);
        File::create_new(&path)
            .and_then(|file| file.set_len(len))
            .with_context(|| format!("cannot make {}", path.display()))?;
        let [mkfs, args @ ..] = image.command else {
            continue;
        };
        log.run(child::command(mkfs).args(args).arg(&path))?;
        images.push(path);
    }
    Ok(images)
}

fn may_mount() -> Result<(), Unavailable> {
    if !geteuid().is_root() {
        return Err(Unavailable("only root may mount file systems"));
    }
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control");
    if control.is_err() {
        return Err(Unavailable(
            "there are no loop devices here: /dev/loop-control does not open",
        ));
    }
    let mut namespace = child::command("unshare");
    child::run(namespace.args(["--mount", "true"]), INSTALL)
        .map_err(|_| Unavailable("no mount namespace can be made here"))
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
