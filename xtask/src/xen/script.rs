//! `cargo xtask xen shell-script`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::boot::{self, Limit};
use super::payload::Payload;
use super::release::Release;
use super::run_dir::RunDir;
use super::{image, programs, tools};
use crate::debian::apt::Source;
use crate::progress::Screen;

/// Runs a script inside dom0, shows its output, and ends with its status.
pub(super) fn run(
    file: &Path,
    release: Release,
    with: &[PathBuf],
    source: &Source,
    limit: Limit,
) -> Result<u8> {
    let script = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.file_stem().and_then(OsStr::to_str).unwrap_or("script");
    tools::ensure()?;
    let screen = Screen::new();
    let lane = screen.lane(&format!("xen {release}"));
    let ours = programs::without_libraries(&["userdata-cli"], &[], &lane)?;
    let image = image::ready(release, source, &lane)?;
    let dir = RunDir::take(release, name)?;
    let mut payload = Payload::new(&image, &dir)?;
    payload.add(&ours.join("userdata"))?;
    for path in with {
        payload.add(path)?;
    }
    payload.add_as("script", file)?;
    let named = script.starts_with(b"#!");
    payload.run(if named {
        "chmod +x script; exec ./script"
    } else {
        "exec sh ./script"
    });
    let ended = boot::boot(&image, &payload, &dir, limit, &lane, &|line| {
        lane.print(line)
    })?;
    lane.say(&format!(
        "ended with {} after {:.0} s; logs and results in {}",
        ended.status,
        ended.took.as_secs_f64(),
        dir.path().display()
    ));
    Ok(ended.status)
}
