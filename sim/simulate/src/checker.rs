//! `Checker`: holds a history against the guarantees, and says why it is wrong.
//!
//! A value is a register: operations put, remove, read, and compare before they put. A history is
//! right if for each register there is an order of the operations, each at one moment of its time,
//! that explains every response (*linearisability*). An operation without a response may have
//! happened or not; a failure has changed nothing, unless its kind says otherwise.
//!
//! # What is excused
//!
//! A lock that real libxl or an adversary broke is broken until its holder is done. Until then a
//! compare-and-swap takes effect at two moments, one at which it compared and one at which it put;
//! a put, removal or read still takes effect at one. Two libxl writers at once may leave any
//! mixture of their values, but of no value of ours. A value may outlive its domain if its store
//! reported that the lock was lost, or if libxl worked without the right lock meanwhile; a store
//! that reported nothing of the kind leaves none. All of this is counted.
//!
//! # What is not checked
//!
//! How long an operation waited; whether a store had to succeed; modification times; what several
//! registers show together, but that a carried value is one that its source may have had then.
//! Between operations that overlap, only what was read orders them, also
//! for power cuts. An answer of the hypervisor that was wrong excuses the response it led to.

mod accesses;
mod broken_locks;
mod carried;
mod complaint;
mod content;
mod crash;
mod explain;
mod facts;
mod last_sweep;
mod leftovers;
mod lifetimes;
mod line;
mod linearise;
mod mixture;
mod of_run;
mod operation;
mod register;
mod registers;
mod responses;
mod survivor;
mod sweeps;
#[cfg(test)]
mod tests;
mod unguarded;

use std::fmt;

use userdata_core::file_name::NameFormat;

pub use complaint::{Complaint, Involved};
pub use crash::{CrashCheck, CrashChecked};
pub use facts::HostImage;
pub use operation::MalformedHistory;

use facts::Facts;

use crate::history::{Event, History};
use crate::walk::Seen;
use userdata_sim::crash::Storage;

/// The facts about one run that are checked.
#[derive(Clone, Copy, Debug)]
pub struct Checker<'a> {
    /// The history of the run.
    pub history: &'a History,
    /// How files are named.
    pub format: NameFormat,
    /// The host when it began.
    pub before: &'a HostImage,
    /// What sweeps of this boot had seen then.
    pub seen: &'a [Seen],
    /// The host when all processes had ended; none if the power was cut before.
    pub after: Option<&'a HostImage>,
    /// The disk at the end, if one more sweep is to be made of it.
    pub storage: Option<&'a Storage>,
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The broken guarantees.
    pub complaints: Vec<Complaint>,
    /// The counts of checked operations, and of known effects that are not a failure of this
    /// library.
    pub tally: Tally,
}

/// The counts of a check: how much was checked, and how much was excused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Operations.
    pub operations: u64,
    /// Registers: userids of domains that were touched.
    pub registers: u64,
    /// Accesses to registers.
    pub accesses: u64,
    /// How often another process broke a lock.
    pub locks_broken: u64,
    /// Registers in which libxl's writers may have mixed their bytes.
    pub mixed_by_libxl: u64,
    /// Files of domains that are gone, of real libxl: the leak that it has.
    pub left_by_libxl: u64,
    /// Values of domains that no process destroyed with their data: for a sweep.
    pub left_for_a_sweep: u64,
    /// Values of domains that are gone, whose stores reported that their lock was lost, or were
    /// made while another process worked without the lock.
    pub left_in_known_window: u64,
    /// Temporary files, locks and markers of processes that were killed or could not remove them.
    pub left_over: u64,
    /// Registers with too many operations at once to be checked.
    pub too_many_at_once: u64,
}

impl Checker<'_> {
    /// Checks.
    ///
    /// # Errors
    ///
    /// [`MalformedHistory`] if the events are not a history, such as a response without a call.
    pub fn check(&self) -> Result<Checked, MalformedHistory> {
        let facts = Facts::of(self.history, self.format, self.before, usize::MAX)?;
        let is_cut = self
            .history
            .events
            .iter()
            .any(|event| matches!(event, Event::PowerCut));
        let after = self.after.filter(|_| !is_cut);
        let mut checked = Checked {
            complaints: responses::check(&facts),
            tally: Tally::default(),
        };
        checked
            .complaints
            .extend(unguarded::check(&facts, self.history));
        checked.complaints.extend(sweeps::check(&facts, self.seen));
        checked.complaints.extend(line::check(&facts));
        let registers = registers::registers(&facts, after.map(|after| &after.tree));
        for register in &registers {
            checked.tally.accesses += register.accesses.len() as u64;
            checked.tally.mixed_by_libxl += u64::from(register.mixture.is_some());
            match explain::check(&facts, &registers, register) {
                Ok(complaint) => checked.complaints.extend(complaint),
                Err(linearise::TooMany) => checked.tally.too_many_at_once += 1,
            }
        }
        checked.tally.operations = facts.operations.len() as u64;
        checked.tally.registers = registers.len() as u64;
        checked.tally.locks_broken = facts.broken_locks.len() as u64;
        if let Some(after) = after {
            let left = leftovers::check(&facts, after, &mut checked.tally);
            checked.complaints.extend(left);
            checked.complaints.extend(sweeps::check_last(&facts, after));
            if let Some(storage) = self.storage {
                checked
                    .complaints
                    .extend(last_sweep::check(&facts, after, storage));
            }
        }
        Ok(checked)
    }
}

impl Tally {
    /// Adds what was found in another run.
    pub fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.registers += other.registers;
        self.accesses += other.accesses;
        self.locks_broken += other.locks_broken;
        self.mixed_by_libxl += other.mixed_by_libxl;
        self.left_by_libxl += other.left_by_libxl;
        self.left_for_a_sweep += other.left_for_a_sweep;
        self.left_in_known_window += other.left_in_known_window;
        self.left_over += other.left_over;
        self.too_many_at_once += other.too_many_at_once;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operations,
            registers,
            accesses,
            locks_broken,
            mixed_by_libxl,
            left_by_libxl,
            left_for_a_sweep,
            left_in_known_window,
            left_over,
            too_many_at_once,
        } = self;
        write!(
            f,
            "{operations} operations, {registers} registers, {accesses} accesses; {locks_broken} \
             locks broken by others, {mixed_by_libxl} registers mixed by libxl, {left_by_libxl} \
             files left by libxl, {left_for_a_sweep} for a sweep, {left_in_known_window} in the \
             window of a lost lock, {left_over} other files left; {too_many_at_once} registers \
             not checked",
        )
    }
}
