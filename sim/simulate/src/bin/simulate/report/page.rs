//! `Page`: the whole report.

use std::fmt;

use super::Canary;
use super::canaries::Canaries;
use super::coverage::Heat;
use super::failure::Shown;
use super::text::{Grouped, Text};
use crate::findings::Findings;
use crate::targets::Target;

/// All that is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    pub(crate) findings: &'a Findings,
    pub(crate) canaries: &'a [Canary],
    pub(crate) targets: &'a [Target],
}

const STYLE: &str = include_str!("style.css");

/// What a campaign does not show.
const LIMITS: &[&str] = &[
    "Exhaustive means: every case of the lists above, on values of a few blocks. Families with \
     seeds are samples.",
    "The walks of crashes and faults have one process. Schedules of several processes are \
     exhaustive only for small scenarios, up to the stated bound on preemptions.",
    "A power cut keeps any part of what was not synced, in blocks. Bits that rot, blocks that are \
     torn within, and disks that lie about a flush are not simulated.",
    "The simulated directory answers as Linux does. Differential tests compare it with a real one; \
     the kernel's own file systems are tested elsewhere.",
    "Real libxl is an actor written from its source, with its bugs; the real one is tested on \
     real Xen elsewhere.",
];

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        )?;
        writeln!(
            f,
            "<meta name=viewport content=\"width=device-width, initial-scale=1\">"
        )?;
        writeln!(f, "<title>Simulation of the userdata store</title>")?;
        writeln!(f, "<style>\n{STYLE}</style></head><body>")?;
        self.head(f)?;
        self.totals(f)?;
        self.failures(f)?;
        self.coverage(f)?;
        if !self.canaries.is_empty() {
            writeln!(f, "<h2 id=\"canaries\">Planted bugs</h2>")?;
            writeln!(
                f,
                "<p>A check that cannot fail shows nothing. So one bug at a time is planted in a \
                 copy of the source, and the same campaign has to find it.</p>"
            )?;
            write!(f, "{}", Canaries(self.canaries))?;
        }
        writeln!(f, "<h2 id=\"limits\">What this does not show</h2>\n<ul>")?;
        for limit in LIMITS {
            writeln!(f, "<li>{}", Text(limit))?;
        }
        writeln!(f, "</ul>\n</body></html>")
    }
}

