//! `cargo xtask xen test --libvirt`.

use std::time::Instant;

use anyhow::Result;

use super::boot::Limit;
use super::report::{Found, Report};
use super::rig::{Checks, Rig, Which};
use super::run_dir::RunDir;
use super::{NO_RESULT, libvirt, tools};
use crate::child::Interrupted;
use crate::debian::apt::Source;
use crate::progress::{Lane, Screen};
use crate::project;

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
    let mut report = Report::of(&rig.programs);
    let status = match boot(&rig, checks, source, &lane) {
        Ok(found) => {
            let status = found.status;
            report.releases.push(found);
            status
        }
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => {
            let (release, why) = (libvirt::RELEASE.to_string(), format!("{error:#}"));
            screen.complain(&format!("libvirt: {why}"));
            report.without_result.insert(release, why);
            NO_RESULT
        }
    };
    report.seconds = started.elapsed().as_secs_f64();
    report.write(&project::target().join("xen/report-libvirt.json"), &screen)?;
    Ok(status)
}

fn boot(rig: &Rig, checks: Checks<'_>, source: &Source, lane: &Lane) -> Result<Found> {
    let image = libvirt::ready(source, lane)?;
    let dir = RunDir::take(libvirt::RELEASE, "test-libvirt")?;
    let payload = rig.payload(&image, &dir)?;
    rig.run(checks, &image, payload, &dir, lane)
}
