//! Answers of real libxl and of our command that differ.

use anyhow::{Result, ensure};

use crate::guest::Guest;
use crate::ours::USERID;
use crate::{host, libxl, ours, program, xl};

pub(super) fn an_absent_value_has_an_exit_status_of_its_own() -> Result<()> {
    let guest = Guest::create("absent")?;
    let (domid, domain) = (guest.domid, guest.domid.to_string());
    let retrieve = || ours::command(&["retrieve", &domain, USERID], b"");
    let remove = || ours::command(&["remove", &domain, USERID], b"");

    ensure!(
        libxl::retrieve(domid, USERID)?.is_none(),
        "libxl has a value that was never stored"
    );
    retrieve()?.expect(4, "userdata retrieve of an absent value")?;
    let rc = libxl::unlink(domid, USERID)?;
    ensure!(
        rc == -3,
        "libxl_userdata_unlink of an absent value returned {rc}"
    );
    remove()?.expect(0, "userdata remove of an absent value")?;
    let rc = libxl::store(domid, USERID, b"")?;
    ensure!(
        rc == 2,
        "libxl_userdata_store of no bytes for an absent value returned {rc}"
    );
    ours::store_no_bytes(&domain, USERID)?;

    guest.destroy()?;
    let rc = libxl::store(domid, USERID, b"too late")?;
    ensure!(
        rc == -15,
        "libxl_userdata_store for a domain that is gone returned {rc}"
    );
    ours::command(&["store", &domain, USERID], b"too late")?.expect(3, "userdata store")?;
    Ok(())
}

/// libxl's clean-up skips every name that contains the name of its lock.
pub(super) fn userids_that_libxl_would_leak_are_refused() -> Result<()> {
    const HIDDEN: &str = "my-domain-userdata-lock-data";
    let guest = Guest::create("hidden")?;
    let (domid, key) = (guest.domid, guest.key);
    let refused = ours::command(&["store", &domid.to_string(), HIDDEN], b"value")?;
    refused.expect(2, "userdata store under the name of a lock")?;
    let rc = libxl::store(domid, HIDDEN, b"value")?;
    ensure!(rc == 0, "libxl_userdata_store returned {rc}");
    guest.destroy()?;
    let left = host::files(Some(domid))?;
    ensure!(
        left == [format!("userdata-d.{key}.{HIDDEN}")],
        "xl destroy left {left:?}"
    );
    // Our command finds and removes it.
    ours::command(&["clear", &key.to_string()], b"")?.expect(0, "userdata clear")
}

/// A domain that is destroyed while a page of it is mapped stays dead until the page is unmapped.
pub(super) fn libxl_stores_for_a_dead_domain_and_our_command_does_not() -> Result<()> {
    let guest = Guest::create("zombie")?;
    let (domid, key) = (guest.domid, guest.key);
    let mapped = libxl::map_page(domid)?;
    guest.destroy()?;
    let listed = xl::domain(domid)?;
    ensure!(
        listed.as_ref().is_some_and(|listed| listed.is('d')),
        "the domain does not stay as a dead one: {listed:?}"
    );
    ours::command(&["store", &domid.to_string(), USERID], b"value")?.expect(3, "userdata store")?;
    let rc = libxl::store(domid, USERID, b"value")?;
    ensure!(rc == 0, "libxl_userdata_store returned {rc}");
    mapped.kill()?;
    program::until("the dead domain is gone", || {
        Ok(xl::domain(domid)?.is_none())
    })?;
    let left = host::files(Some(domid))?;
    ensure!(
        left == [format!("userdata-d.{key}.{USERID}")],
        "files of the dead domain: {left:?}"
    );
    ours::command(&["clear", &key.to_string()], b"")?.expect(0, "userdata clear")
}
