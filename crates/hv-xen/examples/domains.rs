//! Prints the domains of this Xen host: domid, uuid, life, whether its toolstack is taking it
//! apart, and its name.
//!
//! usage: `domains [privcmd|xenctrl] [DOMID...]`
//!
//! Of the domids that are named, those that no domain has are left out; with none named, every
//! domain is listed. `xenctrl` takes the feature of this name, and goes through libxenctrl.

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
    Xen::open(Options::default())
}

#[cfg(feature = "xenctrl")]
fn open() -> Result<Xen, HypervisorError> {
    match std::env::args().nth(1).as_deref() {
        Some("xenctrl") => Xen::open_xenctrl(Options::default()),
        _ => Xen::open(Options::default()),
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
