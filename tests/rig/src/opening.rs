//! `rig open`: opens the hypervisor, so that its system calls can be counted.

use std::error::Error;
use std::io::{self, Write};

use anyhow::Result;
use hv_xen::{Options, Xen};

/// Written before the hypervisor is opened, in one system call.
const BEFORE: &[u8] = b"opening\n";

/// Opens the hypervisor and prints the result on standard output. Returns true in any case.
pub(crate) fn report() -> Result<bool> {
    let mut out = io::stdout().lock();
    out.write_all(BEFORE)?;
    out.flush()?;
    let opened = Xen::open(Options::new());
    out.write_all(b"opened\n")?;
    out.flush()?;
    match &opened {
        Ok(xen) => writeln!(out, "Xen {}", xen.version())?,
        Err(error) => {
            let mut line = format!("{error}");
            let mut cause = error.source();
            while let Some(next) = cause {
                line += &format!(": {next}");
                cause = next.source();
            }
            writeln!(out, "{line}")?;
        }
    }
    Ok(true)
}
