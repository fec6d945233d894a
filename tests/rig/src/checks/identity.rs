//! Domids that come back, and domains that go between two steps of a store.

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

/// Of the domain that takes over a domid.
const UUID: &str = "5e1f0b00-0000-4000-8000-0000000000cc";

pub(super) fn a_domid_that_is_used_again_shows_nothing_of_the_domain_before() -> Result<()> {
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
        "the value of the domain before is another"
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
    ours::command(&["destroy-all", &old.to_string()], b"")?.expect(0, "userdata destroy-all")
}

pub(super) fn a_store_is_refused_for_a_domain_that_goes_between_look_up_and_lock() -> Result<()> {
    // Under the lock xenstore is asked first, unless that is switched off, and has nothing of a
    // domain that is gone; then the hypervisor.
    for check_leaving in [true, false] {
        let guest = Guest::create("goes")?;
        let key = guest.key;
        let mut options = Options::default();
        options.check_leaving = check_leaving;
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

/// Under the lock of the domain that was found, nothing may be stored for its successor.
pub(super) fn a_store_is_refused_for_a_domain_that_is_replaced_between_look_up_and_lock()
-> Result<()> {
    let guest = Guest::create("goes")?;
    let key = guest.key;
    let json = libxl_json(&guest)?;
    let (send, successor) = std::sync::mpsc::channel();
    let xen = AfterLookUp::new(ours::xen()?, move || {
        guest.destroy()?;
        send.send(replace(key, &json)?).context("nobody waits")
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

/// Creates another domain with this domid, and the name that is in `json`.
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

/// Puts a value there for a domain that is gone, as real libxl leaves one when it leaks.
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

/// Fails unless a store was refused in this way.
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

/// Xen, and something that happens on it as soon as the first look-up is done.
struct AfterLookUp<F> {
    xen: Xen,
    happens: Mutex<Option<F>>,
}

impl<F: FnOnce() -> Result<()> + Send> AfterLookUp<F> {
    fn new(xen: Xen, happens: F) -> Self {
        let happens = Mutex::new(Some(happens));
        Self { xen, happens }
    }
}

impl<F: FnOnce() -> Result<()> + Send> Hypervisor for AfterLookUp<F> {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let found = self.xen.domain(domid);
        let happens = self
            .happens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(happens) = happens {
            happens().map_err(|error| {
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
