//! `Recorder`: the history of several clients, in one order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::StoreErrorKind;
use userdata_simulate::history::{
    Disturbance, Event, History, Invocation, OperationId, ProcessId, Response,
};
use userdata_simulate::walk::{Action, Report};

use crate::host::Host;

/// What all clients did.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Recorded>);

/// The history, and what it does not say.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) history: History,
    operations: usize,
    processes: usize,
    /// When each change was acknowledged.
    pub(crate) acknowledged: Vec<Instant>,
    /// How many calls failed, and changed nothing.
    pub(crate) failed: usize,
    /// How many changes may have been made.
    pub(crate) unknown: usize,
    /// The longest call.
    pub(crate) longest: Duration,
    /// The first failure that no fault of a member explains.
    pub(crate) unexpected: Option<String>,
}

/// One client of a history.
#[derive(Debug)]
pub(crate) struct Client<'r> {
    recorder: &'r Recorder,
    process: ProcessId,
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new client.
    pub(crate) fn client(&self) -> Client<'_> {
        Client {
            recorder: self,
            process: self.lock().process(),
        }
    }

    /// How many changes were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.lock().acknowledged.len()
    }

    /// All of it.
    pub(crate) fn into_recorded(self) -> Recorded {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    fn process(&mut self) -> ProcessId {
        self.processes += 1;
        ProcessId(self.processes - 1)
    }
}

impl Client<'_> {
    /// Performs an action and records it. Returns the report if its outcome is known.
    ///
    /// An operation of unknown outcome stays open for ever: it may happen at any later time. The
    /// client goes on under a new number.
    pub(crate) fn perform(&mut self, host: &Host, action: Action) {
        let id = self.begin(&action);
        let started = Instant::now();
        let report = action.perform(&host.facade, &host.xen);
        let ended = Instant::now();
        let mut all = self.recorder.lock();
        all.longest = all.longest.max(ended - started);
        let process = self.process;
        if let Report::Failed(error) = &report {
            if is_unknown(error) {
                all.unknown += 1;
                self.process = all.process();
                return;
            }
            match failure(error) {
                Failure::OfTheEngine => {
                    all.failed += 1;
                    let by = Disturbance::Engine;
                    all.history.events.push(Event::Disturbed { process, by });
                }
                Failure::OfTheValue => {}
                Failure::Unexpected => {
                    let told = format!("{action}: {report}");
                    all.unexpected.get_or_insert(told);
                }
            }
        }
        if let Report::Changed(_) = &report {
            all.acknowledged.push(ended);
        }
        let response = Response::Userdata(report);
        all.history.events.push(Event::Responded {
            process,
            id,
            response,
        });
    }

    fn begin(&self, action: &Action) -> OperationId {
        let mut all = self.recorder.lock();
        let id = OperationId(all.operations);
        all.operations += 1;
        all.history.events.push(Event::Invoked {
            process: self.process,
            id,
            invocation: Invocation::Userdata(action.clone()),
        });
        id
    }
}

/// Why an operation failed.
enum Failure {
    /// Members were dead or stopped.
    OfTheEngine,
    /// The value is not the expected one.
    OfTheValue,
    Unexpected,
}

fn failure(error: &UserdataError) -> Failure {
    match error.kind() {
        UserdataErrorKind::Store(error) => match error.kind() {
            StoreErrorKind::Unreachable { .. } | StoreErrorKind::DeadlinePassed { .. } => {
                Failure::OfTheEngine
            }
            StoreErrorKind::PreconditionFailed { .. } => Failure::OfTheValue,
            _ => Failure::Unexpected,
        },
        _ => Failure::Unexpected,
    }
}

/// Whether it is not known whether the change was made.
pub(crate) fn is_unknown(error: &UserdataError) -> bool {
    match error.kind() {
        UserdataErrorKind::Store(error) => {
            matches!(error.kind(), StoreErrorKind::OutcomeUnknown { .. })
        }
        _ => false,
    }
}
