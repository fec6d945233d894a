//! Records that `etcdctl` corrupts: each is told by its key. Clear and sweep remove a damaged
//! value, a person removes a damaged turn, and keys of others stay.

use std::ops::ControlFlow;

use anyhow::{Context, Result, ensure};
use userdata::sweep::{Sightings, SweepOptions, What};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::{Keep, StoreErrorKind};

use crate::cluster::Cluster;
use crate::host::{Host, uuid};
use crate::rig::Rig;

/// A damage to the record of a value.
struct Damage {
    what: &'static str,
    kind: &'static str,
    /// What is put there; `None` removes it.
    text: Option<&'static str>,
}

const DAMAGES: &[Damage] = &[
    Damage {
        what: "a value of another digest",
        kind: "data",
        text: Some("other bytes"),
    },
    Damage {
        what: "a value without bytes",
        kind: "data",
        text: None,
    },
    Damage {
        what: "a value without a record",
        kind: "meta",
        text: None,
    },
    Damage {
        what: "a record of a value that does not parse",
        kind: "meta",
        text: Some("1 nonsense"),
    },
];

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let host = Host::joined(&cluster, "a")?;
    cluster.ctl(&["put", "/foreign", "stays"])?;
    cluster.ctl(&["put", "/userdata/1/foreign", "stays"])?;
    let mut count = 0;
    for by_sweep in [false, true] {
        for damage in DAMAGES {
            one(&cluster, &host, damage, uuid(count), by_sweep)
                .with_context(|| format!("{}, sweep: {by_sweep}", damage.what))?;
            count += 1;
        }
    }
    turn(&cluster, &host, uuid(count))?;
    cleared_turn(&cluster, &host, uuid(count + 1))?;
    beside(&cluster, &host, uuid(count + 2))?;
    newer(&cluster, &host, uuid(count + 3))?;
    for key in ["/foreign", "/userdata/1/foreign"] {
        let value = cluster.ctl(&["get", "--print-value-only", key])?;
        ensure!(value.trim() == "stays", "{key} is gone");
    }
    Ok(format!("{} damaged records", count + 5))
}

fn one(
    cluster: &Cluster,
    host: &Host,
    damage: &Damage,
    uuid: userdata_core::Uuid,
    by_sweep: bool,
) -> Result<()> {
    let domain = host.create(uuid)?;
    host.store(domain, "value")?;
    let key = format!("/userdata/1/{}/{uuid}/agent", damage.kind);
    match damage.text {
        Some(text) => cluster.ctl(&["put", &key, text])?,
        None => cluster.ctl(&["del", &key])?,
    };
    let error = host.value(domain).err().context("it was read")?;
    let text = format!("{error:#}");
    let error = error.downcast::<UserdataError>()?;
    let is_told = match error.kind() {
        UserdataErrorKind::Store(error) => matches!(error.kind(), StoreErrorKind::Damaged(_)),
        _ => false,
    };
    ensure!(is_told, "{error:?}");
    // Without a record, the bytes are what is left.
    let named = match damage.kind {
        "meta" if damage.text.is_none() => format!("/userdata/1/data/{uuid}/agent"),
        _ => key,
    };
    ensure!(text.contains(&named), "the key is not named: {text}");
    if by_sweep {
        host.xen.destroy(domain.domid)?;
        let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
        host.facade.sweep(&options, &mut sightings, |_| {})?;
    } else {
        host.facade.clear(domain, Keep::Nothing)?;
        ensure!(host.value(domain)?.is_none(), "a value is read");
        host.store(domain, "new")?;
        ensure!(host.value(domain)?.as_deref() == Some("new"), "no value");
        host.facade.clear(domain, Keep::Nothing)?;
    }
    gone(cluster, uuid)
}

