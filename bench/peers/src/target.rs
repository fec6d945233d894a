//! `TARGETS`: what is to be reached, as ratios in one run. A target that is added is a line.

use std::fmt;

use serde::Serialize;
use userdata_bench::series::Series;

use crate::lineup::Kind::{
    self, AtomicWriteFile, Bare, BareSynced, BareTree, Libxl, Ours, OursFull, Tree,
};
use crate::results::{Figure, Measured};
use crate::rounds::LENGTH;
use crate::work::Work::{self, Clear, List, Replace, Retrieve};

/// On which file systems a target is judged.
type Places = &'static [&'static str];

const TMPFS: Places = &["tmpfs"];
const DISKS: Places = &["ext4", "xfs"];
const ALL: Places = &["tmpfs", "ext4", "xfs"];
/// A sync on a tmpfs does nothing.
const SYNCED: Places = &["ext4", "xfs", "btrfs"];

/// A figure, and what it is divided by; `None` for a figure with a unit.
#[derive(Clone, Copy, Debug)]
struct Target {
    what: &'static str,
    places: Places,
    over: Figure,
    under: Option<Figure>,
    bound: Bound,
}

/// An upper or a lower limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};

const TARGETS: &[Target] = &[
    compared(
        "libxl's retrieve to ours",
        TMPFS,
        among(1_000, Libxl, Retrieve),
        among(1_000, Ours, Retrieve),
        AtLeast(6.5),
    ),
    compared(
        "libxl's retrieve to ours",
        DISKS,
        among(1_000, Libxl, Retrieve),
        among(1_000, Ours, Retrieve),
        AtLeast(9.0),
    ),
    compared(
        "our retrieve to the bare calls",
        ALL,
        among(1_000, Ours, Retrieve),
        among(1_000, Bare, Retrieve),
        AtMost(1.2),
    ),
    compared(
        "libxl's store over a value to ours",
        ALL,
        among(1_000, Libxl, Replace),
        among(1_000, Ours, Replace),
        AtLeast(1.0),
    ),
    compared(
        "libxl's clear to ours, among 10 files",
        ALL,
        among(10, Libxl, Clear),
        among(10, Ours, Clear),
        AtLeast(1.0),
    ),
    compared(
        "libxl's clear to ours, among 1 000 files",
        ALL,
        among(1_000, Libxl, Clear),
        among(1_000, Ours, Clear),
        AtLeast(1.0),
    ),
    compared(
        "libxl's clear to ours, among 100 000 files",
        ALL,
        among(100_000, Libxl, Clear),
        among(100_000, Ours, Clear),
        AtLeast(1.0),
    ),
    compared(
        "libxl's store over a value to the tree's",
        TMPFS,
        among(1_000, Libxl, Replace),
        among(1_000, Tree, Replace),
        AtLeast(2.0),
    ),
    compared(
        "the tree's store over a value to the bare calls",
        TMPFS,
        among(1_000, Tree, Replace),
        among(1_000, BareTree, Replace),
        AtMost(1.3),
    ),
    compared(
        "the tree's store among 100 000 files to that among 10",
        TMPFS,
        among(100_000, Tree, Replace),
        among(10, Tree, Replace),
        AtMost(1.3),
    ),
    compared(
        "libxl's clear to the tree's, among 100 000 files",
        TMPFS,
        among(100_000, Libxl, Clear),
        among(100_000, Tree, Clear),
        AtLeast(400.0),
    ),
    compared(
        "the tree's clear among 100 000 files to that among 10",
        TMPFS,
        among(100_000, Tree, Clear),
        among(10, Tree, Clear),
        AtMost(1.3),
    ),
    compared(
        "libxl's destruction of 5 000 domains to the tree's",
        TMPFS,
        Figure::Destroyed(Libxl, 5_000),
        Figure::Destroyed(Tree, 5_000),
        AtLeast(60.0),
    ),
    compared(
        "our list of a domain to the tree's, among 25 000 files",
        TMPFS,
        among(25_000, Ours, List),
        among(25_000, Tree, List),
        AtLeast(150.0),
    ),
    compared(
        "the judging of a sweep of 100 000 files to the tree's",
        TMPFS,
        Figure::Whole("sweep of 100000 files: judging"),
        Figure::Whole("sweep of a tree of 100000 files: judging"),
        AtLeast(7.0),
    ),
    Target {
        what: "ms for the judging of a sweep of a tree of 100 000 files",
        places: TMPFS,
        over: Figure::Whole("sweep of a tree of 100000 files: judging"),
        under: None,
        bound: AtMost(15.0),
    },
    compared(
        "atomic-write-file's durable store to ours",
        SYNCED,
        among(1_000, AtomicWriteFile, Replace),
        among(1_000, OursFull, Replace),
        AtLeast(1.5),
    ),
    compared(
        "our durable store to the bare calls",
        SYNCED,
        among(1_000, OursFull, Replace),
        among(1_000, BareSynced, Replace),
        AtMost(1.3),
    ),
    Target {
        what: "MiB of memory for a list of 100 000 values",
        places: TMPFS,
        over: Figure::Whole("list of 100000 values: memory"),
        under: None,
        bound: AtMost(16.0),
    },
];

