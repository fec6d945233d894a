//! Real xl creates, lists and destroys domains: the rig itself works.

use anyhow::{Result, ensure};

use crate::guest::{Does, Guest};
use crate::{host, program};

pub(super) fn domains_come_and_go() -> Result<()> {
    let first = Guest::create("first", Does::Paused)?;
    let second = Guest::create("second", Does::Waits)?;
    let mut expected = vec![first.domid, second.domid];
    expected.sort_unstable();
    ensure!(
        first.domid != second.domid,
        "two domains have domid {}",
        first.domid
    );
    let mut listed = host::domids()?;
    listed.sort_unstable();
    ensure!(listed == expected, "xl lists {listed:?}, not {expected:?}");
    let name = program::output(&["xl", "domname", &second.domid.to_string()])?;
    ensure!(name.trim() == "second", "xl calls the second domain {name}");
    let (gone, stays) = (first.domid, second.domid);
    first.destroy()?;
    ensure!(
        host::domids()? == [stays],
        "xl still lists {gone}, or not {stays}"
    );
    second.destroy()
}
