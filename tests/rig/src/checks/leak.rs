//! What is stored while a domain is being destroyed.

use std::io::{self, Write};

use anyhow::{Result, ensure};

use crate::guest::{Does, Guest};
use crate::{host, libxl};

/// It does so in nearly every round; in one of these at the least.
const ROUNDS: usize = 20;

/// As many are evidence enough, and rounds take time.
const ENOUGH: usize = 3;

/// Real libxl leaves a value of a dead domain behind when a store comes between its own clean-up
/// and the end of the domain.
pub(super) fn libxl_leaks() -> Result<()> {
    let (mut rounds, mut leaked) = (0, 0);
    while rounds < ROUNDS && leaked < ENOUGH {
        let guest = Guest::create("storm", Does::Paused)?;
        let domid = guest.domid;
        let storm = libxl::storm(domid, "leaked")?;
        guest.destroy()?;
        // It ends when libxl knows no such domain any more.
        storm.wait()?;
        let files = host::files(Some(domid))?;
        rounds += 1;
        leaked += usize::from(!files.is_empty());
        for name in files {
            host::remove(&name)?;
        }
    }
    writeln!(
        io::stdout(),
        "   real libxl left a value behind in {leaked} of {rounds} rounds"
    )?;
    ensure!(leaked > 0, "no value was left behind in {rounds} rounds");
    Ok(())
}
