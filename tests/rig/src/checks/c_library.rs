//! The examples in C, linked to `libuserdata`.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::closing::LIBXL_SCRIPT;
use crate::guest::Guest;
use crate::{host, libxl, ours, program};

/// The userid that the examples use.
const USERID: &str = "example";

/// The exit status of the command, and of the example, if there is no such domain.
const NO_SUCH_DOMAIN: i32 = 3;

pub(super) fn libxl_reads_what_a_c_program_stores() -> Result<()> {
    let guest = Guest::create("c-store")?;
    let domain = guest.domid.to_string();
    let shown = program::output(&["c-store", &domain])?;
    ensure!(shown == "5 bytes: hello\n", "the program shows {shown:?}");
    let read = libxl::retrieve(guest.domid, USERID)?;
    ensure!(
        read.as_deref() == Some(b"hello"),
        "libxl reads {read:?} instead"
    );
    guest.destroy()?;
    let late = program::run(&["c-store", &domain], b"")?;
    late.expect(NO_SUCH_DOMAIN, "a store of a C program after the end")?;
    let left = host::files(Some(domain.parse()?))?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

/// Meanwhile libxl stores without a break, also after its own clean-up.
pub(super) fn a_c_program_destroys_a_domain_with_its_data() -> Result<()> {
    const SCRIPT: &str = "/tmp/destroy.sh";
    fs::write(SCRIPT, LIBXL_SCRIPT).context(SCRIPT)?;
    let guest = Guest::create("c-destroy")?;
    let domain = guest.domid.to_string();
    ours::store(&domain, USERID, b"hello")?;
    let command = format!("sh {SCRIPT} {domain}");
    let ended = program::run(&["c-destroy", &domain, "xen", &command], b"")?;
    ended.expect(0, "the example in C that destroys")?;
    guest.wait_until_gone()?;
    let left = host::files(Some(domain.parse()?))?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}