impl Page<'_> {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings {
            seconds,
            jobs,
            failures,
            interrupted,
            ..
        } = self.findings;
        writeln!(f, "<h1>Simulation of the userdata store</h1>")?;
        writeln!(
            f,
            "<p class=faint>The real code of the store and its protocols, on simulated hosts that \
             crash, fail and compete: {seconds:.0} seconds on {jobs} threads{}.</p>",
            if *interrupted {
                ", then interrupted"
            } else {
                ""
            },
        )?;
        writeln!(f, "<nav>")?;
        for (id, title) in [
            ("totals", "Totals"),
            ("failures", "Failures"),
            ("coverage", "Coverage"),
            ("canaries", "Planted bugs"),
            ("limits", "Limits"),
        ] {
            if id != "canaries" || !self.canaries.is_empty() {
                writeln!(f, "<a href=\"#{id}\">{title}</a>")?;
            }
        }
        writeln!(f, "</nav>")?;
        let missed = self
            .canaries
            .iter()
            .filter(|canary| !canary.is_found())
            .count();
        match (failures.len(), missed) {
            (0, 0) => writeln!(f, "<p class=\"verdict good\">Every guarantee held.</p>"),
            (0, missed) => writeln!(
                f,
                "<p class=\"verdict bad\">Every guarantee held, but {missed} planted bugs were not \
                 found.</p>"
            ),
            (broken, _) => {
                writeln!(
                    f,
                    "<p class=\"verdict bad\">Guarantees were broken {broken} times.</p>"
                )
            }
        }
    }

    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.findings.total();
        writeln!(
            f,
            "<h2 id=\"totals\">What it had to reach</h2>\n<div class=wide><table>"
        )?;
        writeln!(f, "<tr><th><th>what<th class=n>reached<th>required")?;
        for target in self.targets {
            let (class, sign) = match target.is_met {
                true => ("good", "&#10003;"),
                false => ("bad", "&#10007;"),
            };
            writeln!(
                f,
                "<tr><td class={class}>{sign}<td>{}<td class=\"n {class}\"><b>{}</b><td>{}",
                Text(target.what),
                Text(&target.reached),
                Text(&target.required),
            )?;
        }
        writeln!(f, "</table></div>\n<h2>Totals</h2>\n<div class=cards>")?;
        for (number, what) in [
            (total.histories, "histories of competing processes"),
            (total.operations, "operations in them and in schedules"),
            (total.schedules, "schedules of small scenarios"),
            (total.recovered, "crash states recovered from and checked"),
            (total.kills, "times a process was killed"),
            (total.singles, "runs with one fault"),
            (total.pairs, "runs with two faults"),
        ] {
            writeln!(
                f,
                "<div class=card><b>{}</b><span>{what}</span></div>",
                Grouped(number)
            )?;
        }
        writeln!(f, "</div>\n<div class=wide><table>")?;
        writeln!(
            f,
            "<tr><th>family<th>what a case is<th class=n>cases<th class=n>of<th class=n>a minute\
             <th class=n>steps<th class=n>kills<th class=n>states<th class=n>checked"
        )?;
        for (family, tally) in &self.findings.families {
            let all = tally
                .all
                .map_or_else(|| "seeds".to_owned(), |all| Grouped(all).to_string());
            let rate = self.findings.per_minute(*family, |tally| tally.cases);
            let counts = tally.counts;
            writeln!(
                f,
                "<tr><td><code>{}</code><td>{}<td class=n>{}<td class=n>{all}<td class=n>{rate:.0}\
                 <td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}",
                family.name(),
                Text(family.about()),
                Grouped(tally.cases),
                Grouped(counts.steps),
                Grouped(counts.kills),
                Grouped(counts.states),
                Grouped(counts.recovered),
            )?;
        }
        writeln!(f, "</table></div>")?;
        writeln!(
            f,
            "<p class=faint>A minute: while all threads work on that family. States: ways in which \
             the power could be cut, equal ones included; checked: those that were recovered from \
             with the real code and held against the guarantees.</p>"
        )
    }

    fn coverage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coverage = &self.findings.coverage;
        writeln!(f, "<h2 id=\"coverage\">Coverage</h2>")?;
        let heats = [
            Heat {
                title: "Operations and the calls that failed in them",
                about: "Runs in which this call of this operation was made to fail, alone or as \
                        one of two.",
                rows: "operation",
                table: &coverage.failing_calls,
            },
            Heat {
                title: "Calls and the ways in which they failed",
                about: "Every errno that the call can give for the state of the host, and how far \
                        it may get instead.",
                rows: "call",
                table: &coverage.faults,
            },
            Heat {
                title: "Power cuts",
                about: "States recovered from, by operation and the step before the cut.",
                rows: "operation",
                table: &coverage.power_cuts,
            },
            Heat {
                title: "Kills",
                about: "Times the process was killed, by operation and the step before.",
                rows: "operation",
                table: &coverage.kills,
            },
            Heat {
                title: "What competing processes were told",
                about: "In histories and schedules, by operation of this library or of real libxl.",
                rows: "operation",
                table: &coverage.responses,
            },
            Heat {
                title: "What disturbed competing processes",
                about: "Calls that were made to fail, by operation; wrong answers of the \
                        hypervisor.",
                rows: "operation",
                table: &coverage.disturbed,
            },
        ];
        heats.iter().try_for_each(|heat| write!(f, "{heat}"))
    }

    fn failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<h2 id=\"failures\">Failures</h2>")?;
        if self.findings.failures.is_empty() {
            writeln!(f, "<p>None.</p>")?;
        }
        self.findings
            .failures
            .iter()
            .try_for_each(|failure| write!(f, "{}", Shown(failure)))
    }
}
