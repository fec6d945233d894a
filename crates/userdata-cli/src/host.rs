//! `Host`: the real or simulated host that the command works on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{self, Path, PathBuf};
use std::{fs, io};

use hv_sim::{HostFile, HostFileError, HostSnapshot};
use hv_xen::Xen;
use userdata::hypervisor::{BootId, DomainNames, HypervisorError};
use userdata::store::{TreeOwner, TreeOwnerError};
use userdata::{Domain, DomainKey, Domid, Hypervisor, Version};

use crate::failure::Failure;

/// libxl's directory on a Xen host.
const XEN_LIB_DIR: &str = "/var/lib/xen";

/// The tree of a Xen host. A reboot of the host removes it, and its data ends with the boot anyway.
const XEN_TREE: &str = "/run/userdata";

/// The sightings of a Xen host, of libxl's layout and of the tree.
const XEN_SIGHTINGS: &str = "/run/userdata/sightings.json";
const XEN_TREE_SIGHTINGS: &str = "/run/userdata/sightings-tree.json";

/// The same of sweeps of a pool.
const XEN_POOL_SIGHTINGS: &str = "/run/userdata/sightings-pool.json";

/// The name by which a Xen host owns its tree.
pub(crate) const MACHINE_ID: &str = "/etc/machine-id";

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

    pub(crate) fn default_directory(&self, is_tree: bool) -> DefaultDirectory {
        let path = match (self, is_tree) {
            (Self::Xen(_), false) => XEN_LIB_DIR.into(),
            (Self::Xen(_), true) => XEN_TREE.into(),
            (Self::Simulated(file), false) => beside(file, ".userdata"),
            (Self::Simulated(file), true) => beside(file, ".tree"),
        };
        let ours = is_tree || matches!(self, Self::Simulated(_));
        DefaultDirectory { path, ours }
    }

    /// The name by which this host owns its tree: the machine-id of a Xen host, and a digest of the
    /// path of a simulated host's file.
    pub(crate) fn owner(&self) -> Result<TreeOwner, Failure> {
        match self {
            Self::Xen(_) => {
                let doing = format!("read {MACHINE_ID}, which names the owner of the tree");
                let text = fs::read_to_string(MACHINE_ID).map_err(Failure::io(doing.clone()))?;
                let owner = text.trim_end().parse();
                owner.map_err(|error: TreeOwnerError| Failure::io(doing)(io::Error::other(error)))
            }
            Self::Simulated(file) => {
                let path = real_path(file.path()).map_err(Failure::io(
                    "find the file of the simulated host".to_owned(),
                ))?;
                let digest = Version::of(path.as_os_str().as_bytes()).to_string();
                let owner = format!("simulated-{digest:.16}").parse();
                owner.map_err(|error: TreeOwnerError| {
                    Failure::io("name the simulated host".to_owned())(io::Error::other(error))
                })
            }
        }
    }

    /// The file of the sightings, unless `--state` names another one.
    pub(crate) fn default_sightings(&self, swept: Swept) -> PathBuf {
        let (of_xen, end) = match swept {
            Swept::Files => (XEN_SIGHTINGS, ".sightings"),
            Swept::Tree => (XEN_TREE_SIGHTINGS, ".tree.sightings"),
            Swept::Pool => (XEN_POOL_SIGHTINGS, ".pool.sightings"),
        };
        match self {
            Self::Xen(_) => of_xen.into(),
            Self::Simulated(file) => beside(file, end),
        }
    }
}

/// What a sweep is about. Each has sightings of its own: a sweep drops those of domains that it
/// does not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    /// libxl's files.
    Files,
    /// A tree.
    Tree,
    /// A pool of hosts.
    Pool,
}

/// The path without links, the same before and after the file is made.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    match (fs::canonicalize(path), path.file_name()) {
        (Err(error), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            let absolute = path::absolute(path)?;
            let parent = absolute.parent().unwrap_or(&absolute);
            Ok(fs::canonicalize(parent)?.join(name))
        }
        (found, _) => found,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_host_has_one_path_before_and_after_its_file_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
        let path = folder.path().join("link/host.json");
        let before = real_path(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(before, real_path(&path).unwrap());
    }
}
