//! `Tally`: the results of one form on one file system, and whether they fit the claim.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cut::Cut;
use crate::file_system::FileSystem;
use crate::form::{Claim, Form};
use crate::recording::Recording;
use crate::rig::Left;
use crate::verdict::{self, Fault, Found};
use crate::workload;

/// The number of failing states that are kept for a replay.
const FAILURES_MAX: usize = 5;

/// The results of one form on one file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) file_system: FileSystem,
    pub(crate) form: Form,
    pub(crate) claim: Claim,
    /// The number of recordings.
    pub(crate) recordings: u64,
    /// The writes and flushes in the recordings.
    pub(crate) writes: u64,
    pub(crate) flushes: u64,
    /// The power cuts, unmountable states included.
    pub(crate) states: u64,
    pub(crate) unmountable: u64,
    /// The states in which a key reads bytes that are not a whole value, old or new.
    pub(crate) bad: u64,
    /// The states in which a key has an older state than the last acknowledged one.
    pub(crate) lost: u64,
    /// The number of reads with each fault.
    pub(crate) reads: BTreeMap<Fault, u64>,
    pub(crate) milliseconds: u64,
    /// Some of the states that break the claim.
    pub(crate) failures: Vec<Failure>,
    /// The reason for the first unmountable state.
    pub(crate) refusal: Option<String>,
}

/// A state that breaks the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) cut: String,
    pub(crate) key: usize,
    pub(crate) fault: Fault,
    pub(crate) found: Found,
}

/// Every key with a fault.
pub(crate) fn faults(recording: &Recording, cut: Cut, found: &[Found]) -> Vec<(usize, Fault)> {
    let changes = workload::changes(recording.seed);
    let progress = recording.log.progress(cut.after);
    let fault = |(key, found)| Some((key, verdict::fault(&changes, progress, key, found)?));
    found.iter().enumerate().filter_map(fault).collect()
}

impl Tally {
    pub(crate) fn new(file_system: FileSystem, form: Form) -> Self {
        Self {
            file_system,
            form,
            claim: form.claim(file_system),
            recordings: 0,
            writes: 0,
            flushes: 0,
            states: 0,
            unmountable: 0,
            bad: 0,
            lost: 0,
            reads: BTreeMap::new(),
            milliseconds: 0,
            failures: Vec::new(),
            refusal: None,
        }
    }

    /// Adds a recording. Its states follow.
    pub(crate) fn begin(&mut self, recording: &Recording) {
        let (writes, flushes) = recording.log.counts();
        self.recordings += 1;
        self.writes += writes as u64;
        self.flushes += flushes as u64;
    }

    /// Adds a state.
    pub(crate) fn add(&mut self, recording: &Recording, cut: Cut, left: &Left) {
        self.states += 1;
        let found = match left {
            Left::Found(found) => found,
            Left::Unmountable(why) => {
                self.unmountable += 1;
                self.refusal.get_or_insert_with(|| why.clone());
                return;
            }
        };
        let faults = faults(recording, cut, found);
        for (_, fault) in &faults {
            *self.reads.entry(*fault).or_default() += 1;
        }
        self.bad += u64::from(faults.iter().any(|(_, fault)| fault.is_bad()));
        self.lost += u64::from(faults.iter().any(|(_, fault)| !fault.is_bad()));
        let breaks = |fault: Fault| match self.claim {
            Claim::Durable => true,
            Claim::Whole => fault.is_bad(),
            Claim::MustBreak | Claim::MustLose | Claim::Nothing => false,
        };
        let broken = faults.into_iter().find(|(_, fault)| breaks(*fault));
        if let Some((key, fault)) = broken
            && self.failures.len() < FAILURES_MAX
        {
            self.failures.push(Failure {
                seed: recording.seed,
                cut: cut.to_string(),
                key,
                fault,
                found: found.get(key).cloned().unwrap_or(Found::Nothing),
            });
        }
    }

    /// The contradiction to the claim, if there is one.
    pub(crate) fn problem(&self) -> Option<String> {
        let Self {
            states,
            bad,
            lost,
            unmountable,
            ..
        } = self;
        if unmountable * 10 > *states {
            return Some(format!(
                "{unmountable} of {states} states cannot be mounted"
            ));
        }
        match self.claim {
            Claim::Durable | Claim::Whole if *bad > 0 => {
                Some(format!("{bad} of {states} states are bad"))
            }
            Claim::Durable if *lost > 0 => Some(format!(
                "{lost} of {states} states lost an acknowledged change"
            )),
            Claim::MustBreak if *bad == 0 => Some(format!(
                "the control shows no bad value in {states} states, so the rig would not find one \
                 elsewhere"
            )),
            Claim::MustLose if *lost == 0 => Some(format!(
                "the control loses no acknowledged change in {states} states, so the rig would not \
                 find a loss elsewhere"
            )),
            _ => None,
        }
    }

