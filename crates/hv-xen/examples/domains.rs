//! Prints the domains of this Xen host: domid, uuid, life, whether the toolstack is destroying the
//! domain, and its name.
//!
//! usage: `domains [privcmd|xenctrl] [DOMID...]`
//!
//! Without a domid it prints every domain. It skips domids that no domain has. `xenctrl` asks the
//! hypervisor through libxenctrl, and needs the feature of this name.

use std::error::Error;
use std::io::Write;

use hv_xen::{Options, Xen};
use userdata_core::hypervisor::{DomainNames, HypervisorError};
use userdata_core::{Domid, Hypervisor};

fn main() -> std::process::ExitCode {
    match table() {
        Ok(table) => {
            let written = std::io::stdout().write_all(table.as_bytes());
            if written.is_ok() { 0.into() } else { 1.into() }
        }
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
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
    Xen::open(Options::new())
}

#[cfg(feature = "xenctrl")]
fn open() -> Result<Xen, HypervisorError> {
    match std::env::args().nth(1).as_deref() {
        Some("xenctrl") => Xen::open_xenctrl(Options::new()),
        _ => Xen::open(Options::new()),
    }
}

fn table() -> Result<String, Box<dyn Error>> {
    let named: Vec<Domid> = std::env::args()
        .skip(2)
        .map(|domid| domid.parse())
        .collect::<Result<_, _>>()?;
    let xen = open()?;
    let domids = if named.is_empty() {
        let listed = xen.domains()?;
        listed.iter().map(|domain| domain.key.domid).collect()
    } else {
        named
    };
    let mut table = format!("Xen {}, boot {}\n", xen.version(), xen.boot()?);
    for domid in domids {
        // The look-up knows more than the list.
        let Some(domain) = xen.domain(domid)? else {
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
