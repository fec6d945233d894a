//! `cargo xtask xen test`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::apt::Source;
use super::boot::{self, Limit};
use super::payload::Payload;
use super::progress::{Lane, Screen};
use super::release::Release;
use super::run_dir::RunDir;
use super::sums::{self, Sums};
use super::{NO_RESULT, image, lanes, programs, tools, without_xen};
use crate::child::Interrupted;
use crate::project;

/// The packages that are built once and run in every dom0.
const PROGRAMS: &[(&str, &str)] = &[("userdata-rig", "rig"), ("userdata-cli", "userdata")];

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

/// The result of the whole test, kept as JSON.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    /// The SHA-256 of each program: one file for all releases.
    programs: BTreeMap<String, String>,
    seconds: f64,
    /// The result on this machine.
    here: Vec<Check>,
    releases: Vec<Found>,
    /// Releases that gave no result, and the reason.
    without_result: BTreeMap<String, String>,
}

/// The result on one release.
#[derive(Debug, Serialize)]
struct Found {
    release: String,
    status: u8,
    seconds: f64,
    #[serde(flatten)]
    checks: Checks,
}

/// The content of the rig's `out/checks.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Checks {
    /// The hypervisor's own version.
    xen: String,
    kernel: String,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Check {
    name: String,
    seconds: f64,
    /// Why it failed, if it did.
    why: Option<String>,
}

/// Builds our programs once and runs them in the dom0 of each release.
pub(super) fn run(
    releases: &[Release],
    only: Option<&str>,
    source: &Source,
    limit: Limit,
) -> Result<u8> {
    let started = Instant::now();
    tools::ensure_to_test()?;
    let screen = Screen::new();
    let (built, programs) = build(&screen.lane("programs"))?;
    let mut report = Report {
        schema: "userdata-xen-report/1",
        programs: programs.0.clone(),
        seconds: 0.0,
        here: Vec::new(),
        releases: Vec::new(),
        without_result: BTreeMap::new(),
    };
    let mut status = 0;
    if without_xen::NAME.contains(only.unwrap_or_default()) {
        let found = here(&built.folder.join("rig"), &screen);
        status = u8::from(found.why.is_some());
        report.here.push(found);
    }
    for (release, found) in lanes::each(releases, &screen, |release, lane| {
        one(release, &built, &programs, only, source, limit, lane)
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
    let path = project::target().join("xen/report.json");
    fs::write(&path, serde_json::to_vec_pretty(&report)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    summarise(&report, &path, &screen);
    Ok(status)
}

/// What is built once for all releases.
struct Built {
    /// The folder of our programs.
    folder: PathBuf,
    /// The static libraries of the drop-in.
    drop_in: [PathBuf; 2],
}

/// Builds our programs and the drop-in, and returns the checksums of the programs as well.
fn build(lane: &Lane) -> Result<(Built, Sums)> {
    let packages: Vec<&str> = PROGRAMS.iter().map(|&(package, _)| package).collect();
    let folder = programs::without_libraries(&packages, lane)?;
    let mut built = Sums::default();
    for (_, program) in PROGRAMS {
        built
            .0
            .insert((*program).to_owned(), sums::of_file(&folder.join(program))?);
    }
    let drop_in = programs::drop_in(lane)?;
    Ok((Built { folder, drop_in }, built))
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
    built: &Built,
    programs: &Sums,
    only: Option<&str>,
    source: &Source,
    limit: Limit,
    lane: &Lane,
) -> Result<Found> {
    let image = image::ready(release, source, lane)?;
    let dir = RunDir::take(release, "test")?;
    let mut payload = Payload::new(&image, &dir)?;
    for name in programs.0.keys() {
        payload.add(&built.folder.join(name))?;
    }
    for archive in &built.drop_in {
        payload.add(&programs::linked(&image, archive, dir.path())?)?;
    }
    if release == WITH_XENCTRL {
        payload.add(&programs::with_xenctrl(&image, lane)?)?;
    }
    let names: Vec<&str> = programs.0.keys().map(String::as_str).collect();
    payload.add_text("only", only.unwrap_or_default());
    payload.add_text("before-xenstored", &before_xenstored()?);
    payload.run(&format!(
        "sha256sum {} > out/SHA256SUMS\nexec ./rig out/checks.json \"$(cat only)\"",
        names.join(" ")
    ));
    let ended = boot::boot(&image, &payload, &dir, limit, lane, &|line| {
        lane.print_marked(line)
    })?;
    let out = dir.out();
    ensure!(
        Sums::recorded(&out) == *programs,
        "dom0 ran other programs than were built"
    );
    let path = out.join("checks.json");
    let text = fs::read(&path).with_context(|| {
        format!(
            "the checks ended with {} and left no {}",
            ended.status,
            path.display()
        )
    })?;
    let checks: Checks = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not as expected", path.display()))?;
    ensure!(!checks.checks.is_empty(), "no check was run");
    let failed = checks.checks.iter().any(|check| check.why.is_some());
    ensure!(
        failed == (ended.status != 0),
        "the checks ended with {}, which is not what {} says",
        ended.status,
        path.display()
    );
    let seconds = ended.took.as_secs_f64();
    lane.say(&format!(
        "ended after {seconds:.0} s; logs and results in {}",
        dir.path().display()
    ));
    Ok(Found {
        release: release.to_string(),
        status: ended.status,
        seconds,
        checks,
    })
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

fn summarise(report: &Report, path: &Path, screen: &Screen) {
    for (name, sum) in &report.programs {
        screen.print(&format!("{name}: the same file everywhere, SHA-256 {sum}"));
    }
    let bad = |checks: &[Check]| checks.iter().filter(|check| check.why.is_some()).count();
    let mut failed = bad(&report.here);
    let mut passed = report.here.len() - failed;
    for found in &report.releases {
        let checks = &found.checks.checks;
        let bad = bad(checks);
        screen.print(&format!(
            "Xen {} on Linux {}: {} of {} passed, {:.0} s",
            found.checks.xen,
            found.checks.kernel,
            checks.len() - bad,
            checks.len(),
            found.seconds
        ));
        passed += checks.len() - bad;
        failed += bad;
    }
    for release in report.without_result.keys() {
        screen.print(&format!("Xen {release}: no result"));
        failed += 1;
    }
    screen.print(&format!("report: {}", path.display()));
    screen.print(&format!("xen: {passed} passed, {failed} failed"));
}
