//! Real etcd clusters: three members on this machine, from Debian's packages.
//!
//! apt-get fetches the packages of a suite. They are unpacked and never installed, and no service
//! is started. The program of the package `userdata-pool-tests` starts the members and ends them by
//! their own ids; the kernel kills them if it is killed itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use tempfile::TempDir;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::debian::apt::Source;
use crate::progress::Screen;
use crate::{debian, project};
use suite::Suite;

mod suite;

const BUILD: Duration = Duration::from_secs(3600);
const INSTALL: Duration = Duration::from_secs(600);
const RUN: Duration = Duration::from_secs(24 * 3600);

/// What `cargo xtask pool` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Conformance, faults, the fence, marks, dead hosts and damaged records on real clusters
    Test {
        /// Debian's release that the packages are from [default: both]
        #[arg(long, value_enum)]
        etcd: Option<Suite>,
        /// Only checks whose name contains this; may be given again
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Those that continuous integration runs
        #[arg(long)]
        short: bool,
        #[command(flatten)]
        source: Source,
    },
    /// A cluster to play with: prints functions for the shell, and ends with Ctrl-C
    Start {
        /// Debian's release that the packages are from
        #[arg(long, value_enum, default_value_t = Suite::V13)]
        etcd: Suite,
        #[command(flatten)]
        source: Source,
    },
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (suites, source) = match &self {
            Self::Test { etcd, source, .. } => (suite::chosen(*etcd), source),
            Self::Start { etcd, source } => (vec![*etcd], source),
        };
        let programs = provide(suites, source)?;
        Child::start(&mut build(), BUILD)?.succeed()?;
        let scratch = scratch()?;
        let mut good = true;
        for programs in programs {
            let mut command = child::command(project::target().join("debug/pool-rig"));
            let work = match &self {
                Self::Start { .. } => "start",
                Self::Test { .. } => "test",
            };
            command.arg(work).arg("--programs").arg(&programs);
            command.arg("--scratch").arg(scratch.path());
            match &self {
                Self::Start { .. } => {}
                Self::Test { only, short, .. } => {
                    command.arg("--out").arg(folder()?);
                    command.args(short.then_some("--short"));
                    command.args(only.iter().flat_map(|name| ["--only", name]));
                }
            }
            good &= Child::start(&mut command, RUN)?.wait(|| ())?.success();
        }
        Ok(if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// A cluster to play with, as long as this value.
#[derive(Debug)]
pub(crate) struct Play {
    child: Child,
    /// The members end before their folder is removed.
    scratch: TempDir,
}

impl Play {
    /// Starts it, with the newest etcd.
    pub(crate) fn start(source: &Source) -> Result<Self> {
        let programs = provide(vec![Suite::V13], source)?;
        Child::start(&mut build(), BUILD)?.succeed()?;
        let scratch = scratch()?;
        let mut command = child::command(project::target().join("debug/pool-rig"));
        command.arg("start").arg("--programs").args(&programs);
        command.arg("--scratch").arg(scratch.path());
        command.stdout(Stdio::null());
        let child = Child::start(&mut command, RUN)?;
        Ok(Self { child, scratch })
    }

    /// The text of the first host's file, once all members answer. Fails if the cluster has ended.
    pub(crate) fn file(&mut self) -> Result<Option<String>> {
        if let Some(status) = self.child.poll()? {
            bail!("the cluster ended with {status}");
        }
        // The file of the last host is written last.
        let of = |host| fs::read_to_string(self.scratch.path().join(format!("{host}.toml")));
        Ok(match of("b") {
            Ok(last) if last.ends_with('\n') => Some(of("a")?),
            _ => None,
        })
    }
}

/// Installs what is needed, and returns the folders of etcd's programs.
fn provide(suites: Vec<Suite>, source: &Source) -> Result<Vec<PathBuf>> {
    let screen = Screen::new();
    let mut log = Log::create(&folder()?, "install", INSTALL)?;
    let mut needs = debian::NEEDS.iter().chain(&[PROTOC, PROTOS, OPENSSL]);
    needs.try_for_each(|need| need.provide(&mut log))?;
    let programs = |one: Suite| {
        let lane = screen.lane(&format!("etcd of Debian {one}"));
        one.programs(source, &lane)
    };
    suites.into_iter().map(programs).collect()
}

/// The folder of a cluster's data; the members are gone before it is removed.
fn scratch() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("cluster-")
        .tempdir_in(folder()?)
        .context("cannot make a folder for the cluster")
}

/// The profile of cargo with which the command is installed, and the name of its folder.
const PROFILE: &str = "command";

/// Measures what a pool costs with both versions, built as the command is installed, and writes the
/// results into this folder.
pub(crate) fn bench(rounds: u32, out: &Path, source: &Source) -> Result<ExitCode> {
    let programs = provide(suite::chosen(None), source)?;
    // Not with the features of the whole workspace, which an installed command does not have.
    let mut build = child::command(project::cargo());
    build.current_dir(project::root());
    build.args(["build", "--locked", "--profile", PROFILE]);
    build.args([
        "--package",
        "userdata-pool-tests",
        "--package",
        "userdata-cli",
    ]);
    build.args(["--features", "userdata-cli/pool"]);
    Child::start(&mut build, BUILD)?.succeed()?;
    let scratch = scratch()?;
    let mut kept = true;
    for programs in programs {
        let mut command = child::command(project::target().join(PROFILE).join("pool-rig"));
        command.arg("bench").arg("--programs").arg(&programs);
        command.arg("--scratch").arg(scratch.path());
        command.arg("--out").arg(out);
        command.args(["--rounds", &rounds.to_string()]);
        kept &= Child::start(&mut command, RUN)?.wait(|| ())?.success();
    }
    Ok(match kept {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The compiler of etcd's `.proto` files, and the files that it comes with.
pub(crate) const PROTOC: Need = Need::of("protoc", &["apt-get", "install", "protobuf-compiler"]);
pub(crate) const PROTOS: Need = Need::of(EMPTY_PROTO, &["apt-get", "install", "libprotobuf-dev"])
    .probed_by(&["test", "-f", EMPTY_PROTO]);

const EMPTY_PROTO: &str = "/usr/include/google/protobuf/empty.proto";

/// Makes certificates.
const OPENSSL: Need =
    Need::of("openssl", &["apt-get", "install", "openssl"]).probed_by(&["openssl", "version"]);

/// The folder of packages, histories and running clusters.
fn folder() -> Result<PathBuf> {
    let folder = project::target().join("pool");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The rig runs the command, which is built beside it.
fn build() -> Command {
    let mut command = project::build(&["pool-rig", "userdata"]);
    command.args(["--features", "userdata-cli/pool"]);
    command
}
