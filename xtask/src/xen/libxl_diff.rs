//! `cargo xtask xen libxl-diff`: the libxl of Debian's package and this library do the same, with
//! no hypervisor.
//!
//! libxl runs in a program that stands in for the hypervisor and the xenstore
//! (`xtask/xen/without-xen/`), linked to the unpacked package and to the C library that came with
//! it. The package `userdata-libxl-diff` drives that program and compares.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::apt::Source;
use super::deb::LIBRARIES;
use super::image::{self, Image};
use super::progress::Screen;
use super::release::Release;
use super::run_dir::RunDir;
use super::{payload, tools};
use crate::child::{self, Child};
use crate::project;

const COMPILE: Duration = Duration::from_secs(60);
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
    tools::ensure_to_compile()?;
    // The release whose every byte of userdata was studied; its libxl is Debian 12's.
    let release = Release::V4_17;
    let lane = Screen::new().lane("libxl-diff");
    let image = image::ready(release, &options.source, &lane)?;
    let dir = RunDir::take(release, "libxl-diff")?;
    let driver = dir.path().join("libxl-driver");
    link(&image, &driver)?;
    lane.say("building userdata-libxl-diff");
    let program = build()?;
    drop(lane);
    let mut command = child::command(program);
    command.arg("--driver").arg(driver);
    command.args(["--cases", &options.cases.to_string()]);
    command.args(["--seed", &options.seed.to_string()]);
    command.arg(&options.check);
    let status = Child::start(&mut command, RUN)?.wait(|| ())?;
    let code = status.code().context("the comparison was killed")?;
    Ok(u8::try_from(code)?)
}

/// Compiles the driver. Its dynamic linker and libraries are the package's, so that it runs the
/// same whatever this machine has.
fn link(image: &Image, program: &Path) -> Result<()> {
    let libraries = image.sysroot().join(LIBRARIES);
    let mut gcc = payload::gcc(image);
    gcc.args(["-rdynamic", "-Wl,--disable-new-dtags", "-o"])
        .arg(program);
    gcc.arg(format!("-Wl,-rpath,{}", libraries.display()));
    let linker = image.sysroot().join("usr/lib64/ld-linux-x86-64.so.2");
    gcc.arg(format!("-Wl,--dynamic-linker={}", linker.display()));
    gcc.args(sources()?);
    gcc.args(["-lxenlight", "-lxentoollog", "-ldl"]);
    child::run(&mut gcc, COMPILE).context("compiling the driver of libxl")
}

fn sources() -> Result<Vec<PathBuf>> {
    let dir = project::root().join("xtask/xen/without-xen");
    let mut sources = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("c")) {
            sources.push(path);
        }
    }
    Ok(sources)
}

fn build() -> Result<PathBuf> {
    let mut cargo = child::command(project::cargo());
    cargo.current_dir(project::root());
    cargo.args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "userdata-libxl-diff",
    ]);
    Child::start(&mut cargo, BUILD)?.succeed()?;
    Ok(project::target().join("debug/libxl-diff"))
}
