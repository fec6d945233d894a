//! `rig open`: what comes of opening the hypervisor, for counting the calls that it takes.

use std::error::Error;
use std::io::{self, Write};

use anyhow::Result;
use hv_xen::{Options, Xen};

/// Written, in one call of the system each, before and after the hypervisor is opened.
const BEFORE: &[u8] = b"opening\n";

/// Says everything on standard output. True whatever came of it.
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
