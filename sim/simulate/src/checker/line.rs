//! Whether the threads of one process that want one lock keep to their line.

use super::complaint::Complaint;
use super::facts::Facts;
use crate::history::{Event, OutOfLine};
use crate::walk::Guarantee;

/// Checks everything that threads did out of line.
pub(crate) fn check(facts: &Facts<'_>) -> Vec<Complaint> {
    let events = facts.history.events.iter().enumerate();
    let complaint = |(at, event): (usize, &Event)| {
        let Event::OutOfLine { process, how } = event else {
            return None;
        };
        let why = match how {
            OutOfLine::Overtakes => "a thread is served before one that waited longer",
            OutOfLine::PollsTogether => "two threads of one process compete for a lock",
            OutOfLine::Stuck => "threads wait in line, and no thread will give them their turn",
        };
        let mut operations = facts.operations.iter();
        let operation = operations.position(|operation| {
            operation.process == *process && operation.began < at && at < operation.ended
        });
        Some(Complaint::new(
            facts,
            Guarantee::Bounded,
            None,
            why.to_owned(),
            operation,
        ))
    };
    events.take(facts.until).filter_map(complaint).collect()
}
