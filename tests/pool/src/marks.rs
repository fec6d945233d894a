//! Closing marks: they end with their owner's lease, may be lost while the owner lives, and a
//! destroy leaves nothing all the same.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use userdata::UserdataErrorKind;
use userdata::follow::{Exported, Limits, Selection};
use userdata_core::DomainKey;
use userdata_core::store::StoreErrorKind;

use crate::cluster::{Cluster, MEMBERS};
use crate::holder::Holder;
use crate::host::{Host, options, uuid};
use crate::rig::{Rig, pause};

/// How long a mark outlives its owner.
const LEASE: Duration = Duration::from_secs(4);

/// How much longer it may take until the mark is gone.
const SLACK: Duration = Duration::from_secs(1);

/// How long a check waits for the end of a mark.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn owner_killed(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let (host, domain, holder) = held(&cluster)?;
    let killed = Instant::now();
    drop(holder);
    let waited = wait_for_the_end(&host, domain, killed)?;
    ensure!(waited <= LEASE + SLACK, "it was void after {waited:?}");
    Ok(format!("void after {:.1} s", waited.as_secs_f64()))
}

pub(crate) fn owner_and_leader_killed(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let (host, domain, holder) = held(&cluster)?;
    let killed = Instant::now();
    drop(holder);
    // A new leader starts every lease anew.
    pause(LEASE / 2)?;
    let leader = cluster.leader()?;
    cluster.kill(leader)?;
    let waited = wait_for_the_end(&host, domain, killed)?;
    let limit = 2 * (LEASE + SLACK);
    ensure!(waited <= limit, "it was void after {waited:?}");
    Ok(format!("void after {:.1} s", waited.as_secs_f64()))
}

pub(crate) fn owner_lives(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let (host, domain, _holder) = held(&cluster)?;
    let leader = cluster.leader()?;
    cluster.kill(leader)?;
    pause(LEASE * 3)?;
    ensure!(
        is_closing(&host, domain)?,
        "the mark of a living owner is gone"
    );
    cluster.restart(leader)?;
    cluster.wait_until_all_answer()?;
    ensure!(
        is_closing(&host, domain)?,
        "the mark of a living owner is gone"
    );
    Ok("kept".to_owned())
}

pub(crate) fn cluster_stopped(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let (host, domain, _holder) = held(&cluster)?;
    stop_all(&mut cluster, LEASE + Duration::from_secs(3))?;
    let waited = wait_for_the_end(&host, domain, Instant::now())?;
    Ok(format!("void {:.1} s later", waited.as_secs_f64()))
}

/// A host with a domain that has a value, and a client of the same host whose marks end soon.
fn with_short_marks(cluster: &Cluster) -> Result<(Host, Host, DomainKey)> {
    let host = Host::joined(cluster, "a")?;
    let domain = host.create(uuid(1))?;
    host.store(domain, "before")?;
    let mut short = options();
    short.lease = LEASE;
    let toolstack = Host::of(&cluster.endpoints(), "a", host.xen.clone(), short)?;
    Ok((host, toolstack, domain))
}

/// A destroy whose mark is lost, so that a store is admitted meanwhile.
pub(crate) fn destroyed_under_a_lost_mark(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let (host, toolstack, domain) = with_short_marks(&cluster)?;
    let destroyed = toolstack.facade.destroy(domain, |key| -> Result<()> {
        meanwhile(&mut cluster, &host, *key)?;
        Ok(host.xen.destroy(key.domid)?)
    });
    let destroyed = destroyed.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let cleared = destroyed.cleared.map(|cleared| cleared.removed.len());
    let left = of_the_domain(&cluster)?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(format!("removed: {cleared:?}, left: none"))
}

/// A destroy with an export whose mark is lost, so that a store comes after the first export.
pub(crate) fn exported_under_a_lost_mark(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let (host, toolstack, domain) = with_short_marks(&cluster)?;
    let mut exports = Vec::new();
    let export = |exported: Exported| -> Result<()> {
        exports.push(texts(exported));
        Ok(())
    };
    let (which, limits) = (Selection::new(), Limits::default());
    let facade = &toolstack.facade;
    let destroyed = facade.destroy_with_export(domain, &which, &limits, export, |key| {
        meanwhile(&mut cluster, &host, *key)?;
        anyhow::Ok(host.xen.destroy(key.domid)?)
    });
    let destroyed = destroyed.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    ensure!(
        destroyed.problems.is_empty(),
        "problems: {:?}",
        destroyed.problems
    );
    ensure!(
        exports == [["before"], ["meanwhile"]],
        "exported: {exports:?}"
    );
    let left = of_the_domain(&cluster)?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok("exported twice, left: none".to_owned())
}

