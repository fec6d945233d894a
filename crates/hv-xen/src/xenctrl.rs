//! `Xenctrl`: hypercalls through Xen's own library.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, Domid};

use crate::XenVersion;
use crate::abi::{DomainInfo, in_order};
use crate::foreign::libxenctrl::Interface;
use crate::privcmd::hypercall::{Refusal, malformed};

/// How many domains one call asks for.
const DOMAINS_MAX: u16 = 256;

/// Reads the identity of domains through libxenctrl, the library of Xen's own tools. It is for
/// comparison with [`Privcmd`](crate::Privcmd), and for hosts with a release of Xen that `Privcmd`
/// does not know.
///
/// It needs the feature `xenctrl`, which is off by default: the bindings are GPL-3.0-only, need
/// Xen's headers to build, and tie the program to the release of Xen that it was built for. Domains
/// have no incarnation number, and a dying domain appears alive.
///
/// Threads that share a value of this type take turns: libxenctrl's handle is behind a mutex, which
/// a thread holds for the time of one call.
#[derive(Debug)]
pub struct Xenctrl {
    interface: Mutex<Interface>,
    version: XenVersion,
    process: u32,
}

impl Xenctrl {
    /// `xc_interface_open`, with a logger that prints nothing.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](HypervisorErrorKind::Unavailable) if the hypervisor's device does not exist;
    /// [`NotPermitted`](HypervisorErrorKind::NotPermitted) if this user may not open it.
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

    /// The hypervisor's version, as it was when the device was opened.
    #[must_use]
    pub const fn version(&self) -> XenVersion {
        self.version
    }

    /// The domain with exactly this domid, or `None`: `xc_domain_getinfolist` for one domain.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](HypervisorErrorKind::Unsupported) in a forked child, where libxenctrl must
    /// not be used; otherwise as [`Privcmd::domain`](crate::Privcmd::domain).
    pub fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let operation = format!("look up domain {domid} through libxenctrl");
        let infos = self.list(&operation, domid, 1)?;
        let found = infos.iter().find(|info| info.key.domid == domid);
        Ok(found.map(DomainInfo::domain))
    }

    /// Every domain, in order of domid: `xc_domain_getinfolist`. Domains that a security policy
    /// hides are missing.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](HypervisorErrorKind::Unsupported) in a forked child, where libxenctrl must
    /// not be used; otherwise as [`Privcmd::domains`](crate::Privcmd::domains).
    pub fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        const OPERATION: &str = "list the domains through libxenctrl";
        let mut domains = Vec::new();
        let mut next = Some(Domid::ZERO);
        while let Some(first) = next {
            let infos = self.list(OPERATION, first, DOMAINS_MAX)?;
            domains.extend(infos.iter().map(DomainInfo::domain));
            // The loop ends because no list starts before the domid that it was asked for.
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
        let records = self.locked().list(first, domains_max);
        let records = records.map_err(|error| failed(operation, &error))?;
        let infos = records
            .iter()
            .map(|r| DomainInfo::new(r.domid, r.handle, r.flags));
        let infos = infos.collect::<Result<Vec<_>, _>>();
        infos
            .and_then(|infos| in_order(first, &infos).map(|()| infos))
            .map_err(|what| malformed(operation, &what))
    }

    fn locked(&self) -> MutexGuard<'_, Interface> {
        // A thread that panicked while it held the mutex has left the handle usable.
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
    fn domain_0_is_found_or_the_error_says_that_there_is_no_xen() {
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
