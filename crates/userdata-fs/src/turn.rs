//! `Turn`: a thread's turn in the line for a lock.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The turn of a thread that waits in line for the lock of a domain, behind another thread of its
/// process. The thread before it gives it the turn, once.
///
/// Clones are the same turn. Two turns are equal only if they are the same.
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Turn {
    /// A turn that is not yet given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the turn, and wakes the thread that waits for it.
    pub fn give(&self) {
        *self.given() = true;
        self.0.changed.notify_all();
    }

    /// Whether it was given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        *self.given()
    }

    /// Sleeps until the turn is given, at most for this long (`pthread_cond_timedwait`). Does not
    /// poll.
    pub fn wait(&self, span: Duration) {
        let is_waiting = |given: &mut bool| !*given;
        let changed = &self.0.changed;
        let waited = changed.wait_timeout_while(self.given(), span, is_waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn given(&self) -> MutexGuard<'_, bool> {
        self.0.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Turn {}