/// A work with values of 4 KiB among so many other files.
const fn among(files: u32, kind: Kind, work: Work) -> Figure {
    Figure::Single(kind, work, LENGTH, files)
}

const fn compared(
    what: &'static str,
    places: Places,
    over: Figure,
    under: Figure,
    bound: Bound,
) -> Target {
    Target {
        what,
        places,
        over,
        under: Some(under),
        bound,
    }
}

/// Whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was.
    Reached,
    /// The median misses it, but the rounds differ too much for that to be sure.
    Unsure,
    /// It was missed.
    Missed,
    /// There is no figure.
    NotMeasured,
}

/// A target, and what was measured on one file system.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// What is limited.
    pub what: &'static str,
    /// On which file system.
    pub file_system: String,
    /// The limit.
    pub bound: Bound,
    /// The median of the rounds.
    pub median: Option<f64>,
    /// The interval that has the true median with a probability of 95 %.
    pub between: Option<(f64, f64)>,
    /// Whether it was reached.
    pub verdict: Verdict,
}

impl Judged {
    fn new(target: &Target, file_system: &str, series: &Series) -> Self {
        let between = series.median_at_least().zip(series.median_at_most());
        let holds = |figure: f64| match target.bound {
            AtMost(limit) => figure <= limit,
            AtLeast(limit) => figure >= limit,
        };
        let verdict = match (series.median(), between) {
            (Some(median), _) if holds(median) => Verdict::Reached,
            (Some(_), Some((low, high))) if holds(low) || holds(high) => Verdict::Unsure,
            (Some(_), _) => Verdict::Missed,
            (None, _) => Verdict::NotMeasured,
        };
        Self {
            what: target.what,
            file_system: file_system.to_owned(),
            bound: target.bound,
            median: series.median(),
            between,
            verdict,
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Reached => "REACHED",
            Verdict::Unsure => "UNSURE",
            Verdict::Missed => "MISSED",
            Verdict::NotMeasured => "NOT MEASURED",
        };
        let bound = match self.bound {
            AtMost(limit) => format!("<= {limit}"),
            AtLeast(limit) => format!(">= {limit}"),
        };
        let median = self.median.map_or("-".to_owned(), |m| format!("{m:.2}"));
        let (what, place) = (self.what, &self.file_system);
        write!(f, "{verdict:12} {median:>8} {bound:8} {what}, {place}")?;
        match self.between {
            Some((low, high)) => write!(f, " ({low:.2}-{high:.2})"),
            None => Ok(()),
        }
    }
}

/// Every target, on every file system on which it is judged.
#[must_use]
pub fn judge(file_systems: &[Measured]) -> Vec<Judged> {
    let mut judged = Vec::new();
    for target in TARGETS {
        for place in target.places {
            let is_here =
                |measured: &&Measured| measured.file_system.split('-').next() == Some(*place);
            let series = match file_systems.iter().find(is_here) {
                None => Series::default(),
                Some(measured) => match target.under {
                    Some(under) => measured.ratio(target.over, under),
                    None => measured.series(target.over),
                },
            };
            judged.push(Judged::new(target, place, &series));
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_missed_only_when_that_is_sure() {
        let target = |bound| compared("a", TMPFS, Figure::Whole("a"), Figure::Whole("b"), bound);
        let verdict = |bound, rounds: &[f64]| {
            Judged::new(&target(bound), "tmpfs", &Series(rounds.to_vec())).verdict
        };
        assert_eq!(verdict(AtLeast(2.0), &[1.0, 2.1, 9.0]), Verdict::Reached);
        assert_eq!(verdict(AtLeast(2.0), &[1.0, 1.9, 9.0]), Verdict::Unsure);
        assert_eq!(verdict(AtLeast(2.0), &[1.0, 1.9, 1.9]), Verdict::Missed);
        assert_eq!(verdict(AtMost(2.0), &[2.1, 2.1, 9.0]), Verdict::Missed);
        assert_eq!(verdict(AtMost(2.0), &[]), Verdict::NotMeasured);
    }

    #[test]
    fn every_target_is_judged_on_each_of_its_file_systems() {
        let judged = judge(&[]);
        let places: usize = TARGETS.iter().map(|target| target.places.len()).sum();
        assert_eq!(judged.len(), places);
        assert!(judged.iter().all(|one| one.verdict == Verdict::NotMeasured));
    }
}
