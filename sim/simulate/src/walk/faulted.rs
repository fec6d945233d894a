//! `Faulted`: how far a walk of faults went, and what it found.

use std::collections::BTreeMap;
use std::fmt;

use userdata_sim::faults::How;
use userdata_sim::interpose::CallKind;

use super::Broken;

/// How far a walk went, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Faulted {
    /// How many calls of the run without faults can go wrong.
    pub calls: u64,
    /// How many runs had one fault.
    pub singles: u64,
    /// How many runs had two.
    pub pairs: u64,
    /// How many runs had more.
    pub more: u64,
    /// How many of the runs failed; the others succeeded despite the fault.
    pub failed: u64,
    /// How many different states were recovered from after a power cut.
    pub recovered: u64,
    /// How many runs met this fault in a call of this kind, alone or as one of two.
    pub met: BTreeMap<(CallKind, How), u64>,
    /// What was broken.
    pub broken: Vec<Broken>,
}

impl Faulted {
    /// Adds what another walk found.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.more += other.more;
        self.failed += other.failed;
        self.recovered += other.recovered;
        for (fault, runs) in other.met {
            *self.met.entry(fault).or_default() += runs;
        }
        self.broken.extend(other.broken);
    }
}

impl fmt::Display for Faulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            singles,
            pairs,
            more,
            failed,
            recovered,
            met: _,
            broken,
        } = self;
        write!(
            f,
            "{calls} calls, {singles} single faults, {pairs} pairs, {more} of more, {failed} runs \
             failed, {recovered} states recovered from, {} guarantees broken",
            broken.len(),
        )
    }
}