/// A destroy that exports while another client stores.
pub(crate) fn destroyed_with_export(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let host = Host::joined(&cluster, "a")?;
    let domain = host.create(uuid(1))?;
    let writer = host.client(&cluster.endpoints())?;
    host.store(domain, "0")?;
    let mut saved = None;
    let (last, destroyed) = thread::scope(|scope| {
        let storing = scope.spawn(|| {
            let mut last = 0;
            loop {
                match writer.store(domain, &(last + 1).to_string()) {
                    Ok(()) => last += 1,
                    Err(error) => return (last, error),
                }
            }
        });
        thread::sleep(Duration::from_millis(500));
        let export = |exported: Exported| -> Result<()> {
            saved = Some(exported);
            Ok(())
        };
        let destroyed = host.facade.destroy_with_export(
            domain,
            &Selection::new(),
            &Limits::default(),
            export,
            |key| host.xen.destroy(key.domid),
        );
        (storing.join(), destroyed)
    });
    destroyed.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let Ok((last, refused)) = last else {
        bail!("the client that stores panicked");
    };
    let values = saved.map(texts).unwrap_or_default();
    ensure!(
        values == [last.to_string()],
        "{values:?} was exported, and {last} was acknowledged; then {refused}"
    );
    ensure!(last > 0, "nothing was stored meanwhile");
    let left = of_the_domain(&cluster)?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(format!(
        "{last} stores before the destroy, the last one exported"
    ))
}

/// A host with a domain whose mark another process holds.
fn held(cluster: &Cluster) -> Result<(Host, DomainKey, Holder)> {
    let host = Host::joined(cluster, "a")?;
    let domain = host.create(uuid(1))?;
    host.store(domain, "1")?;
    let holder = Holder::start(cluster, &host, domain, LEASE)?;
    ensure!(is_closing(&host, domain)?, "a store ignores the mark");
    Ok((host, domain, holder))
}

/// Whether a store is refused because the domain is being destroyed.
fn is_closing(host: &Host, domain: DomainKey) -> Result<bool> {
    let Err(error) = host.store(domain, "2") else {
        return Ok(false);
    };
    match error.kind() {
        UserdataErrorKind::BeingDestroyed => Ok(true),
        UserdataErrorKind::Store(kind)
            if matches!(
                kind.kind(),
                StoreErrorKind::Unreachable { .. }
                    | StoreErrorKind::OutcomeUnknown { .. }
                    | StoreErrorKind::DeadlinePassed { .. }
            ) =>
        {
            Ok(true)
        }
        _ => Err(error.into()),
    }
}

/// How long after `from` a store is admitted.
fn wait_for_the_end(host: &Host, domain: DomainKey, from: Instant) -> Result<Duration> {
    while is_closing(host, domain)? {
        ensure!(from.elapsed() < LIMIT, "the mark does not end");
        pause(Duration::from_millis(50))?;
    }
    Ok(from.elapsed())
}

/// Stops the whole cluster for some time.
fn stop_all(cluster: &mut Cluster, time: Duration) -> Result<()> {
    for member in 0..MEMBERS {
        cluster.stop(member)?;
    }
    pause(time)?;
    for member in 0..MEMBERS {
        cluster.go_on(member)?;
    }
    cluster.wait_until_all_answer()
}

/// Stops the whole cluster until the mark is lost, and stores once it is.
fn meanwhile(cluster: &mut Cluster, host: &Host, domain: DomainKey) -> Result<()> {
    stop_all(cluster, LEASE + Duration::from_secs(3))?;
    let started = Instant::now();
    while host.store(domain, "meanwhile").is_err() {
        ensure!(started.elapsed() < LIMIT, "no store is admitted");
    }
    Ok(())
}

fn texts(exported: Exported) -> Vec<String> {
    let values = exported.values.into_iter();
    values
        .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

/// The keys of the domain but the grave.
fn of_the_domain(cluster: &Cluster) -> Result<Vec<String>> {
    let keys = cluster.ctl(&["get", "--prefix", "/userdata/", "--keys-only"])?;
    let id = uuid(1).to_string();
    Ok(keys
        .lines()
        .filter(|key| key.contains(&id))
        .map(str::to_owned)
        .collect())
}
