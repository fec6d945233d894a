//! Prints every domain of this Xen host: domid, uuid, life, whether its toolstack is taking it
//! apart, and its name. With the feature `xenctrl` and the argument `xenctrl`, through libxenctrl.

use std::io::Write;

use hv_xen::{Options, Xen};
use userdata_core::{DomainNames, Hypervisor, HypervisorError};

fn main() -> std::process::ExitCode {
    match table() {
        Ok(table) => {
            let written = std::io::stdout().write_all(table.as_bytes());
            if written.is_ok() { 0.into() } else { 1.into() }
        }
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                text += &format!(": {next}");
                cause = next.source();
            }
            let _ = writeln!(std::io::stderr(), "{text}");
            1.into()
        }
    }
}

#[cfg(not(feature = "xenctrl"))]
fn open() -> Result<Xen, HypervisorError> {
    Xen::open(Options::default())
}

#[cfg(feature = "xenctrl")]
fn open() -> Result<Xen, HypervisorError> {
    match std::env::args().nth(1).as_deref() {
        Some("xenctrl") => Xen::open_xenctrl(Options::default()),
        _ => Xen::open(Options::default()),
    }
}

fn table() -> Result<String, HypervisorError> {
    let xen = open()?;
    let mut table = format!("Xen {}, boot {}\n", xen.version(), xen.boot()?);
    for listed in xen.domains()? {
        // The look-up knows more than the list.
        let Some(domain) = xen.domain(listed.key.domid)? else {
            continue;
        };
        let stays = if xen.leaving(&domain.key)? {
            "leaving"
        } else {
            "staying"
        };
        let name = xen.name(domain.key.domid)?.unwrap_or_default();
        table += &format!(
            "{:5} {} {:5} {stays} {name}\n",
            domain.key.domid, domain.key.uuid, domain.life
        );
    }
    Ok(table)
}
