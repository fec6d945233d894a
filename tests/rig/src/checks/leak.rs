//! Values that are stored while real `xl destroy` runs: ours are all removed, libxl's are not.

use anyhow::{Result, ensure};

use crate::guest::Guest;
use crate::storm::Storm;
use crate::{host, libxl, program, rounds, sweep};

/// The rounds of each check, unless the command line has another number.
const ROUNDS: usize = 10;

/// Every store of every round either succeeded or failed because the domain was being destroyed;
/// the last one failed because there was no such domain.
pub(super) fn no_store_of_ours_outlives_its_domain() -> Result<()> {
    let rounds = rounds::or(ROUNDS);
    let (mut stored, mut in_the_gap) = (0, 0);
    for round in 1..=rounds {
        let guest = Guest::create("storm")?;
        let domid = guest.domid;
        let storm = Storm::start(guest.key)?;
        guest.destroy()?;
        let ended = storm.wait()?;
        stored += ended.stored;
        in_the_gap += usize::from(ended.refused > 0);
        let files = host::files(Some(domid))?;
        ensure!(
            files.is_empty(),
            "round {round}, after {} stores, left {}",
            ended.stored,
            files.join(", ")
        );
    }
    program::say(&format!(
        "{stored} stores of ours in {rounds} rounds left nothing; in {in_the_gap} rounds some were \
         refused while xl destroyed the domain"
    ))?;
    // Otherwise no store came during the destruction, and the check has shown nothing.
    ensure!(in_the_gap > 0, "no store came while xl destroyed a domain");
    Ok(())
}

/// The same with real libxl's stores. It shows that the check above does not pass by accident. One
/// sweep removes what all rounds left.
pub(super) fn libxl_leaks_a_value_stored_during_xl_destroy() -> Result<()> {
    let rounds = rounds::or(ROUNDS);
    let (mut leaked, mut dead) = (0, Vec::new());
    for _ in 0..rounds {
        let guest = Guest::create("storm")?;
        let domid = guest.domid;
        dead.push(guest.key);
        let storm = libxl::storm(domid, "leaked")?;
        guest.destroy()?;
        // The storm ends when libxl reports that there is no such domain.
        storm.wait()?;
        let files = host::files(Some(domid))?;
        leaked += usize::from(!files.is_empty());
    }
    sweep::once()?;
    sweep::ensure_gone(&dead)?;
    program::say(&format!(
        "real libxl left a value behind in {leaked} of {rounds} rounds"
    ))?;
    // How often it loses its race depends on the machine.
    ensure!(leaked > 0, "real libxl left no value behind");
    Ok(())
}
