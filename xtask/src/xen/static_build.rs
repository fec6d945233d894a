//! Our own programs, built once, without a shared library: the same file runs in every dom0.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};

use super::progress::Lane;
use crate::child::{self, Child};
use crate::project;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// How long a first build may take.
const BUILD: Duration = Duration::from_secs(1800);

/// Builds the programs of these packages for release, and returns the folder they are in.
pub(super) fn build(packages: &[&str], lane: &Lane) -> Result<PathBuf> {
    lane.say(&format!("building {}, static", packages.join(" and ")));
    let target_dir = project::target().join("xen/static");
    let mut cargo = child::command(project::cargo());
    cargo
        .current_dir(project::root())
        .args(["build", "--quiet", "--release", "--bins"]);
    cargo
        .args(["--locked", "--target", TARGET, "--target-dir"])
        .arg(&target_dir);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    // Smaller files are unpacked sooner in dom0.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    cargo.stdout(Stdio::null());
    Child::start(&mut cargo, BUILD)?
        .succeed()
        .context("our own programs do not build")?;
    Ok(target_dir.join(TARGET).join("release"))
}
