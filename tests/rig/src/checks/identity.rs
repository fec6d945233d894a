//! Domids that are used again, and domains that end between two steps of a store.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use hv_xen::{Options, Xen};
use userdata::{Outcome, UserdataError, UserdataErrorKind};
use userdata_core::hypervisor::{BootId, HypervisorError, HypervisorErrorKind};
use userdata_core::store::{Durability, Expect, Op};
use userdata_core::value::NonEmpty;
use userdata_core::{Domain, DomainKey, Domid, Hypervisor, Store as _};
use userdata_fs::FileStore;

use crate::guest::Guest;
use crate::ours::USERID;
use crate::{host, libxl, ours, program};

/// The uuid of the domain that gets a domid again.
const UUID: &str = "5e1f0b00-0000-4000-8000-0000000000cc";

pub(super) fn a_domid_used_again_shows_nothing_of_the_earlier_domain() -> Result<()> {
    let first = Guest::create("domid")?;
    let (old, domain) = (first.key, first.domid.to_string());
    let json = libxl_json(&first)?;
    first.destroy()?;
    leave_behind(&old)?;
    let second = replace(old, &json)?;

    ours::command(&["retrieve", &domain, USERID], b"")?.expect(4, "retrieve by domid")?;
    let of_old = ours::retrieve(&old.to_string(), USERID)?;
    ensure!(
        of_old == b"leaked",
        "the value of the earlier domain has changed"
    );
    let refused = ours::library(ours::xen()?)?.store(old, &ours::userid()?, b"for the dead");
    ensure_refused(refused, no_such_domain)?;
    ours::store(&domain, USERID, b"second")?;
    let seen = libxl::retrieve(second.domid, USERID)?;
    ensure!(
        seen.as_deref() == Some(b"second"),
        "libxl sees another value"
    );

    second.destroy()?;
    let left = host::files(Some(old.domid.get().into()))?;
    ensure!(
        left == [format!("userdata-d.{old}.{USERID}")],
        "xl destroy of the second domain left {left:?}"
    );
    ours::command(&["clear", &old.to_string()], b"")?.expect(0, "userdata clear")
}

pub(super) fn a_store_is_refused_if_its_domain_ends_before_the_lock() -> Result<()> {
    // Under the lock a store asks xenstore first, unless that is switched off, and then the
    // hypervisor. xenstore has no nodes of a domain that is gone.
    for check_leaving in [true, false] {
        let guest = Guest::create("goes")?;
        let key = guest.key;
        let options = Options::new().with_check_leaving(check_leaving);
        let xen = AfterLookUp::new(Xen::open(options)?, || guest.destroy());
        let stored = ours::library(xen)?.store(key.domid, &ours::userid()?, b"too late");
        ensure_refused(stored, |kind| match kind {
            UserdataErrorKind::BeingDestroyed => check_leaving,
            UserdataErrorKind::NoSuchDomain => !check_leaving,
            _ => false,
        })?;
        let left = host::files(Some(key.domid.get().into()))?;
        ensure!(left.is_empty(), "left behind: {left:?}");
    }
    Ok(())
}

/// A store that holds the lock of the domain that it found stores nothing for that domain's
/// successor.
pub(super) fn a_store_is_refused_if_its_domain_is_replaced_before_the_lock() -> Result<()> {
    let guest = Guest::create("goes")?;
    let key = guest.key;
    let json = libxl_json(&guest)?;
    let (send, successor) = std::sync::mpsc::channel();
    let xen = AfterLookUp::new(ours::xen()?, move || {
        guest.destroy()?;
        send.send(replace(key, &json)?)
            .context("the check has ended")
    });
    let stored = ours::library(xen)?.store(key.domid, &ours::userid()?, b"too late");
    ensure_refused(stored, no_such_domain)?;
    let successor = successor.recv().context("the domain was not replaced")?;
    let left = host::files(Some(successor.domid))?;
    let own = format!("userdata-d.{}.libxl-json", successor.key);
    ensure!(left == [own], "besides libxl-json: {left:?}");
    successor.destroy()
}

/// libxl's record of a domain.
fn libxl_json(guest: &Guest) -> Result<Vec<u8>> {
    ours::retrieve(&guest.domid.to_string(), "libxl-json")
}

/// Creates another domain with the domid of `old` and the name in `json`.
fn replace(old: DomainKey, json: &[u8]) -> Result<Guest> {
    let new = DomainKey::new(old.domid, UUID.parse()?);
    libxl::create(&new, json)?;
    let name = program::output(&["xl", "domname", &new.domid.to_string()])?;
    let guest = Guest::of_name(name.trim())?;
    ensure!(
        guest.key == new,
        "{} was created instead of {new}",
        guest.key
    );
    Ok(guest)
}

/// Stores a value for a domain that is gone, as real libxl does when it leaks.
fn leave_behind(key: &DomainKey) -> Result<()> {
    let store = FileStore::open(Path::new(host::DIRECTORY))?;
    let put = Op::Put {
        userid: &ours::userid()?,
        data: NonEmpty::new(b"leaked").context("a value has bytes")?,
        expect: Expect::Absent,
        durability: Durability::Process,
    };
    store.change(
        key,
        std::time::Duration::from_secs(10),
        &mut |_| Ok(()),
        &[put],
    )?;
    Ok(())
}

fn no_such_domain(kind: &UserdataErrorKind) -> bool {
    matches!(kind, UserdataErrorKind::NoSuchDomain)
}

/// Fails unless a store was refused for the expected reason.
fn ensure_refused(
    stored: Result<Outcome, UserdataError>,
    expected: impl FnOnce(&UserdataErrorKind) -> bool,
) -> Result<()> {
    match stored {
        Ok(_) => bail!("the value was stored"),
        Err(error) if expected(error.kind()) => Ok(()),
        Err(error) => Err(error).context("refused in another way"),
    }
}

/// Xen, with a change of the host right after the first look-up.
struct AfterLookUp<F> {
    xen: Xen,
    change: Mutex<Option<F>>,
}

impl<F: FnOnce() -> Result<()> + Send> AfterLookUp<F> {
    fn new(xen: Xen, change: F) -> Self {
        let change = Mutex::new(Some(change));
        Self { xen, change }
    }
}

impl<F: FnOnce() -> Result<()> + Send> Hypervisor for AfterLookUp<F> {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let found = self.xen.domain(domid);
        let change = self
            .change
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(change) = change {
            change().map_err(|error| {
                let source = error.into();
                HypervisorError::new("change the host", HypervisorErrorKind::Failed { source })
            })?;
        }
        found
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.xen.domains()
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.xen.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.xen.boot()
    }
}
