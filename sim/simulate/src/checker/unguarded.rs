//! Whether this library replaces values only while no other process can, and destroys domains only
//! while no other process stores for them.

use super::complaint::Complaint;
use super::facts::Facts;
use super::leftovers::reports_problems;
use crate::history::{Event, History, Unguarded};
use crate::walk::Guarantee;

/// Checks every value that was about to be replaced without a guard. Those that real libxl replaces
/// are not counted against this library.
pub(crate) fn check(facts: &Facts<'_>, history: &History) -> Vec<Complaint> {
    let events = history.events.iter().enumerate();
    let complaint = |(at, event): (usize, &Event)| {
        let Event::Unguarded { process, how, .. } = event else {
            return None;
        };
        let operation = facts.operations.iter().position(|operation| {
            operation.process == *process
                && operation.began < at
                && at < operation.ended
                && operation.action().is_some()
        })?;
        let done = facts.operations.get(operation)?;
        let is_excused = match how {
            Unguarded::WithoutLock => false,
            // The closing mark that it passed was made under a lock that libxl had broken, and is
            // given up when its maker compares the lock.
            Unguarded::WhileClosing | Unguarded::SweptWhileClosing => {
                facts.broken_locks.touch(done)
            }
            // A failure of the storage does not stop a destroy, but is reported.
            Unguarded::WithoutMarker => {
                done.is_cut_off() || reports_problems(done) || facts.broken_locks.touch(done)
            }
        };
        if is_excused {
            return None;
        }
        let (guarantee, why) = match how {
            Unguarded::WithoutLock => (
                Guarantee::Atomic,
                "a value is replaced although the lock of the domain is lost",
            ),
            Unguarded::WhileClosing => (
                Guarantee::Lifetime,
                "a value is stored although another process is destroying the domain",
            ),
            Unguarded::SweptWhileClosing => (
                Guarantee::Lifetime,
                "a sweep removes a value of a domain whose closing mark another process holds",
            ),
            Unguarded::WithoutMarker => (
                Guarantee::Lifetime,
                "a domain is destroyed, and no closing marker that is held keeps stores away",
            ),
        };
        Some(Complaint::new(
            facts,
            guarantee,
            None,
            why.to_owned(),
            [operation],
        ))
    };
    events.filter_map(complaint).collect()
}
