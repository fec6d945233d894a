//! `Watched`: an engine whose transactions are watched, or followed by something.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use userdata_etcd::EtcdEngine;
use userdata_pool::{Answer, Engine, EngineError, Lease, Txn};

/// What happens around a transaction.
pub(crate) trait Watch: Send + Sync + fmt::Debug {
    /// Makes the transaction with the engine.
    fn txn(&self, engine: &EtcdEngine, txn: &Txn, timeout: Duration)
    -> Result<Answer, EngineError>;
}

/// An engine that is watched.
#[derive(Debug)]
pub(crate) struct Watched<W> {
    pub(crate) engine: Arc<EtcdEngine>,
    pub(crate) watch: W,
}

impl<W: Watch> Engine for Watched<W> {
    fn txn(&self, txn: &Txn, timeout: Duration) -> Result<Answer, EngineError> {
        self.watch.txn(&self.engine, txn, timeout)
    }

    fn grant(&self, ttl: Duration, timeout: Duration) -> Result<Lease, EngineError> {
        self.engine.grant(ttl, timeout)
    }

    fn keep_alive(&self, lease: Lease) {
        self.engine.keep_alive(lease);
    }

    fn revoke(&self, lease: Lease, timeout: Duration) {
        self.engine.revoke(lease, timeout);
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
