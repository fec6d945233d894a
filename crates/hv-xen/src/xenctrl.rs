//! `Xenctrl`: the hypervisor asked through Xen's own library.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, Domid};

use crate::abi::{DomainInfo, XenVersion, in_order};
use crate::foreign::libxenctrl::Interface;
use crate::privcmd::hypercall::{Refusal, malformed};

/// How many domains are asked for at once.
const DOMAINS_MAX: u16 = 256;

/// Domain identity through libxenctrl, the library that Xen's own tools use. For comparison with
/// [`Privcmd`](crate::Privcmd), and for hosts whose Xen the latter does not know.
///
/// Only with the feature `xenctrl`, which is off by default: the bindings are GPL-3.0-only, need
/// Xen's headers to build, and tie the program to the one release of Xen it was built for. It tells
/// no incarnation, and a domain appears alive while it is being taken apart.
#[derive(Debug)]
pub struct Xenctrl {
    interface: Mutex<Interface>,
    version: XenVersion,
    process: u32,
}

impl Xenctrl {
    /// `xc_interface_open`, with nothing logged.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](HypervisorErrorKind::Unavailable) where there is no hypervisor's device;
    /// [`NotPermitted`](HypervisorErrorKind::NotPermitted).
    pub fn open() -> Result<Self, HypervisorError> {
        const OPERATION: &str = "open the hypervisor's device through libxenctrl";
        let mut interface = Interface::open().map_err(|error| not_open(OPERATION, error))?;
        let version = interface
            .version()
            .map_err(|error| failed(OPERATION, &error))?;
        Ok(Self {
            interface: Mutex::new(interface),
            version: XenVersion::decode(version),
            process: std::process::id(),
        })
    }

    /// The hypervisor's version.
    #[must_use]
    pub const fn version(&self) -> XenVersion {
        self.version
    }

    /// The domain with exactly this domid: `xc_domain_getinfolist` for one domain.
    ///
    /// # Errors
    ///
    /// Whenever it is not known whether the domain exists; also in a forked child, where
    /// libxenctrl must not be used.
    pub fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let operation = format!("look up domain {domid} through libxenctrl");
        let infos = self.list(&operation, domid, 1)?;
        let found = infos.iter().find(|info| info.key.domid == domid);
        Ok(found.map(DomainInfo::domain))
    }

    /// Every domain, in order of domid: `xc_domain_getinfolist`. A security policy may hide some.
    ///
    /// # Errors
    ///
    /// When the list can't be had.
    pub fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        const OPERATION: &str = "list the domains through libxenctrl";
        let mut domains = Vec::new();
        let mut next = Some(Domid::ZERO);
        while let Some(first) = next {
            let infos = self.list(OPERATION, first, DOMAINS_MAX)?;
            domains.extend(infos.iter().map(DomainInfo::domain));
            // Ends: no list starts before where it was asked to.
            let last = infos
                .last()
                .filter(|_| infos.len() >= usize::from(DOMAINS_MAX));
            next = last.and_then(|info| Domid::new(info.key.domid.get() + 1).ok());
        }
        Ok(domains)
    }

    fn list(
        &self,
        operation: &str,
        first: Domid,
        domains_max: u16,
    ) -> Result<Vec<DomainInfo>, HypervisorError> {
        if std::process::id() != self.process {
            let what = "libxenctrl in a forked child".to_owned();
            let kind = HypervisorErrorKind::Unsupported { what };
            return Err(HypervisorError::new(operation, kind));
        }
        let told = self.locked().list(first, domains_max);
        let told = told.map_err(|error| failed(operation, &error))?;
        let infos = told
            .iter()
            .map(|t| DomainInfo::new(t.domid, t.handle, t.flags));
        let infos = infos.collect::<Result<Vec<_>, _>>();
        infos
            .and_then(|infos| in_order(first, &infos).map(|()| infos))
            .map_err(|what| malformed(operation, &what))
    }

    fn locked(&self) -> MutexGuard<'_, Interface> {
        // A thread that panicked in between has left nothing half done.
        self.interface
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_open(operation: &str, error: io::Error) -> HypervisorError {
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT | Errno::NXIO | Errno::NODEV) => {
            let what = "the hypervisor's device".to_owned();
            let source = Some(error.into());
            HypervisorError::new(operation, HypervisorErrorKind::Unavailable { what, source })
        }
        Some(Errno::ACCESS | Errno::PERM) => {
            let what = "the hypervisor's device must be opened, which takes root".to_owned();
            let source = Some(error.into());
            HypervisorError::new(
                operation,
                HypervisorErrorKind::NotPermitted { what, source },
            )
        }
        _ => failed(operation, &error),
    }
}

fn failed(operation: &str, error: &io::Error) -> HypervisorError {
    Refusal::Hypervisor(Errno::from_io_error(error).unwrap_or(Errno::IO)).into_error(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_xen_that_is_told_and_else_domain_0_is_there() {
        match Xenctrl::open() {
            Ok(xen) => assert!(xen.domain(Domid::ZERO).unwrap().is_some()),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    HypervisorErrorKind::Unavailable { .. }
                        | HypervisorErrorKind::NotPermitted { .. }
                ),
                "{error:?}"
            ),
        }
    }
}
