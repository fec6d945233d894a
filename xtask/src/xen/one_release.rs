//! A test in the dom0 of one release, with a report of its own.

use std::time::Instant;

use anyhow::Result;

use super::NO_RESULT;
use super::release::Release;
use super::report::{Found, Report};
use super::rig::Rig;
use crate::child::Interrupted;
use crate::progress::Screen;
use crate::project;

/// Boots, and writes `report-NAME.json`. Returns the exit status.
pub(super) fn report(
    name: &str,
    release: Release,
    rig: &Rig,
    started: Instant,
    screen: &Screen,
    boot: impl FnOnce() -> Result<Found>,
) -> Result<u8> {
    let mut report = Report::of(&rig.programs);
    let status = match boot() {
        Ok(found) => {
            let status = found.status;
            report.releases.push(found);
            status
        }
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => {
            let (release, why) = (release.to_string(), format!("{error:#}"));
            screen.complain(&format!("{name}: {why}"));
            report.without_result.insert(release, why);
            NO_RESULT
        }
    };
    report.seconds = started.elapsed().as_secs_f64();
    let file = project::target().join(format!("xen/report-{name}.json"));
    report.write(&file, screen)?;
    Ok(status)
}