    /// The number of states per second.
    pub(crate) fn rate(&self) -> f64 {
        self.states as f64 * 1000.0 / self.milliseconds.max(1) as f64
    }

    /// The faults and their numbers, as text.
    pub(crate) fn seen(&self) -> String {
        let reads = self.reads.iter();
        let reads: Vec<String> = reads
            .map(|(fault, count)| format!("{} {count}", fault.name()))
            .collect();
        reads.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut::Survivors;
    use crate::image::Image;
    use crate::write_log::{Event, WriteLog};

    const SEED: u64 = 1;

    /// The tally of one state, in which all changes are acknowledged and the first key has the value
    /// `found` of the right one.
    fn tally_of(on: FileSystem, form: Form, found: fn(&Found) -> Found) -> Tally {
        let changes = workload::changes(SEED);
        let mut log = WriteLog::default();
        for number in 0..changes.len() {
            log.push(Event::Begun(number));
            log.push(Event::Acknowledged(number));
        }
        let mut right: Vec<Found> = (0..workload::KEYS)
            .map(|key| {
                let last = changes.iter().rev().find(|change| change.key == key);
                let stored = last.and_then(|change| change.stored);
                stored.map_or(Found::Nothing, |stored| Found::Version(stored.version))
            })
            .collect();
        right[0] = found(&right[0]);
        let recording = Recording {
            file_system: on,
            form,
            seed: SEED,
            before: Image::default(),
            log,
        };
        let cut = Cut {
            after: 2 * changes.len(),
            survivors: Survivors::All,
        };
        let mut tally = Tally::new(on, form);
        tally.begin(&recording);
        tally.add(&recording, cut, &Left::Found(right));
        tally
    }

    fn right(found: &Found) -> Found {
        found.clone()
    }

    fn empty(_: &Found) -> Found {
        Found::Empty
    }

    fn before(_: &Found) -> Found {
        Found::Version(workload::VERSION_BEFORE)
    }

    #[test]
    fn a_bad_value_breaks_a_claim_and_a_lost_one_breaks_durable() {
        let problem = |form, found| tally_of(FileSystem::Xfs, form, found).problem();
        assert_eq!(problem(Form::Full, right), None);
        assert_eq!(problem(Form::Full, empty).unwrap(), "1 of 1 states are bad");
        assert_eq!(
            problem(Form::Full, before).unwrap(),
            "1 of 1 states lost an acknowledged change"
        );
        assert_eq!(problem(Form::File, empty).unwrap(), "1 of 1 states are bad");
        assert_eq!(problem(Form::File, before), None);
    }

    #[test]
    fn a_control_that_shows_nothing_is_a_problem() {
        let problem = |form, found| tally_of(FileSystem::Xfs, form, found).problem();
        assert_eq!(problem(Form::Process, empty), None);
        assert!(
            problem(Form::Process, right)
                .unwrap()
                .contains("the control shows no bad")
        );
        assert!(
            problem(Form::Process, before)
                .unwrap()
                .contains("the control shows no bad")
        );
        assert_eq!(problem(Form::FullWithoutDirectorySync, before), None);
        let silent = problem(Form::FullWithoutDirectorySync, right).unwrap();
        assert!(silent.contains("the control loses no"));
    }

    #[test]
    fn states_that_break_the_claim_are_kept_for_a_replay() {
        let tally = tally_of(FileSystem::Ext4, Form::Full, empty);
        let failure = &tally.failures[0];
        assert_eq!(
            (failure.seed, failure.cut.as_str(), failure.key),
            (SEED, "240", 0)
        );
        assert_eq!(
            (failure.fault, &failure.found),
            (Fault::Empty, &Found::Empty)
        );
        assert_eq!(tally.seen(), "empty 1");
        assert_eq!(
            tally_of(FileSystem::Ext4, Form::Process, empty).failures,
            []
        );
    }

    #[test]
    fn unmountable_states_are_counted_apart_and_must_be_few() {
        let recording = Recording {
            file_system: FileSystem::Btrfs,
            form: Form::Full,
            seed: SEED,
            before: Image::default(),
            log: WriteLog::default(),
        };
        let cut = Cut {
            after: 0,
            survivors: Survivors::All,
        };
        let mut tally = tally_of(FileSystem::Btrfs, Form::Full, right);
        tally.add(&recording, cut, &Left::Unmountable("why".to_owned()));
        assert_eq!((tally.states, tally.unmountable, tally.bad), (2, 1, 0));
        assert_eq!(tally.problem().unwrap(), "1 of 2 states cannot be mounted");
    }
}
