//! Real xl alone: shows that the rig works.

use anyhow::{Result, ensure};

use crate::guest::Guest;
use crate::host;

pub(super) fn xl_creates_lists_and_destroys_domains() -> Result<()> {
    let first = Guest::create("first")?;
    let second = Guest::create("second")?;
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
