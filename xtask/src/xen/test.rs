//! `cargo xtask xen test`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::release::Release;
use super::report::{Check, Found, Report};
use super::rig::{Checks, Rig};
use super::run_dir::RunDir;
use super::{NO_RESULT, image, lanes, programs, tools, without_xen};
use crate::child::Interrupted;
use crate::debian::apt::Source;
use crate::progress::{Lane, Screen};
use crate::project;

/// The release whose libxenctrl the other backend of hv-xen is tried with.
const WITH_XENCTRL: Release = Release::V4_17;

/// Plants the files that a crash of the host leaves behind, for the check
/// `the_boot_units_command_removes_what_an_earlier_boot_left`: of a guest, and of Domain-0.
const PLANT: &str = "\
mkdir -p out/boot
for file in d.4242.5e1f0b00-0000-4000-8000-0000000000b0.xl \\
    d.4242.5e1f0b00-0000-4000-8000-0000000000b0.libxl-json \\
    l.4242.5e1f0b00-0000-4000-8000-0000000000b0.domain-userdata-lock \\
    n.4242.5e1f0b00-0000-4000-8000-0000000000b0.xl \\
    d.0.00000000-0000-0000-0000-000000000000.libxl-json; do
    echo old > /var/lib/xen/userdata-$file
done
ls /var/lib/xen > out/boot/before
";

/// Shows what the boot unit's command left, and whether xenstored runs.
const LOOK: &str = "\
ls /var/lib/xen > out/boot/after
pidof xenstored > out/boot/xenstored
ls /run/xenstored >> out/boot/xenstored
";

/// Builds our programs once and runs them in the dom0 of each release.
pub(super) fn run(releases: &[Release], checks: Checks<'_>, source: &Source) -> Result<u8> {
    let started = Instant::now();
    tools::ensure_to_test()?;
    let screen = Screen::new();
    let rig = Rig::build(&screen.lane("programs"))?;
    let mut report = Report::of(&rig.programs);
    let mut status = 0;
    if without_xen::NAME.contains(checks.only) {
        let found = here(&rig.path(), &screen);
        status = u8::from(found.why.is_some());
        report.here.push(found);
    }
    for (release, found) in lanes::each(releases, &screen, |release, lane| {
        one(release, &rig, checks, source, lane)
    }) {
        match found {
            Ok(found) => {
                status = if status == 0 { found.status } else { status };
                report.releases.push(found);
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                let why = format!("{error:#}");
                screen.complain(&format!("xen {release}: {why}"));
                report.without_result.insert(release.to_string(), why);
                status = NO_RESULT;
            }
        }
    }
    report.seconds = started.elapsed().as_secs_f64();
    report.write(&project::target().join("xen/report.json"), &screen)?;
    Ok(status)
}

/// Checks what this machine itself can show.
fn here(rig: &Path, screen: &Screen) -> Check {
    let started = Instant::now();
    let name = without_xen::NAME.to_owned();
    let (line, why) = match without_xen::check(rig) {
        Ok(seen) => (format!("ok {name}: {seen}"), None),
        Err(error) => (
            format!("FAILED {name}: {error:#}"),
            Some(format!("{error:#}")),
        ),
    };
    screen.print(&format!("here | {line}"));
    Check {
        name,
        seconds: started.elapsed().as_secs_f64(),
        why,
    }
}

fn one(
    release: Release,
    rig: &Rig,
    checks: Checks<'_>,
    source: &Source,
    lane: &Lane,
) -> Result<Found> {
    let image = image::ready(release, source, lane)?;
    let dir = RunDir::take(release, "test")?;
    let mut payload = rig.payload(&image, &dir)?;
    if release == WITH_XENCTRL {
        payload.add(&programs::with_xenctrl(&image, lane)?)?;
    }
    payload.add_text("before-xenstored", &before_xenstored()?);
    rig.run(checks, &image, payload, &dir, lane)
}

/// What is run before xenstored is started: the command of the boot unit, where files of an earlier
/// boot are planted.
fn before_xenstored() -> Result<String> {
    let unit = project::root().join("crates/userdata-cli/systemd/userdata-boot.service");
    let text = fs::read_to_string(&unit).with_context(|| format!("no {}", unit.display()))?;
    let command = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/"))
        .with_context(|| format!("{} starts nothing in /usr/bin", unit.display()))?;
    Ok(format!(
        "{PLANT}{command} > out/boot/swept; echo $? > out/boot/status\n{LOOK}"
    ))
}