/// A turn that does not parse hides the home, so no host removes the data, and a person does.
/// Domains beside it are swept.
fn turn(cluster: &Cluster, host: &Host, uuid: userdata_core::Uuid) -> Result<()> {
    let (domain, beside) = (host.create(uuid)?, host.create(crate::host::uuid(1000))?);
    host.store(domain, "value")?;
    host.store(beside, "value")?;
    let key = format!("/userdata/1/turn/{uuid}");
    cluster.ctl(&["put", &key, "1 nonsense"])?;
    for told in [
        host.store(domain, "new").map_err(Into::into),
        host.value(domain).map(drop),
    ] {
        let text = format!("{:#}", told.err().context("the damage was not told")?);
        ensure!(text.contains("is damaged") && text.contains(&key), "{text}");
    }
    host.xen.destroy(domain.domid)?;
    host.xen.destroy(beside.domid)?;
    let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
    let mut told = Vec::new();
    let swept = host.facade.sweep(&options, &mut sightings, |swept| {
        if let What::NotReclaimed(error) = swept.what {
            told.push(error.to_string());
        }
    })?;
    ensure!(swept.removed == 1 && swept.failed == 1, "{swept:?}");
    ensure!(told.iter().all(|text| text.contains(&key)), "{told:?}");
    let mut listed = Vec::new();
    host.facade.scan(|found| {
        listed.push((found.owner.uuid, found.owner.domid));
        ControlFlow::Continue(())
    })?;
    ensure!(listed == [(uuid, None)], "{listed:?}");
    let left = keys(cluster)?;
    ensure!(left.contains(&key), "the damaged turn is gone");
    let removed = host.pool.discard(uuid)?;
    ensure!(removed == 1, "{removed} values were discarded");
    gone(cluster, uuid)
}

/// The clear of a domain that is here removes its damaged turn.
fn cleared_turn(cluster: &Cluster, host: &Host, uuid: userdata_core::Uuid) -> Result<()> {
    let domain = host.create(uuid)?;
    host.store(domain, "value")?;
    let key = format!("/userdata/1/turn/{uuid}");
    cluster.ctl(&["put", &key, "\u{fffd}"])?;
    let cleared = host.facade.clear(domain, Keep::Essential)?;
    ensure!(cleared.removed.len() == 1, "{cleared:?}");
    gone(cluster, uuid)?;
    host.store(domain, "new")?;
    host.facade.clear(domain, Keep::Nothing)?;
    gone(cluster, uuid)
}

/// A damaged grave stops no domain, a mark that lost its lease does not either, and a damaged host
/// record is forgotten.
fn beside(cluster: &Cluster, host: &Host, uuid: userdata_core::Uuid) -> Result<()> {
    let domain = host.create(uuid)?;
    let (mark, record) = (format!("/userdata/1/mark/{uuid}"), "/userdata/1/host/a");
    let text = uuid.to_string();
    let last = text.get(34..).context("a uuid is longer")?;
    let grave = format!("/userdata/1/grave/{last}");
    cluster.ctl(&["put", &grave, "1 nonsense"])?;
    cluster.ctl(&["put", &mark, "1 nonsense"])?;
    host.store(domain, "value")?;
    host.facade.clear(domain, Keep::Nothing)?;
    gone(cluster, uuid)?;
    let written = cluster.ctl(&["get", "--print-value-only", &grave])?;
    ensure!(written.starts_with("1 numbers="), "{written}");
    cluster.ctl(&["put", record, "1 nonsense"])?;
    let error = host.store(domain, "value").err().context("it was stored")?;
    let text = format!("{:#}", anyhow::Error::from(error));
    ensure!(
        text.contains("is damaged") && text.contains(record),
        "{text}"
    );
    ensure!(host.pool.forget(&"a".parse()?)?, "it was not a member");
    host.pool.join()?;
    host.store(domain, "value")?;
    host.facade.clear(domain, Keep::Nothing)?;
    Ok(())
}

/// All keys of the pool.
fn keys(cluster: &Cluster) -> Result<String> {
    cluster.ctl(&["get", "--prefix", "/userdata/", "--keys-only"])
}

/// Nothing of this domain is left.
fn gone(cluster: &Cluster, uuid: userdata_core::Uuid) -> Result<()> {
    let left = keys(cluster)?;
    ensure!(!left.contains(&uuid.to_string()), "left: {left}");
    Ok(())
}

/// A record of a newer format is told from a damaged one, and nothing is changed.
fn newer(cluster: &Cluster, host: &Host, uuid: userdata_core::Uuid) -> Result<()> {
    let domain = host.create(uuid)?;
    host.store(domain, "value")?;
    let key = format!("/userdata/1/turn/{uuid}");
    cluster.ctl(&["put", &key, "2 whatever"])?;
    let error = host.store(domain, "new").err().context("it was stored")?;
    let text = format!("{:#}", anyhow::Error::from(error));
    ensure!(text.contains("format 2"), "{text}");
    let told = host.pool.discard(uuid).is_err();
    ensure!(told && keys(cluster)?.contains(&key), "it was discarded");
    Ok(())
}
