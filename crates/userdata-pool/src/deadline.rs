//! `Deadline`: the end of a call. Each request of the call gets the time that is left.

use std::time::Duration;

use crate::engine::{Answer, Lease, Txn};
use crate::{Engine, EngineError, PoolStore};

/// The shortest time that a request gets, even if none is left. A call takes at most this much
/// longer than its timeout.
const ATTEMPT_MIN: Duration = Duration::from_millis(100);

/// When a call began, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Duration,
    timeout: Duration,
}

impl<E: Engine> PoolStore<E> {
    /// The deadline of a call that begins now.
    pub(crate) fn within(&self, timeout: Duration) -> Deadline {
        let started = self.engine.now();
        Deadline { started, timeout }
    }

    /// The same for a call that has no timeout of its own.
    pub(crate) fn within_options(&self) -> Deadline {
        self.within(self.options.timeout)
    }

    /// How long the call has taken.
    pub(crate) fn waited(&self, deadline: Deadline) -> Duration {
        self.engine.now().saturating_sub(deadline.started)
    }

    /// Whether no time is left.
    pub(crate) fn is_past(&self, deadline: Deadline) -> bool {
        self.waited(deadline) >= deadline.timeout
    }

    /// How long the next request of the call may take.
    pub(crate) fn attempt(&self, deadline: Deadline) -> Duration {
        let (waited, timeout) = (self.waited(deadline), deadline.timeout);
        let left = timeout.saturating_sub(waited);
        let longest = timeout.saturating_add(ATTEMPT_MIN).saturating_sub(waited);
        left.max(ATTEMPT_MIN).min(longest)
    }

    /// Sends a transaction. Every one of every call is sent here.
    pub(crate) fn send(&self, txn: &Txn, deadline: Deadline) -> Result<Answer, EngineError> {
        self.engine.txn(txn, self.attempt(deadline))
    }

    /// A new lease for a closing mark.
    pub(crate) fn grant(&self, deadline: Deadline) -> Result<Lease, EngineError> {
        let timeout = self.attempt(deadline);
        self.engine.grant(self.options.lease, timeout)
    }
}
