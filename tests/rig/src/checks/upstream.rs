//! Failures of real libxl for which `docs/upstream.md` describes a change. Each check passes as
//! long as the failure is there; two more are in `leak.rs` and `sweeping.rs`.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use userdata_core::DomainKey;

use crate::guest::{self, Guest};
use crate::holder;
use crate::ours::USERID;
use crate::{host, libxl, ours, program};

/// The helper is run at each boot, and forgets which domids were in use before it. It leaves the
/// userdata of the domains that had them, and a new domain with the same domid and uuid inherits
/// it.
pub(super) fn xen_init_dom0_clears_the_domid_history_and_no_userdata() -> Result<()> {
    let key: DomainKey = "4242.5e1f0b00-0000-4000-8000-0000000000b1".parse()?;
    let model = Guest::create("again")?;
    let json = ours::retrieve("again", "libxl-json")?;
    model.destroy()?;
    fs::write(
        format!("{}/userdata-d.{key}.xl", host::DIRECTORY),
        b"of the boot before",
    )?;
    ensure!(
        Path::new(libxl::HISTORY).exists(),
        "libxl has no history of domids"
    );
    // Without this name, the helper takes the host for one that was just booted.
    program::output(&["xenstore-rm", "/local/domain/0/name"])?;
    program::output(&["xen-init-dom0"])?;
    let history = fs::read(libxl::HISTORY).unwrap_or_default();
    ensure!(history.is_empty(), "xen-init-dom0 did not work as at boot");
    libxl::create(&key, &json)?;
    let guest = Guest::of_key(key, "again");
    let inherited = libxl::retrieve(guest.domid, "xl")?;
    ensure!(
        inherited.as_deref() == Some(b"of the boot before"),
        "libxl removes userdata at boot"
    );
    guest.destroy()
}

/// A process that can open no more files fails to open the lock file, and removes it. This
/// project's command fails, too, and leaves the file in place.
pub(super) fn libxl_without_the_lock_removes_the_lock_holders_file() -> Result<()> {
    let guest = Guest::create("held")?;
    let domain = guest.domid.to_string();
    let lock = format!("userdata-l.{}.domain-userdata-lock", guest.key);
    let holder = holder::start_process(&guest.key)?;
    for files in 3..=9 {
        let store = "ulimit -S -n $1; exec userdata --timeout 0.1 store $2 rig";
        let words = ["sh", "-c", store, "sh", &files.to_string(), &domain];
        let ended = program::run(&words, b"value")?;
        ensure!(
            !ended.status.success(),
            "our command stored beside the lock"
        );
        let left = host::files(Some(guest.domid))?;
        ensure!(left.contains(&lock), "our command removed the lock file");
    }
    // With fewer files, libxl does not start. With more, it waits for the lock until it is killed.
    let script = "retrieve=\"libxl-userdata $1 $2 retrieve\"
    for files in $(seq 3 40); do
        (ulimit -S -n $files; exec timeout -s KILL 60 $retrieve) 2>/tmp/tried
        grep -q rc=-15 /tmp/tried && echo $files && break
    done";
    let tried = program::output(&["sh", "-c", script, "sh", &domain, USERID])?;
    let files = host::files(Some(guest.domid))?;
    ensure!(
        !files.contains(&lock),
        "libxl leaves the lock file alone: {tried}; {files:?}"
    );
    program::say(&format!("with {} open files", tried.trim()))?;
    // Another process now gets a lock of its own.
    let rc = libxl::store(guest.domid, USERID, b"beside the lock holder")?;
    ensure!(rc == 0, "libxl_userdata_store returned {rc}");
    holder.kill()?;
    guest.destroy()
}

pub(super) fn xl_save_and_restore_lose_every_value() -> Result<()> {
    let guest = Guest::create_with("saved", &guest::answering("saved", ""))?;
    guest.run()?;
    let rc = libxl::store(guest.domid, USERID, b"theirs")?;
    ensure!(rc == 0, "libxl_userdata_store returned {rc}");
    ours::store("saved", "ours", b"ours")?;
    program::output(&["xl", "save", "saved", "/tmp/saved"])?;
    guest.wait_until_gone()?;
    program::output(&["xl", "restore", "-p", "/tmp/saved"])?;
    let back = Guest::of_name("saved")?;
    let files = host::files(None)?;
    let own = format!("userdata-d.{}.libxl-json", back.key);
    ensure!(files == [own], "xl restore brings back {files:?}");
    fs::remove_file("/tmp/saved")?;
    back.destroy()
}
