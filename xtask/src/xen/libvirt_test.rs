//! `cargo xtask xen test --libvirt`.

use std::time::Instant;

use anyhow::Result;

use super::boot::Limit;
use super::report::Found;
use super::rig::{Checks, Rig, Which};
use super::run_dir::RunDir;
use super::{libvirt, one_release, tools};
use crate::debian::apt::Source;
use crate::progress::{Lane, Screen};

/// Builds our programs and runs the checks with libvirt in dom0.
pub(super) fn run(only: Option<&str>, source: &Source, limit: Limit) -> Result<u8> {
    let started = Instant::now();
    tools::ensure()?;
    let screen = Screen::new();
    let lane = screen.lane("libvirt");
    let rig = Rig::build(&lane)?;
    let checks = Checks {
        which: Which::Libvirt,
        only: only.unwrap_or_default(),
        limit,
    };
    let boot = || boot(&rig, checks, source, &lane);
    one_release::report("libvirt", libvirt::RELEASE, &rig, started, &screen, boot)
}

fn boot(rig: &Rig, checks: Checks<'_>, source: &Source, lane: &Lane) -> Result<Found> {
    let image = libvirt::ready(source, lane)?;
    let dir = RunDir::take(libvirt::RELEASE, "test-libvirt")?;
    let payload = rig.payload(&image, &dir)?;
    rig.run(checks, &image, payload, &dir, lane)
}
