//! The value under "xl": `xl config-update` writes it, and xl reads it when the domain reboots.

use anyhow::{Context, Result, ensure};

use crate::guest::{self, Does, Guest};
use crate::{host, ours, program, xl};

pub(super) fn our_command_sees_what_xl_config_update_stores() -> Result<()> {
    let guest = Guest::create("updated")?;
    let domain = guest.domid.to_string();
    ours::command(&["retrieve", &domain, "xl"], b"")?.expect(4, "userdata retrieve before")?;
    let config = guest::config("updated", Does::Waits, "# every word counts");
    std::fs::write("/tmp/update.cfg", &config)?;
    program::output(&["xl", "config-update", &domain, "/tmp/update.cfg"])?;
    let seen = ours::retrieve("updated", "xl")?;
    ensure!(
        seen == config.as_bytes(),
        "stored: {config:?}, seen: {:?}",
        String::from_utf8_lossy(&seen)
    );
    guest.destroy()
}

/// The guest's first configuration makes it ask for a reboot. The configuration that we store makes
/// it wait, with twice the memory.
pub(super) fn xl_reboots_a_domain_with_the_configuration_that_we_stored() -> Result<()> {
    const UUID: &str = "uuid=\"5e1f0b00-0000-4000-8000-0000000000aa\"";
    let guest = Guest::create_with("again", &guest::config("again", Does::Reboots, UUID))?;
    let before = xl::domain(guest.domid)?.context("just created")?;
    let waits = guest::config("again", Does::Waits, UUID).replace("memory=4", "memory=8");
    ours::store("again", "xl", waits.as_bytes())?;
    guest.run()?;
    let (old, old_key) = (guest.domid, guest.key);
    guest.wait_until_gone()?;
    xl::wait_until_back("again", 8)?;
    let back = Guest::of_name("again")?;
    ensure!(before.memory == 4, "it began with {} MiB", before.memory);
    ensure!(back.domid != old, "it still has domid {old}");
    ensure!(
        back.key.uuid == old_key.uuid,
        "its uuid was {} and is {}",
        old_key.uuid,
        back.key.uuid
    );
    // A reboot ends an incarnation, and its data is removed with it.
    let files = host::files(Some(old))?;
    ensure!(files.is_empty(), "left of the domain before: {files:?}");
    back.destroy()
}
