//! A user without rights.

use std::os::unix::process::CommandExt;

use anyhow::{Result, ensure};

use crate::guest::Guest;
use crate::program::Program;

const NOBODY: u32 = 65534;

pub(super) fn without_rights_the_error_names_the_device_and_the_right() -> Result<()> {
    let guest = Guest::create("forbidden")?;
    let domid = guest.domid.to_string();
    for arguments in [
        &["store", &domid, "rig"][..],
        &["retrieve", &domid, "rig"],
        &["list", &domid],
    ] {
        let words = [&["userdata"], arguments].concat();
        let ended = Program::start_as(&words, b"value", |command| {
            command.uid(NOBODY).gid(NOBODY);
        })?;
        let ended = ended.wait()?;
        ended.expect(9, &format!("{words:?} as nobody"))?;
        ensure!(
            ended
                .stderr
                .contains("/dev/xen/privcmd must be opened for reading and writing"),
            "{words:?} names no device and right: {}",
            ended.stderr
        );
        ensure!(ended.stdout.is_empty(), "{words:?} wrote something");
    }
    guest.destroy()
}
