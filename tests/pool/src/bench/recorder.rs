//! `Recorder`: keeps the transactions that an engine is asked for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use userdata_etcd::EtcdEngine;
use userdata_pool::{Answer, Engine as _, EngineError, Request, Txn};

use crate::watched::Watch;

/// Keeps transactions while it is told to.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Option<Vec<Txn>>>);

impl Recorder {
    /// The transactions of this work.
    pub(crate) fn of<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<Vec<Txn>, E> {
        self.keep(Some(Vec::new()));
        let done = work();
        let kept = self.keep(None);
        done.map(|_| kept.unwrap_or_default())
    }

    fn keep(&self, next: Option<Vec<Txn>>) -> Option<Vec<Txn>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut kept, next)
    }
}

/// Whether a transaction changes something.
pub(crate) fn changes(txn: &Txn) -> bool {
    let reads = |request: &Request| matches!(request, Request::Range { .. });
    !txn.requests.iter().all(reads)
}

impl Watch for Recorder {
    fn txn(
        &self,
        engine: &EtcdEngine,
        txn: &Txn,
        timeout: Duration,
    ) -> Result<Answer, EngineError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            kept.push(txn.clone());
        }
        drop(kept);
        engine.txn(txn, timeout)
    }
}
