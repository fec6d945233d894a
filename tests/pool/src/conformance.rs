//! The contract of `Store`, on a real cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use hv_sim::{HostOptions, SimHost};
use userdata_etcd::EtcdEngine;
use userdata_pool::{PoolOptions, PoolStore};
use userdata_testkit::store::{StoreUnderTest, statements};

use crate::checks::caught;
use crate::cluster::Cluster;
use crate::host::{Pool, engine, identity};
use crate::interrupt;
use crate::rig::Rig;
use crate::tls::secured::{self, Secured};

/// Every statement, each on data of its own.
pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = Arc::new(rig.cluster()?);
    let engine = || engine(&cluster.endpoints());
    every_statement(&cluster, &engine)
}

/// The same with TLS, certificates and a user.
pub(crate) fn secured(rig: &Rig) -> Result<String> {
    let Secured { cluster, authority } = Secured::start(&rig.programs, &rig.scratch, &[])?;
    let host = authority.client("host")?;
    let login = Some(("agent", "password"));
    let options = secured::options(&cluster, &authority, Some(&host), login)?;
    let engine = || Ok(Arc::new(EtcdEngine::new(options.clone())?));
    every_statement(&Arc::new(cluster), &engine)
}

fn every_statement(
    cluster: &Arc<Cluster>,
    engine: &dyn Fn() -> Result<Arc<EtcdEngine>>,
) -> Result<String> {
    let (statements, mut failed) = (statements(), Vec::new());
    for statement in &statements {
        interrupt::check()?;
        let under_test = under_test(cluster, engine()?)?;
        let checked = caught(|| {
            statement.check(&under_test);
            Ok(())
        });
        if let Err(error) = checked {
            failed.push(format!("{}: {error:#}", statement.name()));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(format!("{} statements", statements.len()))
}

/// A pool under a prefix that no other statement has. The thread of the engine and its connections
/// serve all clients of a statement, as in one process.
fn under_test(cluster: &Arc<Cluster>, engine: Arc<EtcdEngine>) -> Result<StoreUnderTest> {
    static PREFIXES: AtomicU64 = AtomicU64::new(0);
    let number = PREFIXES.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("/userdata/{number}/");
    member(&engine, &prefix)?.join()?;
    let (damaged, cluster) = (prefix.clone(), Arc::clone(cluster));
    let leased = Arc::clone(&cluster);
    let client = move || member(&engine, &prefix).unwrap_or_else(|error| panic!("{error:#}"));
    Ok(StoreUnderTest::new(client)
        .with_value_max(PoolOptions::default().value_max)
        .with_one_home_per_uuid()
        .with_damage(move |domain, userid| {
            let key = format!("{damaged}1/data/{}/{userid}", domain.uuid);
            let put = cluster.ctl(&["put", &key, "not these bytes"]);
            put.unwrap_or_else(|error| panic!("{error:#}"));
        })
        .with_lost_marks(move || {
            let revoked = leased.revoke_leases();
            revoked.unwrap_or_else(|error| panic!("{error:#}"));
        }))
}

fn member(engine: &Arc<EtcdEngine>, prefix: &str) -> Result<Pool> {
    let identity = identity("a", &SimHost::new(HostOptions::new(1)))?;
    let mut options = PoolOptions::default();
    options.prefix = prefix.to_owned();
    options.keeps_every_userid = true;
    Ok(PoolStore::new(Arc::clone(engine), identity, options))
}
