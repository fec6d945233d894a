//! The report of a test: every check with its time and, if it failed, the reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::boot::Ended;
use super::release::Release;
use crate::debian::sums::Sums;
use crate::progress::Screen;

/// The result of the whole test, kept as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    /// The SHA-256 of each program: one file for all releases.
    programs: BTreeMap<String, String>,
    pub(super) seconds: f64,
    /// The result on this machine.
    pub(super) here: Vec<Check>,
    pub(super) releases: Vec<Found>,
    /// Releases that gave no result, and the reason.
    pub(super) without_result: BTreeMap<String, String>,
}

/// The result on one release.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    release: String,
    pub(super) status: u8,
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
pub(super) struct Check {
    pub(super) name: String,
    pub(super) seconds: f64,
    /// Why it failed, if it did.
    pub(super) why: Option<String>,
}

impl Report {
    /// A report without results.
    pub(super) fn of(programs: &Sums) -> Self {
        Self {
            schema: "userdata-xen-report/1",
            programs: programs.0.clone(),
            seconds: 0.0,
            here: Vec::new(),
            releases: Vec::new(),
            without_result: BTreeMap::new(),
        }
    }

    /// Writes the report to a file, and prints a line for each release.
    pub(super) fn write(&self, path: &Path, screen: &Screen) -> Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        self.summarise(path, screen);
        Ok(())
    }

    /// A line for each check that failed, with the reason.
    fn failures(&self) -> Vec<String> {
        let here = self.here.iter().map(|check| ("here".to_owned(), check));
        let of = |found: &Found| format!("Xen {}", found.checks.xen);
        let there = self.releases.iter().flat_map(|found| {
            let checks = found.checks.checks.iter();
            checks.map(move |check| (of(found), check))
        });
        let failed = here.chain(there).filter_map(|(place, check)| {
            let why = check.why.as_ref()?;
            Some(format!("{place}: FAILED {}: {why}", check.name))
        });
        failed.collect()
    }

    fn summarise(&self, path: &Path, screen: &Screen) {
        for (name, sum) in &self.programs {
            screen.print(&format!("{name}: the same file everywhere, SHA-256 {sum}"));
        }
        let bad = |checks: &[Check]| checks.iter().filter(|check| check.why.is_some()).count();
        let mut failed = bad(&self.here);
        let mut passed = self.here.len() - failed;
        for found in &self.releases {
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
        for (release, why) in &self.without_result {
            screen.print(&format!("Xen {release}: no result: {why}"));
            failed += 1;
        }
        // Last, so that the end of a long output has them.
        for line in self.failures() {
            screen.print(&line);
        }
        screen.print(&format!("report: {}", path.display()));
        screen.print(&format!("xen: {passed} passed, {failed} failed"));
    }
}

impl Found {
    /// Reads what the rig left in `out`. Fails if dom0 ran other programs than these, and if the
    /// status of the rig is not what its results say.
    pub(super) fn read(
        release: Release,
        ended: &Ended,
        out: &Path,
        programs: &Sums,
    ) -> Result<Self> {
        ensure!(
            Sums::recorded(out) == *programs,
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
        Ok(Self {
            release: release.to_string(),
            status: ended.status,
            seconds: ended.took.as_secs_f64(),
            checks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_that_failed_has_a_line_with_its_reason() {
        let check = |name: &str, why: Option<&str>| Check {
            name: name.to_owned(),
            seconds: 1.0,
            why: why.map(str::to_owned),
        };
        let mut report = Report::of(&Sums::default());
        report.here.push(check("one", Some("it did not start")));
        report.releases.push(Found {
            release: "4.17".to_owned(),
            status: 1,
            seconds: 1.0,
            checks: Checks {
                xen: "4.17.5".to_owned(),
                kernel: "6.1".to_owned(),
                checks: vec![check("two", None), check("three", Some("a file stays"))],
            },
        });
        let lines = [
            "here: FAILED one: it did not start",
            "Xen 4.17.5: FAILED three: a file stays",
        ];
        assert_eq!(report.failures(), lines);
    }
}
