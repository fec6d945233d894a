//! The sweep of the boot unit, and sweeps without xenstore.

use std::fs;

use anyhow::{Context, Result, ensure};
use userdata_core::DomainKey;

use super::xenstore::Away;
use crate::bare::BareDomains;
use crate::guest::Guest;
use crate::ours::USERID;
use crate::{host, libxl, ours, sweep};

/// Reads a report that was written before xenstored was started.
fn report(name: &str) -> Result<String> {
    let path = format!("out/boot/{name}");
    fs::read_to_string(&path).with_context(|| format!("no {path}"))
}

/// The files were planted, and the boot unit's command was run, before xenstored was started: see
/// `xtask/src/xen/test.rs`. A domain that now gets their domid and uuid inherits nothing.
pub(super) fn the_boot_units_command_removes_what_an_earlier_boot_left() -> Result<()> {
    let key: DomainKey = "4242.5e1f0b00-0000-4000-8000-0000000000b0".parse()?;
    let of_dom0 = "userdata-d.0.00000000-0000-0000-0000-000000000000.libxl-json";
    let xenstored = report("xenstored")?;
    ensure!(xenstored.is_empty(), "xenstored ran already: {xenstored}");
    let before = report("before")?;
    let planted = before
        .lines()
        .filter(|name| name.contains(&format!(".{key}.")))
        .count();
    ensure!(planted == 4, "planted: {before}");
    ensure!(before.contains(of_dom0), "planted: {before}");
    let status = report("status")?;
    ensure!(
        status.trim() == "0",
        "the sweep ended with {status}: {}",
        report("swept")?
    );
    let after = report("after")?;
    ensure!(after.trim() == of_dom0, "the sweep left {after}");
    // xen-init-dom0 has written Domain-0's record again.
    let json = fs::read(format!("{}/{of_dom0}", host::DIRECTORY))?;
    ensure!(
        json != b"old\n",
        "Domain-0 has the record of an earlier boot"
    );

    let model = Guest::create("again")?;
    let json = ours::retrieve("again", "libxl-json")?;
    model.destroy()?;
    libxl::create(&key, &json)?;
    let guest = Guest::of_key(key, "again");
    ensure!(
        libxl::retrieve(guest.domid, "xl")?.is_none(),
        "libxl finds a value"
    );
    ours::command(&["retrieve", &key.to_string(), "xl"], b"")?.expect(4, "userdata retrieve")?;
    guest.destroy()
}

pub(super) fn a_sweep_needs_no_xenstore() -> Result<()> {
    let guest = Guest::create("alone")?;
    let mut bare = BareDomains::create(2)?;
    for key in bare.keys().iter().chain([&guest.key]) {
        ours::store(&key.to_string(), USERID, b"value")?;
    }
    let mut dead = Vec::new();
    for arguments in [&[][..], &["--no-leaving-check"]] {
        dead.extend(bare.destroy_some(1)?);
        let living = [&[guest.key], bare.keys()].concat();
        let stand = sweep::values(&living)?;
        let away = Away::take()?;
        let swept = sweep::with(arguments);
        away.back()?;
        let swept = swept?;
        ensure!(swept.removed().len() == 1, "removed: {:?}", swept.removed());
        sweep::ensure_gone(&dead)?;
        ensure!(
            sweep::values(&living)? == stand,
            "a living domain has lost values"
        );
    }
    guest.destroy()
}
