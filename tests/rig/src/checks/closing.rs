//! `userdata destroy D -- xl destroy D`, while another program stores.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::program::Program;
use crate::storm::Storm;
use crate::{host, ours, program};

/// Destroys the domain. It tries to store before, and lists the files after.
const SCRIPT: &str = "echo late | userdata store \"$1\" late; echo $? > /tmp/late
xl destroy \"$1\" || exit
ls /var/lib/xen > /tmp/left";

pub(super) fn userdata_destroy_refuses_stores_from_the_marker_on() -> Result<()> {
    let guest = Guest::create("closing")?;
    let (domid, key) = (guest.domid, guest.key);
    ours::store(&domid.to_string(), "before", b"value")?;
    let storm = Storm::start(key)?;
    destroy(domid, &["sh", "-c", SCRIPT, "sh", &domid.to_string()])?;
    guest.wait_until_gone()?;
    let ended = storm.wait()?;
    ensure!(ended.refused > 0, "no store of the storm was refused");
    let late = fs::read_to_string("/tmp/late").context("the script did not run")?;
    ensure!(
        late.trim() == "10",
        "a store beside the marker ended with {late}"
    );
    // libxl's clean-up removed all but the marker; we removed the marker.
    let left = fs::read_to_string("/tmp/left").context("xl destroy failed")?;
    let of_domain = format!(".{key}.");
    let left: Vec<&str> = left
        .lines()
        .filter(|name| name.contains(&of_domain))
        .collect();
    let marker = format!("userdata-c.{key}.domain-userdata-lock");
    ensure!(
        left.contains(&marker.as_str()),
        "xl destroy removed our marker: {left:?}"
    );
    ensure!(
        left.iter()
            .all(|name| name.contains("domain-userdata-lock")),
        "xl destroy left {left:?}"
    );
    let files = host::files(Some(domid))?;
    ensure!(files.is_empty(), "userdata destroy left {files:?}");
    program::say(&format!(
        "{} stores before the marker, {} refused after it",
        ended.stored, ended.refused
    ))
}

/// Destroys the domain while libxl stores, and ends the stores with it.
pub(super) const LIBXL_SCRIPT: &str = "libxl-storm \"$1\" leaked > /tmp/storm & storm=$!
until grep -q storing /tmp/storm; do usleep 10000; done
xl destroy \"$1\"; status=$?
kill $storm; wait $storm
ls /var/lib/xen > /tmp/left
exit $status";

/// libxl ignores the marker, so its stores go on. The values that they leave are removed.
pub(super) fn userdata_destroy_removes_what_libxl_stores_meanwhile() -> Result<()> {
    const ROUNDS: usize = 5;
    let mut leaked = 0;
    for round in 1..=ROUNDS {
        let guest = Guest::create("closing")?;
        let (domid, key) = (guest.domid, guest.key);
        destroy(domid, &["sh", "-c", LIBXL_SCRIPT, "sh", &domid.to_string()])?;
        guest.wait_until_gone()?;
        let left = fs::read_to_string("/tmp/left").context("the script did not run")?;
        leaked += usize::from(left.contains(&format!("userdata-d.{key}.leaked")));
        let files = host::files(Some(domid))?;
        ensure!(files.is_empty(), "round {round} left {files:?}");
    }
    program::say(&format!(
        "in {leaked} of {ROUNDS} rounds libxl stored after its own clean-up, and we removed it"
    ))?;
    ensure!(leaked > 0, "libxl stored nothing that we had to remove");
    Ok(())
}

fn destroy(domid: u32, by: &[&str]) -> Result<()> {
    let domid = domid.to_string();
    let words = [&["destroy", &domid, "--"], by].concat();
    Program::start(&ours::words(&words), b"")?
        .wait()?
        .expect(0, "userdata destroy")
}
