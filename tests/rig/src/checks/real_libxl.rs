//! Real xl and real libxl alone: the rig itself works.

use anyhow::{Result, ensure};

use crate::guest::{self, Does, Guest};
use crate::ours::USERID;
use crate::{host, libxl};

pub(super) fn xl_creates_lists_and_destroys_domains() -> Result<()> {
    let first = Guest::create("first")?;
    let second = Guest::create_with("second", &guest::config("second", Does::Waits, ""))?;
    second.run()?;
    let (gone, stays) = (first.domid, second.domid);
    ensure!(gone != stays, "two domains have domid {gone}");
    let mut listed = host::domids()?;
    listed.sort_unstable();
    ensure!(
        listed == [gone.min(stays), gone.max(stays)],
        "xl lists {listed:?}, not {gone} and {stays}"
    );
    first.destroy()?;
    let listed = host::domids()?;
    ensure!(listed == [stays], "xl lists {listed:?}, not {stays} alone");
    second.destroy()
}

pub(super) fn libxl_says_none_for_what_is_not_there() -> Result<()> {
    let guest = Guest::create("absent")?;
    ensure!(
        libxl::retrieve(guest.domid, USERID)?.is_none(),
        "a value that nobody stored"
    );
    let rc = libxl::unlink(guest.domid, USERID)?;
    ensure!(rc == -3, "unlink of what is not there returned {rc}");
    let domid = guest.domid;
    guest.destroy()?;
    let rc = libxl::store(domid, USERID, b"too late")?;
    ensure!(rc == -15, "a store for a domain that is gone returned {rc}");
    Ok(())
}
