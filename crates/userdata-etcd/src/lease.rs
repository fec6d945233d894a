//! `Leases`: the leases that are kept alive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etcd_client::{Client, Error};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use userdata_pool::{EngineError, Lease};

use crate::cluster::{Cluster, Repeat};
use crate::later::later;

/// The leases of this engine that are in force.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<BTreeMap<Lease, Kept>>);

#[derive(Debug)]
struct Kept {
    ttl: Duration,
    task: Option<AbortHandle>,
}

impl Leases {
    fn kept<T>(&self, act: impl FnOnce(&mut BTreeMap<Lease, Kept>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn grant(
        &self,
        cluster: &Cluster,
        ttl: Duration,
        timeout: Duration,
    ) -> Result<Lease, EngineError> {
        let whole = ttl
            .as_secs()
            .saturating_add(u64::from(ttl.subsec_nanos() > 0));
        let seconds = i64::try_from(whole).unwrap_or(i64::MAX).max(1);
        let request = |mut client: Client| async move { client.lease_grant(seconds, None).await };
        // A lease whose grant is lost runs out by itself.
        let granted = cluster.ask(timeout, Repeat::Yes, request).await?;
        let lease = Lease(granted.id());
        let ttl = Duration::from_secs(u64::try_from(granted.ttl()).unwrap_or(whole));
        self.kept(|kept| kept.insert(lease, Kept { ttl, task: None }));
        Ok(lease)
    }

    /// Keeps a lease alive: renews it each time that a third of its time to live has passed.
    pub(crate) fn keep_alive(&self, handle: &Handle, cluster: &Arc<Cluster>, lease: Lease) {
        self.kept(|kept| {
            let Some(kept) = kept.get_mut(&lease) else {
                return;
            };
            let task = handle.spawn(keep(Arc::clone(cluster), lease, kept.ttl));
            if let Some(before) = kept.task.replace(task.abort_handle()) {
                before.abort();
            }
        });
    }

    pub(crate) async fn revoke(&self, cluster: &Cluster, lease: Lease, timeout: Duration) {
        let kept = self.kept(|kept| kept.remove(&lease));
        if let Some(task) = kept.and_then(|kept| kept.task) {
            task.abort();
        }
        let request = |mut client: Client| async move { client.lease_revoke(lease.0).await };
        // A lease that is not revoked runs out.
        let _ = cluster.ask(timeout, Repeat::Yes, request).await;
    }
}

/// Each renewal opens its own stream, since a stream that stays open would break with its member.
async fn keep(cluster: Arc<Cluster>, lease: Lease, ttl: Duration) {
    let every = ttl / 3;
    loop {
        let next = later(Instant::now(), every);
        let request = |mut client: Client| async move {
            match client.lease_keep_alive(lease.0).await {
                Err(Error::LeaseKeepAliveError(_)) => Ok(false),
                Err(error) => Err(error),
                Ok(_) => Ok(true),
            }
        };
        // Without an answer it is asked again, until a member answers that the lease has ended.
        if let Ok(false) = cluster.ask(every, Repeat::Yes, request).await {
            return;
        }
        sleep_until(next).await;
    }
}
