//! `Host`: the real or simulated host that the command works on.

use std::ffi::OsString;
use std::path::PathBuf;

use hv_sim::HostFile;
use hv_xen::Xen;
use userdata::hypervisor::{BootId, DomainNames, HypervisorError};
use userdata::{Domain, DomainKey, Domid, Hypervisor};

/// libxl's directory on a Xen host.
const XEN_LIB_DIR: &str = "/var/lib/xen";

/// The host that the command works on.
#[derive(Debug)]
pub(crate) enum Host {
    Xen(Xen),
    Simulated(HostFile),
}

/// Where a host's userdata is kept if nothing else is said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DefaultDirectory {
    pub(crate) path: PathBuf,
    /// A directory of our own is made when it is missing; libxl's is not ours to make.
    pub(crate) ours: bool,
}

impl Host {
    pub(crate) fn default_directory(&self) -> DefaultDirectory {
        match self {
            Self::Xen(_) => DefaultDirectory {
                path: XEN_LIB_DIR.into(),
                ours: false,
            },
            Self::Simulated(file) => {
                let mut path = OsString::from(file.path());
                path.push(".userdata");
                DefaultDirectory {
                    path: path.into(),
                    ours: true,
                }
            }
        }
    }
}

impl Hypervisor for Host {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.domain(domid),
            Self::Simulated(file) => file.domain(domid),
        }
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.domains(),
            Self::Simulated(file) => file.domains(),
        }
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.leaving(domain),
            Self::Simulated(file) => file.leaving(domain),
        }
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.boot(),
            Self::Simulated(file) => file.boot(),
        }
    }
}

impl DomainNames for Host {
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.name(domid),
            Self::Simulated(file) => file.name(domid),
        }
    }
}
