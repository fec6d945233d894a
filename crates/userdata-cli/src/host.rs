//! `Host`: the real or simulated host that the command works on.

use std::ffi::OsString;
use std::path::PathBuf;

use hv_sim::{HostFile, HostFileError, HostSnapshot};
use hv_xen::Xen;
use userdata::hypervisor::{BootId, DomainNames, HypervisorError};
use userdata::{Domain, DomainKey, Domid, Hypervisor};

/// libxl's directory on a Xen host.
const XEN_LIB_DIR: &str = "/var/lib/xen";

/// The sightings of a Xen host. A reboot of the host removes the file, as it should.
const XEN_SIGHTINGS: &str = "/run/userdata/sightings.json";

/// One of two types: the real host, or a simulated one.
#[derive(Debug)]
pub(crate) enum Chosen<X, S> {
    Xen(X),
    Simulated(S),
}

/// The host that the command works on.
pub(crate) type Host = Chosen<Xen, HostFile>;

/// A host as it is used to find and show domains. A simulated host is read once; real Xen is asked
/// each question anew.
pub(crate) type Snapshot<'host> = Chosen<&'host Xen, HostSnapshot>;

/// The directory of a host's userdata if none is chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DefaultDirectory {
    pub(crate) path: PathBuf,
    /// Whether a change creates the directory if it does not exist. libxl's directory is never
    /// created.
    pub(crate) ours: bool,
}

impl Host {
    /// The host at this moment.
    pub(crate) fn snapshot(&self) -> Result<Snapshot<'_>, HostFileError> {
        Ok(match self {
            Self::Xen(xen) => Snapshot::Xen(xen),
            Self::Simulated(file) => Snapshot::Simulated(file.snapshot()?),
        })
    }

    pub(crate) fn default_directory(&self) -> DefaultDirectory {
        match self {
            Self::Xen(_) => DefaultDirectory {
                path: XEN_LIB_DIR.into(),
                ours: false,
            },
            Self::Simulated(file) => DefaultDirectory {
                path: beside(file, ".userdata"),
                ours: true,
            },
        }
    }

    /// The file of the sightings, unless `--state` names another one.
    pub(crate) fn default_sightings(&self) -> PathBuf {
        match self {
            Self::Xen(_) => XEN_SIGHTINGS.into(),
            Self::Simulated(file) => beside(file, ".sightings"),
        }
    }
}

/// The path of a simulated host's file with something appended.
fn beside(file: &HostFile, end: &str) -> PathBuf {
    let mut path = OsString::from(file.path());
    path.push(end);
    path.into()
}

impl<X: Hypervisor, S: Hypervisor> Hypervisor for Chosen<X, S> {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.domain(domid),
            Self::Simulated(simulated) => simulated.domain(domid),
        }
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.domains(),
            Self::Simulated(simulated) => simulated.domains(),
        }
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.leaving(domain),
            Self::Simulated(simulated) => simulated.leaving(domain),
        }
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.boot(),
            Self::Simulated(simulated) => simulated.boot(),
        }
    }
}

impl<X: DomainNames, S: DomainNames> DomainNames for Chosen<X, S> {
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        match self {
            Self::Xen(xen) => xen.name(domid),
            Self::Simulated(simulated) => simulated.name(domid),
        }
    }
}
