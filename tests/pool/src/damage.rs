//! Records that `etcdctl` corrupts: each is told, removed by clear and sweep, and keys of others
//! stay.

use anyhow::{Context, Result, ensure};
use userdata::sweep::{Sightings, SweepOptions};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::{Keep, StoreErrorKind};

use crate::cluster::Cluster;
use crate::host::{Host, uuid};
use crate::rig::Rig;

/// A damage: what is put where, and whether its value is empty.
struct Damage {
    what: &'static str,
    kind: &'static str,
    /// With the userid.
    of_the_value: bool,
    text: Option<&'static str>,
}

const DAMAGES: &[Damage] = &[
    Damage {
        what: "a value of another digest",
        kind: "data",
        of_the_value: true,
        text: Some("other bytes"),
    },
    Damage {
        what: "a value without bytes",
        kind: "data",
        of_the_value: true,
        text: None,
    },
    Damage {
        what: "a value without a record",
        kind: "meta",
        of_the_value: true,
        text: None,
    },
    Damage {
        what: "a record of a value that does not parse",
        kind: "meta",
        of_the_value: true,
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
    newer(&cluster, &host, uuid(count))?;
    for key in ["/foreign", "/userdata/1/foreign"] {
        let value = cluster.ctl(&["get", "--print-value-only", key])?;
        ensure!(value.trim() == "stays", "{key} is gone");
    }
    Ok(format!("{count} damaged records"))
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
    let mut key = format!("/userdata/1/{}/{uuid}", damage.kind);
    if damage.of_the_value {
        key.push_str("/agent");
    }
    match damage.text {
        Some(text) => cluster.ctl(&["put", &key, text])?,
        None => cluster.ctl(&["del", &key])?,
    };
    let error = host.value(domain).err().context("it was read")?;
    let error = error.downcast::<UserdataError>()?;
    let text = chain(&error);
    let is_told = match error.kind() {
        UserdataErrorKind::Store(error) => matches!(error.kind(), StoreErrorKind::Damaged(_)),
        _ => false,
    };
    ensure!(is_told, "{error:?}");
    ensure!(text.contains("agent"), "the key is not named: {text}");
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
    let left = cluster.ctl(&["get", "--prefix", "/userdata/", "--keys-only"])?;
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
    let text = chain(&error);
    ensure!(text.contains("format 2"), "{text}");
    Ok(())
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
