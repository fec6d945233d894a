//! A full quota: stores are refused for that reason, and removals work.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::{Keep, StoreErrorKind};
use userdata_core::{DomainKey, WritableUserid};

use crate::cluster::{Cluster, MEMBERS};
use crate::host::{Host, uuid};
use crate::rig::Rig;

/// How many bytes a member's database may have.
const QUOTA: &str = "--quota-backend-bytes=20000000";

/// More stores than fit, by each client.
const STORES: usize = 60;

/// How many clients fill the quota. While one store is carried out, others are sent.
const CLIENTS: u128 = 4;

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster_with(&[QUOTA])?;
    let host = Host::joined(&cluster, "a")?;
    let (small, third) = (host.create(uuid(1))?, host.create(uuid(2))?);
    let large = (0..CLIENTS).map(|client| host.create(uuid(3 + client)));
    let large = large.collect::<Result<Vec<DomainKey>>>()?;
    host.store(small, "small")?;
    let stored: usize = thread::scope(|scope| {
        let fills = |domain: &DomainKey| {
            let (host, domain) = (&host, *domain);
            scope.spawn(move || fill(host, domain))
        };
        let clients: Vec<_> = large.iter().map(fills).collect();
        let told = clients
            .into_iter()
            .map(|client| client.join().map_err(|_| anyhow!("a client panicked"))?);
        told.sum::<Result<usize>>()
    })?;
    ensure!(host.value(small)?.as_deref() == Some("small"), "no read");
    let removed = host.facade.remove(small, &WritableUserid::new("agent")?);
    removed.context("a removal is refused")?;
    ensure!(host.value(small)?.is_none(), "the value is still there");
    let mut removed = 0;
    for domain in large {
        let cleared = host.facade.clear(domain, Keep::Nothing);
        removed += cleared.context("a clear is refused")?.removed.len();
    }
    ensure!(removed > 0, "nothing was cleared");
    // A destroy, where no mark can be had.
    let destroyed = host
        .facade
        .destroy(third, |key| host.xen.destroy(key.domid));
    destroyed.map_err(|error| anyhow!("{error:?}"))?;
    make_room(&cluster)?;
    host.store(small, "again").context("after room was made")?;
    Ok(format!("full after {stored} stores of 1 MiB"))
}

/// Stores values, each of other bytes than those before it, until the quota is full. What was told
/// as stored is there, and what was not is not, also behind the store that fills the quota.
fn fill(host: &Host, domain: DomainKey) -> Result<usize> {
    let mut there = BTreeMap::new();
    for stored in 0..STORES {
        let userid = WritableUserid::new(format!("agent{}", stored % 2))?;
        let text = format!("{} {stored};", domain.uuid);
        let value: Vec<u8> = text.bytes().cycle().take(1 << 20).collect();
        let told = host.facade.store(domain, &userid, &value);
        if told.is_ok() {
            there.insert(userid.clone(), value);
        }
        let found = host.facade.retrieve(domain, userid.clone())?;
        let found = found.map(|value| value.into_bytes());
        let is_told = found.as_ref() == there.get(&userid);
        ensure!(is_told, "store {stored} is told wrongly: {told:?}");
        if let Err(error) = told {
            no_space(&error)?;
            return Ok(stored);
        }
    }
    bail!("the quota is not full")
}

fn no_space(error: &UserdataError) -> Result<()> {
    match error.kind() {
        UserdataErrorKind::Store(error) if matches!(error.kind(), StoreErrorKind::NoSpace(_)) => {
            Ok(())
        }
        _ => bail!("{error:?}"),
    }
}

/// What an administrator does: compact, defragment, and end the alarm.
fn make_room(cluster: &Cluster) -> Result<()> {
    let told = cluster.ctl(&["get", "/", "--write-out=fields"])?;
    let revision = told
        .lines()
        .find_map(|line| line.strip_prefix("\"Revision\" : "));
    let revision = revision.context("etcdctl tells no revision")?;
    cluster.ctl(&["compact", revision])?;
    for endpoint in cluster.endpoints().iter().take(MEMBERS) {
        cluster.programs.ctl(endpoint, &["defrag"])?;
    }
    cluster.ctl(&["alarm", "disarm"])?;
    Ok(())
}
