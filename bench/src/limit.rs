//! `Limit`: the promises about the store's speed, and whether they were kept.

use std::fmt;

use serde::Serialize;

use crate::case::Case;
use crate::counts::Counts;
use crate::report::Measured;
use crate::series::Series;
use crate::subject::VALUE_LEN;

/// System calls of a retrieve: open, fstat, read, close.
const RETRIEVE_CALLS: f64 = 4.0;
/// A retrieve against the bare one.
const RETRIEVE_RATIO: f64 = 1.3;
/// A store at `Process` against the bare one.
const STORE_RATIO: f64 = 1.5;
/// How much more than the bare sequence an operation may slow down among more files. Smaller
/// differences between two ratios can't be measured.
const GROWTH: f64 = 1.15;
/// Bytes allocated for one name.
const NAME_BYTES: f64 = 255.0;
/// Names that a retrieve makes: the value's. Its other allocation is the value.
const RETRIEVE_NAMES: f64 = 1.0;
/// Names that a store makes: those of the value, the lock, the closing mark and the temporary file.
const STORE_NAMES: f64 = 4.0;
/// The other allocations of a store: the list of its operations with their names, and the result.
const STORE_LISTS: f64 = 2.0;
/// The least ratio of the time of libxl's case to ours. For a store it holds on a tmpfs only: on a
/// disk, the disk's own work hides the difference.
const LIBXL_RATIOS: [(Case, f64); 4] = [
    (Case::LibxlRetrieve, 6.0),
    (Case::LibxlStore, 1.0),
    (Case::LibxlGlob, 1.0),
    (Case::LibxlDestroyall, 1.0),
];

/// The greatest ratio of the time of the C library's case to the facade's, and of the drop-in's to
/// libxl's. The drop-in's store syncs what libxl does not.
const C_RATIOS: [(Case, f64); 3] = [
    (Case::CRetrieve, 1.1),
    (Case::CStore, 1.1),
    (Case::DropInRetrieve, 0.5),
];

/// One limit, and what was measured against it.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// What is limited.
    pub what: String,
    /// The figure, if it could be measured.
    pub measured: Option<f64>,
    /// The end of the figure's confidence interval that is nearest to the limit: the lower end for
    /// an upper limit, the upper end for a lower one.
    pub at_best: Option<f64>,
    /// The bound.
    pub bound: Bound,
    /// Whether it was kept.
    pub verdict: Verdict,
}

/// An upper or a lower limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The figure is not above this.
    AtMost(f64),
    /// The figure is not below this.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(limit) => figure <= limit,
            Self::AtLeast(limit) => figure >= limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "<= {limit:<8.2}"),
            Self::AtLeast(limit) => write!(f, ">= {limit:<8.2}"),
        }
    }
}

/// Whether a limit was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was.
    Pass,
    /// It was missed.
    Fail,
    /// The figure is beyond the limit, but the rounds differ too much for that to be sure.
    Unsure,
    /// There is no figure.
    NotMeasured,
}

impl Limit {
    /// A figure that is the median of rounds.
    pub(crate) fn timed(what: String, rounds: &Series, bound: Bound) -> Self {
        let at_best = match bound {
            Bound::AtMost(_) => rounds.median_at_least(),
            Bound::AtLeast(_) => rounds.median_at_most(),
        };
        Self::new(what, rounds.median(), at_best, bound)
    }

    /// A figure that was counted.
    pub(crate) fn counted(what: String, measured: Option<f64>, at_most: f64) -> Self {
        Self::new(what, measured, measured, Bound::AtMost(at_most))
    }

    fn new(what: String, measured: Option<f64>, at_best: Option<f64>, bound: Bound) -> Self {
        let verdict = match (measured, at_best) {
            (Some(measured), _) if bound.holds(measured) => Verdict::Pass,
            (_, Some(at_best)) if !bound.holds(at_best) => Verdict::Fail,
            (Some(_), _) => Verdict::Unsure,
            (None, _) => Verdict::NotMeasured,
        };
        Self {
            what,
            measured,
            at_best,
            bound,
            verdict,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Unsure => "UNSURE",
            Verdict::NotMeasured => "NOT MEASURED",
        };
        let measured = self.measured.map_or("-".to_owned(), |m| format!("{m:.2}"));
        write!(f, "{verdict:12} {measured:>8} {} {}", self.bound, self.what)
    }
}

/// Every limit, compared with what was measured on one file system.
#[must_use]
pub fn limits(measured: &Measured) -> Vec<Limit> {
    let mut limits = Vec::new();
    for (case, at_most) in [(Case::Retrieve, RETRIEVE_RATIO), (Case::Store, STORE_RATIO)] {
        for others in measured.others() {
            let what = format!("times the bare {case}, among {others} files");
            let ratio = measured.ratio(case, others);
            limits.push(Limit::timed(what, &ratio, Bound::AtMost(at_most)));
        }
        let few = measured.others().next().unwrap_or_default();
        for others in measured.others().skip(1) {
            let what = format!("{case}: growth from {few} to {others} files over the bare one's");
            let growth = measured
                .ratio(case, others)
                .over(&measured.ratio(case, few));
            limits.push(Limit::timed(what, &growth, Bound::AtMost(GROWTH)));
        }
        limits.extend(count_limits(measured, case));
    }
    for (case, at_least) in LIBXL_RATIOS {
        if case == Case::LibxlStore && measured.file_system != "tmpfs" {
            continue;
        }
        for others in measured.others() {
            let ours = case.compared_with().unwrap_or(case);
            let what = format!("{case} in times of our {ours}, among {others} files");
            let ratio = measured.ratio(case, others);
            limits.push(Limit::timed(what, &ratio, Bound::AtLeast(at_least)));
        }
    }
    for (case, at_most) in C_RATIOS {
        for others in measured.others() {
            let other = case.compared_with().unwrap_or(case);
            let what = format!("{case} in times of {other}, among {others} files");
            let ratio = measured.ratio(case, others);
            limits.push(Limit::timed(what, &ratio, Bound::AtMost(at_most)));
        }
    }
    limits
}

