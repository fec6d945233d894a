//! The death of a host: it is forgotten, its domains' data is adopted or discarded, and when it
//! comes back it stores nothing until it joins.

use anyhow::{Context, Result, bail, ensure};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::DomainKey;
use userdata_core::store::{Home, Refused, Stage};

use crate::host::{Host, uuid};
use crate::rig::Rig;

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let (a, b) = (Host::joined(&cluster, "a")?, Host::joined(&cluster, "b")?);
    let (adopted, discarded) = (a.create(uuid(1))?, a.create(uuid(2))?);
    a.store(adopted, "of a")?;
    a.store(discarded, "of a")?;
    let again = b.create(uuid(1))?;
    ensure!(elsewhere(b.store(again, "x"))?.stage == Stage::Settled);
    ensure!(
        b.pool.adopt(&b.xen, &again).is_err(),
        "data of a member was adopted"
    );
    ensure!(b.pool.forget(&a.name.parse()?)?, "a was not a member");
    // It is not dead at all.
    refuse(a.store(adopted, "late"))?;
    let home = elsewhere(b.store(again, "x"))?;
    ensure!(matches!(home.stage, Stage::Freed(_)), "{home:?}");
    b.pool.adopt(&b.xen, &again)?;
    ensure!(
        b.value(again)?.as_deref() == Some("of a"),
        "values are lost"
    );
    b.store(again, "of b")?;
    ensure!(b.pool.discard(discarded.uuid)? == 1, "one value was there");
    let left = cluster.ctl(&["get", "--prefix", "/userdata/", "--keys-only"])?;
    let left = left.contains(&discarded.uuid.to_string());
    ensure!(!left, "discarded data is left");
    // The host comes back by another boot, and does not know that it was forgotten.
    refuse(a.store(discarded, "late"))?;
    a.xen.boot_host()?;
    let endpoints = cluster.endpoints();
    let a = a.client(&endpoints)?;
    let domain: DomainKey = a.create(uuid(2))?;
    refuse(a.store(domain, "not joined"))?;
    ensure!(a.value(domain)?.is_none(), "discarded data is read");
    a.pool.join()?;
    a.store(domain, "joined")?;
    ensure!(a.value(domain)?.as_deref() == Some("joined"), "no value");
    let here = a.create(uuid(1))?;
    let home = elsewhere(a.store(here, "x"))?;
    ensure!(home.host.as_str() == "b", "{home:?}");
    ensure!(b.value(again)?.as_deref() == Some("of b"), "b has lost it");
    Ok("forgotten, adopted, discarded, joined again".to_owned())
}

/// The home that a refused store tells.
fn elsewhere(stored: Result<(), UserdataError>) -> Result<Home> {
    let error = stored.err().context("a store was admitted")?;
    match error.kind() {
        UserdataErrorKind::NotHere(Refused::Elsewhere(home)) => Ok(home.clone()),
        _ => bail!("{error:?}"),
    }
}

/// A store of a host that is not a member.
fn refuse(stored: Result<(), UserdataError>) -> Result<()> {
    let error = stored.err().context("a host that is not a member stored")?;
    match error.kind() {
        UserdataErrorKind::NotHere(Refused::NotAMember) => Ok(()),
        _ => bail!("{error:?}"),
    }
}
