//! Our values are removed when real xl destroys the domain, and not before.

use anyhow::{Result, ensure};

use crate::guest::{self, Does, Guest};
use crate::{host, ours, program};

/// The userids under which values are stored.
const USERIDS: [&str; 2] = ["rig", "a.b*[c]"];

fn store_some(guest: &Guest) -> Result<()> {
    let files = host::files(Some(guest.domid))?.len();
    for userid in USERIDS {
        ours::store(&guest.domid.to_string(), userid, b"value")?;
    }
    let more = host::files(Some(guest.domid))?.len() - files;
    ensure!(
        more == USERIDS.len(),
        "{} values are {more} files",
        USERIDS.len()
    );
    Ok(())
}

fn ensure_none(domid: u32) -> Result<()> {
    let files = host::files(Some(domid))?;
    ensure!(files.is_empty(), "left behind: {}", files.join(", "));
    Ok(())
}

pub(super) fn xl_destroy_removes_our_values() -> Result<()> {
    let guest = Guest::create("destroyed")?;
    store_some(&guest)?;
    let domid = guest.domid;
    guest.destroy()?;
    ensure_none(domid)
}

pub(super) fn a_power_off_removes_our_values() -> Result<()> {
    ends_by_itself("off", Does::PowersOff)
}

pub(super) fn a_crash_removes_our_values() -> Result<()> {
    ends_by_itself("crashes", Does::Crashes)
}

/// xl waits in the background for the domain's shutdown, and then destroys it.
fn ends_by_itself(name: &str, does: Does) -> Result<()> {
    let config = guest::config(name, does, "on_poweroff=\"destroy\"\non_crash=\"destroy\"");
    let guest = Guest::create_with(name, &config)?;
    store_some(&guest)?;
    let domid = guest.domid;
    guest.run()?;
    guest.wait_until_gone()?;
    ensure_none(domid)
}

pub(super) fn xl_rename_keeps_our_values() -> Result<()> {
    let guest = Guest::create("before")?;
    store_some(&guest)?;
    let domain = guest.domid.to_string();
    let before = host::files(Some(guest.domid))?;
    program::output(&["xl", "rename", &domain, "after"])?;
    let after = host::files(Some(guest.domid))?;
    ensure!(
        before == after,
        "xl rename turned {before:?} into {after:?}"
    );
    ensure!(
        ours::retrieve("after", "rig")? == b"value",
        "another value is there"
    );
    ours::command(&["retrieve", "before", "rig"], b"")?.expect(3, "retrieve by the old name")?;
    guest.destroy()
}
