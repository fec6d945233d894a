//! `EtcdEngine`: `Engine` by etcd.

use std::time::{Duration, Instant, SystemTime};

use userdata_pool::{Answer, Engine, EngineError, Lease, Txn};

use crate::error::EtcdError;
use crate::options::EtcdOptions;
use crate::server::Server;

/// The cluster as a pool needs it.
#[derive(Debug)]
pub struct EtcdEngine {
    options: EtcdOptions,
    stale: bool,
    start: Instant,
}

impl EtcdEngine {
    /// An engine that is not connected yet: it does no I/O.
    ///
    /// # Errors
    ///
    /// If the options name no member, or the certificates cannot be used.
    pub fn new(options: EtcdOptions) -> Result<Self, EtcdError> {
        if options.endpoints.is_empty() {
            return Err(EtcdError::NoEndpoint);
        }
        Ok(Self {
            options,
            stale: false,
            start: Instant::now(),
        })
    }

    /// The same engine, whose reads need no quorum: a member answers with what it knows, which may
    /// be old.
    #[must_use]
    pub fn stale(self) -> Self {
        Self {
            stale: true,
            ..self
        }
    }

    /// Asks one member what it is.
    ///
    /// # Errors
    ///
    /// If no member answers, or if the one that answers is not etcd 3.4 or later.
    pub fn server(&self, _timeout: Duration) -> Result<Server, EngineError> {
        Err(self.not_yet())
    }

    fn not_yet(&self) -> EngineError {
        let text = format!(
            "{:?} is not asked yet (stale: {})",
            self.options, self.stale
        );
        EngineError::NotSent(text.into())
    }
}

impl Engine for EtcdEngine {
    fn txn(&self, _txn: &Txn, _timeout: Duration) -> Result<Answer, EngineError> {
        Err(self.not_yet())
    }

    fn grant(&self, _ttl: Duration, _timeout: Duration) -> Result<Lease, EngineError> {
        Err(self.not_yet())
    }

    fn keep_alive(&self, _lease: Lease) {}

    fn revoke(&self, _lease: Lease) {}

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn today(&self) -> SystemTime {
        SystemTime::now()
    }

    fn number(&self) -> u64 {
        1
    }
}
