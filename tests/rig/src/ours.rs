//! Our library and our command, on this host.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use hv_xen::{Options, Xen};
use userdata::Userdata;
use userdata_core::{Hypervisor, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};

use crate::host;
use crate::program::{self, Ended};

/// The userid of the checks' own values.
pub(crate) const USERID: &str = "rig";

/// [`USERID`], for the library.
pub(crate) fn userid() -> Result<WritableUserid> {
    Ok(WritableUserid::new(USERID)?)
}

/// How long a lock is waited for: two emulated hosts beside this one make everything slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for the command.
const WITH_PATIENCE: [&str; 3] = ["userdata", "--timeout", "60"];

/// The hypervisor, through the privcmd device.
pub(crate) fn xen() -> Result<Xen> {
    Xen::open(Options::new()).context("the hypervisor is not opened")
}

/// The library, on real libxl's directory.
pub(crate) fn library<H: Hypervisor>(hypervisor: H) -> Result<Userdata<H, FileStore<OsDirectory>>> {
    let store = FileStore::open(Path::new(host::DIRECTORY))?;
    Ok(Userdata::new(hypervisor, store).with_timeout(PATIENCE))
}

/// `userdata ARGUMENTS`, with any exit status.
pub(crate) fn command(arguments: &[&str], stdin: &[u8]) -> Result<Ended> {
    program::run(&words(arguments), stdin)
}

/// `userdata ARGUMENTS`. A lock is waited for with patience, unless the arguments say how long.
pub(crate) fn words<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    match arguments.contains(&"--timeout") {
        true => [&["userdata"], arguments].concat(),
        false => [&WITH_PATIENCE, arguments].concat(),
    }
}

/// `userdata store`, which has to succeed.
pub(crate) fn store(domain: &str, userid: &str, data: &[u8]) -> Result<()> {
    command(&["store", domain, userid], data)?.expect(0, "userdata store")
}

/// `userdata store` of no bytes, which is refused unless they are to remove the value.
pub(crate) fn store_no_bytes(domain: &str, userid: &str) -> Result<()> {
    command(&["store", domain, userid], b"")?.expect(2, "userdata store of no bytes")?;
    let removing = ["store", "--empty-removes", domain, userid];
    command(&removing, b"")?.expect(0, "userdata store --empty-removes")
}

/// `userdata retrieve`, which has to succeed.
pub(crate) fn retrieve(domain: &str, userid: &str) -> Result<Vec<u8>> {
    let ended = command(&["retrieve", domain, userid], b"")?;
    ended.expect(0, "userdata retrieve")?;
    Ok(ended.stdout)
}
