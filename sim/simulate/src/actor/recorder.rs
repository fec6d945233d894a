//! `Recorder`: what happens in a run, as it happens.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use userdata_core::DomainKey;

use crate::history::{Event, History, OperationId, ProcessId};
use userdata_sim::crash::Tree;

/// How much happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Operations that were begun.
    pub operations: u64,
    /// Calls of directories.
    pub calls: u64,
    /// Questions to the hypervisor.
    pub questions: u64,
    /// Answers of either that were disturbed.
    pub faults: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Things that happened to domains.
    pub host_events: u64,
    /// Steps that were made, each by one process.
    pub steps: u64,
    /// How often a process that could have gone on was kept waiting, and another ran.
    pub preemptions: u64,
}

/// One call of a process and its answer, or a choice, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The process.
    pub process: ProcessId,
    /// When, on the simulated clock.
    pub clock: Duration,
    /// What.
    pub text: String,
    /// How many events the history had by then.
    pub events: usize,
    /// What the directory held by then.
    pub tree: Tree,
}

/// What is noted of a run, shared by its processes.
#[derive(Debug)]
pub(crate) struct Recorder {
    recorded: Mutex<Recorded>,
    traces: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) history: History,
    pub(crate) counts: Counts,
    pub(crate) lines: Vec<Line>,
    /// Every incarnation that there was, in order of their beginnings.
    pub(crate) incarnations: Vec<DomainKey>,
}

impl Recorder {
    pub(crate) fn new(traces: bool) -> Self {
        Self {
            recorded: Mutex::default(),
            traces,
        }
    }

    pub(crate) const fn traces(&self) -> bool {
        self.traces
    }

    pub(crate) fn note(&self, mut line: Line) {
        let mut recorded = self.lock();
        line.events = recorded.history.events.len();
        recorded.lines.push(line);
    }

    pub(crate) fn push(&self, event: Event) {
        let mut recorded = self.lock();
        let counts = &mut recorded.counts;
        match &event {
            Event::Killed { .. } => counts.kills += 1,
            Event::Disturbed { .. } => counts.faults += 1,
            Event::Host { .. } => counts.host_events += 1,
            _ => {}
        }
        recorded.history.events.push(event);
    }

    /// Notes that an operation begins.
    pub(crate) fn begin(
        &self,
        process: ProcessId,
        invocation: crate::history::Invocation,
    ) -> OperationId {
        let mut recorded = self.lock();
        let number = recorded.counts.operations;
        recorded.counts.operations += 1;
        let id = OperationId(usize::try_from(number).unwrap_or(usize::MAX));
        recorded.history.events.push(Event::Invoked {
            process,
            id,
            invocation,
        });
        id
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Recorded {
        std::mem::take(&mut *self.lock())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.clock.as_micros();
        write!(f, "{micros:>8} {}: {}", self.process.0, self.text)
    }
}
