//! A full quota: stores are refused for that reason, and removals work.

use anyhow::{Context, Result, bail, ensure};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::WritableUserid;
use userdata_core::store::{Keep, StoreErrorKind};

use crate::cluster::{Cluster, MEMBERS};
use crate::host::{Host, uuid};
use crate::rig::Rig;

/// How many bytes a member's database may have.
const QUOTA: &str = "--quota-backend-bytes=20000000";

/// More stores than fit.
const STORES: usize = 60;

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster_with(&[QUOTA])?;
    let host = Host::joined(&cluster, "a")?;
    let (large, small) = (host.create(uuid(1))?, host.create(uuid(2))?);
    host.store(small, "small")?;
    let value = vec![b'x'; 1 << 20];
    let mut stored = 0;
    let error = loop {
        let userid = WritableUserid::new(format!("agent{}", stored % 10))?;
        match host.facade.store(large, &userid, &value) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        ensure!(stored < STORES, "the quota is not full");
    };
    no_space(&error)?;
    ensure!(host.value(small)?.as_deref() == Some("small"), "no read");
    let removed = host.facade.remove(small, &WritableUserid::new("agent")?);
    removed.context("a removal is refused")?;
    ensure!(host.value(small)?.is_none(), "the value is still there");
    let cleared = host.facade.clear(large, Keep::Nothing);
    let cleared = cleared.context("a clear is refused")?;
    ensure!(!cleared.removed.is_empty(), "nothing was cleared");
    // A destroy, where no mark can be had.
    let third = host.create(uuid(3))?;
    let destroyed = host
        .facade
        .destroy(third, |key| host.xen.destroy(key.domid));
    destroyed.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    make_room(&cluster)?;
    host.store(small, "again").context("after room was made")?;
    Ok(format!("full after {stored} stores of 1 MiB"))
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
