//! Values that a program linked to libxl stores while `virsh destroy` runs.

use anyhow::{Result, ensure};

use crate::drop_in::SHIPPED;
use crate::libvirt::{self, Daemon, Functions};
use crate::{host, libxl, program, sweep};

const ROUNDS: usize = 5;

/// It shows that the check below does not pass by accident.
pub(super) fn libxls_stores_outlive_virsh_destroy() -> Result<()> {
    let leaked = rounds(Functions::Libxl, None)?;
    // How often libxl loses its race depends on the machine.
    ensure!(leaked > 0, "libxl's stores left no value behind");
    Ok(())
}

pub(super) fn the_drop_ins_stores_do_not_outlive_virsh_destroy() -> Result<()> {
    let leaked = rounds(Functions::DropIn, Some(SHIPPED))?;
    ensure!(
        leaked == 0,
        "the drop-in's stores left a value in {leaked} of {ROUNDS} rounds"
    );
    Ok(())
}

/// Another program stores without a break while libvirt destroys the domain. Returns in how many
/// rounds a value was left; one sweep removes what all rounds left.
fn rounds(functions: Functions, preload: Option<&str>) -> Result<usize> {
    let daemon = Daemon::first(functions)?;
    libvirt::define()?;
    let (mut leaked, mut dead) = (0, Vec::new());
    for _ in 0..ROUNDS {
        let guest = libvirt::start()?;
        let domid = guest.domid;
        dead.push(guest.key);
        let storm = libxl::storm_with(preload, domid, "leaked")?;
        libvirt::end(guest)?;
        let ended = storm.wait()?;
        let told = String::from_utf8_lossy(&ended.stdout);
        // libxl returns ERROR_NOMEM if the domain ends while it has the lock.
        let ended_well = preload.is_none() || told.trim_end().ends_with("rc=-15");
        ensure!(ended_well, "a storm of the drop-in ended: {told}");
        leaked += usize::from(!host::files(Some(domid))?.is_empty());
    }
    libvirt::undefine()?;
    sweep::once()?;
    sweep::ensure_gone(&dead)?;
    program::say(&format!("a value was left in {leaked} of {ROUNDS} rounds"))?;
    daemon.stop()?;
    Ok(leaked)
}
