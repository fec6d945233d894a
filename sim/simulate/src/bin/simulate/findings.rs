//! `Findings`: all that a run did and found, as it is kept in a file.

use std::collections::BTreeMap;
use std::fs;
use std::ops::AddAssign;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::case::Family;
use crate::coverage::Coverage;
use crate::error::CommandError;
use crate::picture::Picture;

/// All that a run did and found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// How many threads worked.
    pub(crate) jobs: usize,
    /// How long, by the clock on the wall.
    pub(crate) seconds: f64,
    /// Of the pairs of faults, every case with a number that this divides was run.
    pub(crate) pair_step: u64,
    /// Whether the user ended it.
    pub(crate) interrupted: bool,
    pub(crate) families: BTreeMap<Family, Tally>,
    pub(crate) coverage: Coverage,
    pub(crate) failures: Vec<Failure>,
}

/// How far a family got.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How many cases were run.
    pub(crate) cases: u64,
    /// How many there are; `None` if there is one for every seed.
    pub(crate) all: Option<u64>,
    /// How long threads worked on them, added up.
    pub(crate) busy: f64,
    pub(crate) counts: Counts,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    /// Calls that changed storage.
    pub(crate) steps: u64,
    /// Times that a process was killed.
    pub(crate) kills: u64,
    /// Ways in which the power could be cut.
    pub(crate) states: u64,
    /// States after a power cut that were recovered from and checked.
    pub(crate) recovered: u64,
    /// Runs with one fault.
    pub(crate) singles: u64,
    /// Runs with two.
    pub(crate) pairs: u64,
    /// Runs that failed because of a fault; the others succeeded despite it.
    pub(crate) failed: u64,
    /// Histories of several processes, by seed.
    pub(crate) histories: u64,
    /// Schedules of small scenarios.
    pub(crate) schedules: u64,
    /// Operations in histories and schedules.
    pub(crate) operations: u64,
    /// Answers that were disturbed in histories.
    pub(crate) faults: u64,
    /// Times that a process that could have gone on was kept waiting, and another ran.
    pub(crate) preemptions: u64,
    /// Values with too many operations at once to be checked.
    pub(crate) unchecked: u64,
}

/// A guarantee that was broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The arguments of `simulate replay` that replay it; empty if a test found it.
    pub(crate) replay: String,
    /// The guarantee, or the test that failed.
    pub(crate) guarantee: String,
    /// After what.
    pub(crate) after: String,
    /// What was found, and what should have been.
    pub(crate) why: String,
    /// What the directory held.
    pub(crate) tree: String,
    pub(crate) picture: Option<Picture>,
}

impl Findings {
    /// Writes it to a file.
    pub(crate) fn keep(&self, file: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_string(self).map_err(CommandError::of_format(file))?;
        fs::write(file, text).map_err(CommandError::of_file(file))
    }

    /// How many of what was counted, in all families.
    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        for tally in self.families.values() {
            total += tally.counts;
        }
        total
    }

    /// How many were done in a minute while threads worked on this family.
    pub(crate) fn per_minute(&self, family: Family, done: impl Fn(&Tally) -> u64) -> f64 {
        match self.families.get(&family) {
            Some(tally) if tally.busy > 0.0 => {
                #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
                let (done, jobs) = (done(tally) as f64, self.jobs as f64);
                done * jobs * 60.0 / tally.busy
            }
            _ => 0.0,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            steps,
            kills,
            states,
            recovered,
            singles,
            pairs,
            failed,
            histories,
            schedules,
            operations,
            faults,
            preemptions,
            unchecked,
        } = other;
        self.steps += steps;
        self.kills += kills;
        self.states = self.states.saturating_add(states);
        self.recovered += recovered;
        self.singles += singles;
        self.pairs += pairs;
        self.failed += failed;
        self.histories += histories;
        self.schedules += schedules;
        self.operations += operations;
        self.faults += faults;
        self.preemptions += preemptions;
        self.unchecked += unchecked;
    }
}

/// Makes sure that findings can be kept in a file, before hours are spent on them.
pub(crate) fn make_room(file: &Path) -> Result<(), CommandError> {
    let mut options = fs::OpenOptions::new();
    let opened = options.append(true).create(true).open(file);
    opened.map(drop).map_err(CommandError::of_file(file))
}

/// Reads what was kept in a file as JSON.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<T, CommandError> {
    let text = fs::read_to_string(file).map_err(CommandError::of_file(file))?;
    serde_json::from_str(&text).map_err(CommandError::of_format(file))
}