fn count_limits(measured: &Measured, case: Case) -> Vec<Limit> {
    let counts = measured
        .others()
        .filter_map(|others| measured.counts(case, others));
    let counts: Vec<&Counts> = counts.collect();
    // The highest count among any number of files.
    let most = |count: fn(&Counts) -> f64| counts.iter().map(|c| count(c)).reduce(f64::max);
    let calls: Option<Vec<f64>> = counts.iter().map(|counts| counts.calls_total).collect();
    let calls = calls.unwrap_or_default();
    let calls_most = calls.iter().copied().reduce(f64::max);
    let calls_least = calls.iter().copied().reduce(f64::min);
    let more = calls_most
        .zip(calls_least)
        .map(|(most, least)| most - least);
    let (names, others, other_bytes) = match case {
        Case::Retrieve => (RETRIEVE_NAMES, 1.0, VALUE_LEN as f64 + 1.0),
        _ => (STORE_NAMES, STORE_LISTS, STORE_LISTS * NAME_BYTES),
    };
    let limit = |what: &str, measured, at_most| {
        Limit::counted(format!("{case}: {what}"), measured, at_most)
    };
    let mut limits = vec![
        limit(
            "system calls more among many files than among few",
            more,
            0.0,
        ),
        limit(
            "allocations",
            most(|counts| counts.allocations),
            names + others,
        ),
        limit(
            "bytes allocated",
            most(|counts| counts.allocated_bytes),
            names * NAME_BYTES + other_bytes,
        ),
    ];
    if case == Case::Retrieve {
        limits.push(limit("system calls", calls_most, RETRIEVE_CALLS));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_missed_only_when_that_is_sure() {
        let verdict = |rounds: &[f64], bound| {
            Limit::timed(String::new(), &Series(rounds.to_vec()), bound).verdict
        };
        let at_most = Bound::AtMost(1.3);
        assert_eq!(verdict(&[1.0, 1.2, 9.0], at_most), Verdict::Pass);
        assert_eq!(verdict(&[1.0, 1.4, 9.0], at_most), Verdict::Unsure);
        assert_eq!(verdict(&[1.4, 1.5, 9.0], at_most), Verdict::Fail);
        assert_eq!(verdict(&[], at_most), Verdict::NotMeasured);
        let at_least = Bound::AtLeast(1.0);
        assert_eq!(verdict(&[0.1, 1.2, 9.0], at_least), Verdict::Pass);
        assert_eq!(verdict(&[0.1, 0.9, 9.0], at_least), Verdict::Unsure);
        assert_eq!(verdict(&[0.1, 0.8, 0.9], at_least), Verdict::Fail);
        assert_eq!(
            Limit::counted(String::new(), Some(5.0), 4.0).verdict,
            Verdict::Fail
        );
    }

    #[test]
    fn a_slower_store_and_a_fifth_call_are_found() {
        let rows = |time: fn(Case, u32) -> f64, calls: f64| {
            let all = Case::ALL
                .into_iter()
                .flat_map(|case| [(case, 10), (case, 1000)]);
            let times = all
                .clone()
                .map(|(case, n)| ((case, n), Series(vec![time(case, n); 5])));
            let counted = Counts {
                calls_total: Some(calls),
                ..Counts::default()
            };
            let counts = all.map(|key| (key, counted.clone()));
            let measured = Measured::new("some", times.collect(), counts.collect());
            let missed = limits(&measured)
                .into_iter()
                .filter(|l| l.verdict != Verdict::Pass);
            missed.map(|limit| limit.what).collect::<Vec<_>>()
        };
        let fast = |case, _| {
            if case == Case::LibxlRetrieve {
                6.0
            } else {
                1.0
            }
        };
        assert!(rows(fast, 4.0).is_empty());
        assert_eq!(rows(fast, 5.0), ["retrieve: system calls"]);
        let slow = |case, others| match (case, others) {
            (Case::LibxlRetrieve, _) => 6.0,
            (Case::Store | Case::LibxlStore, 1000) => 1.6,
            _ => 1.0,
        };
        let expected = [
            "times the bare store, among 1000 files",
            "store: growth from 10 to 1000 files over the bare one's",
        ];
        assert_eq!(rows(slow, 4.0), expected);
        let behind_libxl = |case, others| match (case, others) {
            (Case::LibxlRetrieve, _) => 6.0,
            (Case::LibxlGlob, 10) => 0.9,
            _ => 1.0,
        };
        let expected = ["libxl: glob in times of our list, among 10 files"];
        assert_eq!(rows(behind_libxl, 4.0), expected);
        let slow_in_c = |case, others| match (case, others) {
            (Case::LibxlRetrieve, _) => 6.0,
            (Case::CStore, 10) => 1.2,
            (Case::DropInRetrieve, 1000) => 3.1,
            _ => 1.0,
        };
        let expected = [
            "C: store, by uuid in times of store, by uuid, among 10 files",
            "drop-in: retrieve in times of libxl: retrieve, among 1000 files",
        ];
        assert_eq!(rows(slow_in_c, 4.0), expected);
    }
}
