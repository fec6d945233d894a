//! `TimeLeft`: one timeout, shared by all waits of a call.

use std::time::Duration;

use userdata_core::Store;

/// How long a call may still wait, measured by the store's clock.
pub(crate) struct TimeLeft<'a, S> {
    store: &'a S,
    started: Duration,
    timeout: Duration,
}

impl<'a, S: Store> TimeLeft<'a, S> {
    pub(crate) fn new(store: &'a S, timeout: Duration) -> Self {
        Self {
            store,
            started: store.now(),
            timeout,
        }
    }

    /// The rest of the timeout; zero if it has passed.
    pub(crate) fn get(&self) -> Duration {
        let waited = self.store.now().saturating_sub(self.started);
        self.timeout.saturating_sub(waited)
    }
}
