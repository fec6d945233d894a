//! Real xenstored, over its socket, over the device, and unreachable.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use hv_xen::xenstore::{Endpoint, Xenstore};
use hv_xen::{Options, Xen};
use userdata_core::Hypervisor as _;
use userdata_core::hypervisor::DomainNames as _;

use crate::guest::Guest;
use crate::program::{self, Ended};
use crate::{host, ours};

/// xenstored's socket.
const SOCKET: &str = "/run/xenstored/socket";

/// The kernel's device, and the file system that has it too.
const DEVICE: &str = "/dev/xen/xenbus";
const XENFS: &str = "/proc/xen";

/// The path whose watch xenstored fires when a domain ends.
const RELEASE_DOMAIN: &str = "@releaseDomain";

pub(super) fn xenstored_answers_over_its_socket_and_over_the_device() -> Result<()> {
    for endpoint in [
        Endpoint::Socket(SOCKET.into()),
        Endpoint::Device(DEVICE.into()),
    ] {
        listen(&endpoint).with_context(|| format!("over {endpoint}"))?;
    }
    Ok(())
}

/// Reads a domain's name, and gets events of domains' ends until the watch is ended.
fn listen(endpoint: &Endpoint) -> Result<()> {
    let xen = Xen::open(Options::new().with_endpoints([endpoint.clone()]))?;
    let mut store = Xenstore::open(std::slice::from_ref(endpoint), program::LIMIT)?;

    let (guest, other) = (Guest::create("heard")?, Guest::create("unheard")?);
    let (key, domid) = (guest.key, guest.domid.to_string());
    ensure!(
        xen.name(key.domid)?.as_deref() == Some("heard"),
        "another name"
    );
    ensure!(!xen.leaving(&key)?, "a running domain is leaving");
    let children = store.directory("/local/domain")?.context("no domains")?;
    ensure!(
        children.contains(&domid.clone().into_bytes()),
        "domain {domid} is not among {children:?}"
    );

    let mut changes = xen.changes()?;
    store.watch(RELEASE_DOMAIN, "token")?;
    ensure!(changes.wait(program::LIMIT)?, "no hint at the first wait");
    let event = store.event(program::LIMIT)?.context("no event at once")?;
    ensure!(
        event.path == RELEASE_DOMAIN.as_bytes() && event.token == b"token",
        "another event: {event:?}"
    );
    // Neither has an event pending now, so the next one comes from the domain's end.
    while changes.wait(program::PAUSE)? || store.event(program::PAUSE)?.is_some() {}
    guest.destroy()?;
    ensure!(changes.wait(program::LIMIT)?, "no hint at a domain's end");
    store
        .event(program::LIMIT)?
        .context("no event at a domain's end")?;
    ensure!(xen.leaving(&key)?, "a domain that is gone is not leaving");
    ensure!(xen.name(key.domid)?.is_none(), "it still has a name");

    store.unwatch(RELEASE_DOMAIN, "token")?;
    while store.event(program::PAUSE)?.is_some() {}
    while changes.wait(program::PAUSE)? {}
    other.destroy()?;
    // The other watch gets the event, so this one would have got it too.
    ensure!(changes.wait(program::LIMIT)?, "no hint at the second end");
    let stray = store.event(program::PAUSE)?;
    ensure!(
        stray.is_none(),
        "an event after the end of the watch: {stray:?}"
    );
    Ok(())
}

/// Only names, and whether a domain is leaving, come from xenstore. The error says that it is
/// missing.
pub(super) fn without_xenstore_a_store_needs_no_leaving_check() -> Result<()> {
    let guest = Guest::create("alone")?;
    let domain = guest.domid.to_string();
    let away = Away::take()?;
    let store = |more: &[&str], domain: &str, value: &[u8]| -> Result<Ended> {
        ours::command(&[more, &["store", domain, ours::USERID]].concat(), value)
    };
    let refused = [
        store(&[], &domain, b"not without asking")?,
        store(&["--no-leaving-check"], "alone", b"by its name")?,
    ];
    for ended in refused {
        ended.expect(1, "userdata store")?;
        ensure!(
            ended.stderr.contains("xenstore") && ended.stderr.contains("is not there"),
            "the error does not say that xenstore is missing: {}",
            ended.stderr
        );
    }
    let data = format!("userdata-d.{}.{}", guest.key, ours::USERID);
    let files = host::files(Some(guest.domid))?;
    ensure!(!files.contains(&data), "it was stored all the same");
    store(&["--no-leaving-check"], &domain, b"alone")?.expect(0, "userdata store")?;
    ensure!(
        ours::retrieve(&domain, ours::USERID)? == b"alone",
        "another value is there"
    );
    let listed = ours::command(&["list", &domain], b"")?;
    listed.expect(0, "userdata list")?;
    ensure!(
        ours::xen()?.changes().is_err(),
        "hints of ends are promised without xenstored"
    );
    away.back()?;
    store(&[], "alone", b"asked")?.expect(0, "userdata store with xenstore")?;
    guest.destroy()
}

/// Makes xenstored unreachable until this value is dropped. Open connections stay.
#[derive(Debug)]
pub(super) struct Away;

impl Away {
    pub(super) fn take() -> Result<Self> {
        // If a step fails, the steps before it are undone.
        let away = Self;
        fs::rename(SOCKET, hidden(SOCKET)).context(SOCKET)?;
        fs::rename(DEVICE, hidden(DEVICE)).context(DEVICE)?;
        program::output(&["umount", "-l", XENFS])?;
        Ok(away)
    }

    pub(super) fn back(self) -> Result<()> {
        drop(self);
        match ours::xen()?.changes() {
            Ok(_) => Ok(()),
            Err(error) => bail!("xenstored is not back: {error}"),
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        // If this fails, every check that follows fails.
        let _ = fs::rename(hidden(SOCKET), SOCKET);
        let _ = fs::rename(hidden(DEVICE), DEVICE);
        let _ = program::run(&["mount", "-t", "xenfs", "xenfs", XENFS], b"");
    }
}

fn hidden(path: &str) -> String {
    format!("{path}.away")
}
