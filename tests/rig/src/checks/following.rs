//! Values follow their domain: the lines of the README for a reboot and for save and restore, with
//! stores beside them.

use std::fs;

use anyhow::{Result, ensure};

use crate::guest::{self, Guest};
use crate::ours::USERID;
use crate::storm::Storm;
use crate::{host, libxl, ours, program, sweep};

/// The archive of each check, and the file of `xl save`.
const ARCHIVE: &str = "/tmp/web.userdata";
const SAVED: &str = "/tmp/web.save";

/// A running domain with a fixed uuid that obeys xl.
fn web() -> Result<Guest> {
    let uuid = "uuid=\"5e1f0b00-0000-4000-8000-0000000000bb\"";
    let guest = Guest::create_with("web", &guest::answering("web", uuid))?;
    guest.run()?;
    ours::store("web", "a.b*[c]", b"value")?;
    Ok(guest)
}

/// Runs `userdata destroy --export` with `command` on the domain `web`, and stores values
/// meanwhile. Returns the last value that was stored.
fn take_along(web: Guest, command: &[&str]) -> Result<String> {
    let storm = Storm::start(web.key)?;
    let exports = ["destroy", "web", "--export", ARCHIVE, "--"];
    ours::command(&[&exports, command].concat(), b"")?.expect(0, "userdata destroy --export")?;
    let ended = storm.wait()?;
    ensure!(ended.refused > 0, "no store came after the closing mark");
    program::say(&format!(
        "{} stores, then {} refused",
        ended.stored, ended.refused
    ))?;
    let domid = web.domid;
    web.wait_until_gone()?;
    let left = host::files(Some(domid))?;
    ensure!(left.is_empty(), "left of the domain before: {left:?}");
    Ok(ended.stored.to_string())
}

/// Fails unless the domain `web` has exactly this last value, the value that stayed, and libxl's
/// own.
fn ensure_values(web: &Guest, last: &str) -> Result<()> {
    for (userid, value) in [("a.b*[c]", "value"), (USERID, last)] {
        let found = libxl::retrieve(web.domid, userid)?;
        ensure!(
            found.as_deref() == Some(value.as_bytes()),
            "{userid} was {value} and is {found:?}"
        );
    }
    let values = sweep::values(&[web.key])?;
    ensure!(values.len() == 3, "other values came along: {values:?}");
    Ok(())
}

pub(super) fn our_values_survive_xl_reboot() -> Result<()> {
    let web = web()?;
    let old = web.key;
    let last = take_along(web, &["xl", "reboot", "-ww", "web"])?;
    let import = ["import", "--wait", "60", "web", ARCHIVE];
    ours::command(&import, b"")?.expect(0, "userdata import")?;
    let back = Guest::of_name("web")?;
    ensure!(back.key != old, "the domain was not rebooted");
    ensure_values(&back, &last)?;
    fs::remove_file(ARCHIVE)?;
    back.destroy()
}

pub(super) fn our_values_survive_xl_save_and_restore() -> Result<()> {
    let last = take_along(web()?, &["xl", "save", "web", SAVED])?;
    program::output(&["xl", "restore", "-p", SAVED])?;
    ours::command(&["import", "web", ARCHIVE], b"")?.expect(0, "userdata import")?;
    program::output(&["xl", "unpause", "web"])?;
    let back = Guest::of_name("web")?;
    ensure_values(&back, &last)?;
    fs::remove_file(ARCHIVE)?;
    fs::remove_file(SAVED)?;
    back.destroy()
}

/// `xl save -c` leaves the domain running; its values are exported, and the copy gets them.
pub(super) fn our_values_survive_a_copy_of_a_domain_that_lives_on() -> Result<()> {
    let web = web()?;
    ours::store("web", USERID, b"as saved")?;
    program::output(&["xl", "save", "-c", "web", SAVED])?;
    ours::command(&["export", "web", "-o", ARCHIVE], b"")?.expect(0, "userdata export")?;
    ours::store("web", USERID, b"after that")?;
    ensure!(web.lives()?, "xl save -c has ended the domain");
    web.destroy()?;
    program::output(&["xl", "restore", "-p", SAVED])?;
    ours::command(&["import", "web", ARCHIVE], b"")?.expect(0, "userdata import")?;
    let back = Guest::of_name("web")?;
    ensure_values(&back, "as saved")?;
    fs::remove_file(ARCHIVE)?;
    fs::remove_file(SAVED)?;
    back.destroy()
}

/// A domain that `xl save -D` has saved is restored with its domid and its uuid. A sweep before
/// that removes the value that libxl left under them when the domain was saved.
pub(super) fn a_restore_under_the_same_key_finds_nothing_old() -> Result<()> {
    let web = web()?;
    let (old, domid) = (web.key, web.domid);
    let theirs = libxl::storm(domid, "leaked")?;
    program::output(&["xl", "save", "-D", "web", SAVED])?;
    web.wait_until_gone()?;
    theirs.wait()?;
    let left = host::files(Some(domid))?;
    let swept = sweep::once()?;
    ensure!(
        swept.removed() == left.iter().map(String::as_str).collect(),
        "of {left:?} were removed: {:?}",
        swept.removed()
    );
    libxl::forget_recent_domids()?;
    program::output(&["xl", "restore", "-p", SAVED])?;
    let back = Guest::of_name("web")?;
    ensure!(back.key == old, "{old} came back as {}", back.key);
    let files = host::files(Some(domid))?;
    ensure!(
        files == [format!("userdata-d.{old}.libxl-json")],
        "the domain finds {files:?}"
    );
    program::say(&format!("swept before: {left:?}"))?;
    fs::remove_file(SAVED)?;
    back.destroy()
}
