//! The command on a cluster that asks for certificates and knows users.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use userdata_etcd::EtcdEngine;
use userdata_pool::{Engine, Request, Txn};

use super::{Site, WEB};
use crate::rig::Rig;
use crate::tls::certificates::{Authority, Certificate};
use crate::tls::secured::Secured;

/// A cluster with fewer changes may be too young to have compacted.
const CHANGES: usize = 10_240;

/// How many clients make them at the same time.
const CLIENTS: usize = 32;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The lines of a pool's file that name certificates and, if there is one, a user.
fn lines(ca: &Path, own: &Certificate, user: Option<&str>) -> String {
    let Certificate { certificate, key } = own;
    let mut text = format!("ca = {ca:?}\ncert = {certificate:?}\nkey = {key:?}\n");
    if let Some(user) = user {
        text.push_str(&format!(
            "user = \"{user}\"\npassword-file = \"password\"\n"
        ));
    }
    text
}

/// Makes so many changes that a cluster which compacts would have done so.
fn grow(engine: &EtcdEngine) -> Result<()> {
    let put = Request::Put {
        key: b"/userdata/changes".to_vec(),
        value: Vec::new(),
        lease: None,
    };
    let change = Txn {
        requests: vec![put],
        ..Txn::default()
    };
    thread::scope(|threads| {
        let some =
            || (0..CHANGES / CLIENTS).try_for_each(|_| engine.txn(&change, TIMEOUT).map(drop));
        let all: Vec<_> = (0..CLIENTS).map(|_| threads.spawn(some)).collect();
        all.into_iter().try_for_each(|one| {
            let made = one.join().map_err(|_| anyhow!("a client panicked"))?;
            made.context("a change failed")
        })
    })
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let secured = Secured::start(&rig.programs, &rig.scratch.join("secured"), &[])?;
    let (authority, endpoints) = (&secured.authority, secured.cluster.endpoints());
    let elsewhere = Authority::new(&rig.scratch.join("elsewhere"))?;
    let (xen, host) = (authority.client("xen")?, authority.client("host")?);
    let (other, foreign) = (authority.client("other")?, elsewhere.client("xen")?);
    let (ours, theirs) = (&authority.certificate, &elsewhere.certificate);
    let mut site = Site::new(rig, &endpoints)?;
    let members = format!("endpoints = {endpoints:?}\nhost = \"a\"\n");
    let with = |site: &mut Site, more: String| site.file("a.toml", &format!("{members}{more}"));
    site.file("password", "password\n")?;
    let password = rig.scratch.join("site/password");
    set_permissions(&password, Permissions::from_mode(0o600))?;

    // A certificate alone, which names a user; then a certificate and a password.
    with(&mut site, lines(ours, &xen, None))?;
    site.tell("a", "pool join", 0, "joined")?;
    site.tell("a", &format!("sim create --name web --uuid {WEB}"), 0, "")?;
    site.feed("a", "store web agent", b"by certificate", 0, "")?;
    with(&mut site, lines(ours, &host, Some("agent")))?;
    site.tell("a", "retrieve web agent", 0, "by certificate")?;
    site.feed("a", "store web agent", b"by password", 0, "")?;

    for (more, told) in [
        (
            lines(theirs, &xen, None),
            "the member's certificate is not accepted",
        ),
        (
            lines(ours, &foreign, None),
            "does not accept this host's certificate",
        ),
        (lines(ours, &other, None), "no right on these keys"),
        (lines(ours, &host, Some("other")), "no right on these keys"),
        (
            lines(ours, &host, Some("stranger")),
            "wrong user or password",
        ),
    ] {
        with(&mut site, more)?;
        site.feed("a", "store web agent", b"refused", 9, told)?;
        site.tell("a", "retrieve web agent", 9, told)?;
    }
    site.file("password", "wrong\n")?;
    with(&mut site, lines(ours, &host, Some("agent")))?;
    site.tell("a", "list", 9, "wrong user or password")?;
    // A cluster that keeps every change, seen by a user who may read the pool's keys alone.
    grow(&secured.engine(Some(&xen), None)?)?;
    with(&mut site, lines(ours, &xen, None))?;
    site.tell("a", "pool join", 1, "--auto-compaction-retention")?;
    site.tell("a", "pool join --force", 0, "unchanged")?;
    secured.cluster.ctl(&["compact", "5000"])?;
    site.tell("a", "pool join", 0, "unchanged")?;
    with(&mut site, lines(ours, &host, Some("agent")))?;
    // Secrets that others can read are not used, and nothing is sent.
    set_permissions(&password, Permissions::from_mode(0o644))?;
    site.tell("a", "list", 2, "password")?;
    set_permissions(&xen.key, Permissions::from_mode(0o644))?;
    with(&mut site, lines(ours, &xen, None))?;
    site.tell("a", "list", 2, "key")?;
    set_permissions(&xen.key, Permissions::from_mode(0o600))?;
    site.tell("a", "retrieve web agent", 0, "by password")?;
    Ok(format!("{} commands", site.runs))
}
