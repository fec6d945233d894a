//! `Results`: all figures of one run, as they are kept in JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use userdata_bench::series::Series;

use crate::calls::Calls;
use crate::destroying::Destroyed;
use crate::lineup::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::rounds::{Case, Times};
use crate::target::Judged;
use crate::whole::Whole;
use crate::work::Work;
use crate::writers::{Spread, Written};

/// The form of the JSON.
pub const SCHEMA: &str = "userdata-bench-peers/1";

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Where it ran.
    pub machine: Machine,
    /// The version of each peer.
    pub versions: BTreeMap<String, String>,
    /// Whether it was a short run.
    pub quick: bool,
    /// Why something was not measured.
    pub left_out: Vec<String>,
    /// What was timed on each file system.
    pub file_systems: Vec<Measured>,
    /// System calls.
    pub calls: Vec<Calls>,
    /// Memory.
    pub memory: Vec<Memory>,
    /// What was to be reached.
    pub targets: Vec<Judged>,
}

/// What was timed on one file system.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// Its name.
    pub file_system: String,
    /// Operations on one value or domain.
    pub single: Vec<Single>,
    /// Destroying all domains.
    pub destroyed: Vec<Destroyed>,
    /// Several processes that store.
    pub written: Vec<Written>,
    /// Sweep, export and import, the command.
    pub whole: Vec<Whole>,
}

/// One case, in nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Single {
    /// What was done.
    #[serde(flatten)]
    pub case: Case,
    /// Round by round.
    pub rounds_ns: Series,
}

/// Which figure of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A work, by a peer, with values of this length, among so many other files.
    Single(Kind, Work, usize, u32),
    /// The destruction of so many domains by a peer.
    Destroyed(Kind, u32),
    /// The time of one of the stores of so many processes.
    Written(Kind, u32, Spread),
    /// What only this project's store does: the beginning of its name.
    Whole(&'static str),
}

impl Measured {
    /// What was timed of single operations.
    #[must_use]
    pub fn new(file_system: &str, times: Times) -> Self {
        let each = times.into_iter();
        Self {
            file_system: file_system.to_owned(),
            single: each
                .map(|(case, rounds_ns)| Single { case, rounds_ns })
                .collect(),
            ..Self::default()
        }
    }

    /// A figure, round by round: a time. Empty if it was not measured.
    #[must_use]
    pub fn series(&self, figure: Figure) -> Series {
        let found = match figure {
            Figure::Single(kind, work, length, files) => {
                let case = Case {
                    files,
                    work,
                    length,
                    kind,
                };
                let found = self.single.iter().find(|single| single.case == case);
                found.map(|single| single.rounds_ns.clone())
            }
            Figure::Destroyed(kind, domains) => {
                let found = self
                    .destroyed
                    .iter()
                    .find(|destroyed| destroyed.kind == kind && destroyed.domains == domains);
                found.map(|destroyed| destroyed.rounds_ns.clone())
            }
            Figure::Written(kind, writers, spread) => {
                let found = self.written.iter().find(|written| {
                    written.kind == kind && written.writers == writers && written.spread == spread
                });
                found.map(|written| {
                    let rates = written.stores_per_second.0.iter();
                    Series(rates.map(|rate| 1e9 / rate).collect())
                })
            }
            Figure::Whole(what) => {
                let found = self.whole.iter().find(|whole| whole.what.starts_with(what));
                found.map(|whole| whole.rounds.clone())
            }
        };
        found.unwrap_or_default()
    }

    /// The ratio of two figures, round by round.
    #[must_use]
    pub fn ratio(&self, over: Figure, under: Figure) -> Series {
        self.series(over).over(&self.series(under))
    }

    /// The numbers of other files, rising.
    #[must_use]
    pub fn files(&self) -> Vec<u32> {
        let mut files: Vec<u32> = self.single.iter().map(|single| single.case.files).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// The peers of which there are figures, in the order of their table.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.single.iter().map(|single| single.case.kind).collect();
        kinds.extend(self.written.iter().map(|written| written.kind));
        kinds.extend(self.destroyed.iter().map(|destroyed| destroyed.kind));
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}
