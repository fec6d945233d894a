//! `Recorder`: an engine that keeps the transactions that it is asked for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use userdata_etcd::EtcdEngine;
use userdata_pool::{Answer, Engine, EngineError, Lease, Request, Txn};

/// An engine that keeps transactions while it is told to.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) engine: EtcdEngine,
    kept: Mutex<Option<Vec<Txn>>>,
}

impl Recorder {
    pub(crate) const fn new(engine: EtcdEngine) -> Self {
        Self {
            engine,
            kept: Mutex::new(None),
        }
    }

    /// The transactions of this work.
    pub(crate) fn of<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<Vec<Txn>, E> {
        self.keep(Some(Vec::new()));
        let done = work();
        let kept = self.keep(None);
        done.map(|_| kept.unwrap_or_default())
    }

    fn keep(&self, next: Option<Vec<Txn>>) -> Option<Vec<Txn>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut kept, next)
    }
}

/// Whether a transaction changes something.
pub(crate) fn changes(txn: &Txn) -> bool {
    let reads = |request: &Request| matches!(request, Request::Range { .. });
    !txn.requests.iter().all(reads)
}

impl Engine for Recorder {
    fn txn(&self, txn: &Txn, timeout: Duration) -> Result<Answer, EngineError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            kept.push(txn.clone());
        }
        drop(kept);
        self.engine.txn(txn, timeout)
    }

    fn grant(&self, ttl: Duration, timeout: Duration) -> Result<Lease, EngineError> {
        self.engine.grant(ttl, timeout)
    }

    fn keep_alive(&self, lease: Lease) {
        self.engine.keep_alive(lease);
    }

    fn revoke(&self, lease: Lease) {
        self.engine.revoke(lease);
    }

    fn now(&self) -> Duration {
        self.engine.now()
    }

    fn today(&self) -> SystemTime {
        self.engine.today()
    }

    fn number(&self) -> u64 {
        self.engine.number()
    }
}
