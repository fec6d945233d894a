//! Whether this library replaces values only while nobody else can, and destroys domains only while
//! nobody stores for them.

use super::complaint::Complaint;
use super::facts::Facts;
use super::lifetime::tells_trouble;
use crate::history::{Event, History, Unguarded};
use crate::walk::Guarantee;

/// Checks every value that was about to be replaced without a guard. What real libxl does is none
/// of this library's making.
pub(crate) fn check(facts: &Facts<'_>, history: &History) -> Vec<Complaint> {
    let events = history.events.iter().enumerate();
    let complaint = |(at, event): (usize, &Event)| {
        let Event::Unguarded { process, how, .. } = event else {
            return None;
        };
        let deed = facts.deeds.iter().position(|deed| {
            deed.process == *process
                && deed.began < at
                && at < deed.ended
                && deed.action().is_some()
        })?;
        // Trouble with storage stops no destroy, but is told.
        let done = facts.deeds.get(deed)?;
        if *how == Unguarded::WithoutMarker
            && (done.is_cut_off() || tells_trouble(done) || facts.breaks.touch(done))
        {
            return None;
        }
        let (guarantee, why) = match how {
            Unguarded::WithoutLock => (
                Guarantee::Atomic,
                "a value is replaced although the lock of the domain is lost",
            ),
            Unguarded::WhileClosing => (
                Guarantee::Lifetime,
                "a value is stored although somebody is destroying the domain",
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
            [deed],
        ))
    };
    events.filter_map(complaint).collect()
}
