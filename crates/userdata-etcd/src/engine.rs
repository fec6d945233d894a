//! `EtcdEngine`: `Engine` by etcd.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use etcd_client::Client;
use rustix::time::{ClockId, clock_gettime};
use userdata_pool::{Answer, Engine, EngineError, Lease, Txn};

use crate::cluster::{Cluster, Repeat};
use crate::error::EtcdError;
use crate::lease::Leases;
use crate::options::EtcdOptions;
use crate::request;
use crate::server::Server;
use crate::thread::Thread;

/// The cluster as a pool needs it.
///
/// All calls wait for their answer, so none may be made on a thread that drives asynchronous tasks
/// of tokio: there it panics.
#[derive(Debug)]
pub struct EtcdEngine {
    cluster: Arc<Cluster>,
    /// The same members, for stale reads.
    leaderless: Cluster,
    leases: Leases,
    thread: Thread,
}

impl EtcdEngine {
    /// An engine that is not connected yet. It has one thread, and does no I/O.
    ///
    /// # Errors
    ///
    /// If the options name no member, if the certificates cannot be used, or if the thread cannot
    /// be started.
    pub fn new(options: EtcdOptions) -> Result<Self, EtcdError> {
        let cluster = Cluster::new(&options)?;
        Ok(Self {
            leaderless: cluster.without_leader(),
            cluster: Arc::new(cluster),
            leases: Leases::default(),
            thread: Thread::start().map_err(EtcdError::Thread)?,
        })
    }

    /// Asks one member what it is.
    ///
    /// # Errors
    ///
    /// If no member answers, or if the one that answers is not etcd 3.4 or later.
    pub fn server(&self, timeout: Duration) -> Result<Server, EngineError> {
        self.wait(Server::ask(&self.cluster, timeout))
    }

    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.thread.handle().block_on(answer)
    }
}

impl Engine for EtcdEngine {
    fn txn(&self, txn: &Txn, timeout: Duration) -> Result<Answer, EngineError> {
        let changes = request::changes(txn);
        let repeat = match changes {
            true => Repeat::No,
            false => Repeat::Yes,
        };
        let stale = txn.stale && !changes;
        let cluster = match stale {
            true => &self.leaderless,
            false => &*self.cluster,
        };
        let send = |client: Client| request::send(client, txn, stale);
        self.wait(cluster.ask(timeout, repeat, send))
    }

    fn grant(&self, ttl: Duration, timeout: Duration) -> Result<Lease, EngineError> {
        self.wait(self.leases.grant(&self.cluster, ttl, timeout))
    }

    fn keep_alive(&self, lease: Lease) {
        let handle = self.thread.handle();
        self.leases.keep_alive(handle, &self.cluster, lease);
    }

    fn revoke(&self, lease: Lease, timeout: Duration) {
        self.wait(self.leases.revoke(&self.cluster, lease, timeout));
    }

    fn now(&self) -> Duration {
        let now = clock_gettime(ClockId::Monotonic);
        // The monotonic clock is never negative, and its nanoseconds stay below 10^9.
        Duration::new(
            now.tv_sec.unsigned_abs(),
            u32::try_from(now.tv_nsec).unwrap_or_default(),
        )
    }

    fn today(&self) -> SystemTime {
        SystemTime::now()
    }

    fn number(&self) -> u64 {
        // The keys of a `RandomState` are random.
        RandomState::new().hash_one(self.now()).max(1)
    }
}
