//! The host whose userdata a call works on. It is opened in every call.

use userdata::Userdata;
use userdata_fs::{FileStore, OsDirectory};

use crate::failure::Failure;

/// The userdata of this host.
pub(crate) type Opened = Userdata<Host, FileStore<OsDirectory>>;

/// The size of the largest value, in bytes: libxl's functions give the length as an `int`.
const VALUE_MAX: u64 = i32::MAX.unsigned_abs() as u64;

#[cfg(not(feature = "simulated"))]
type Host = hv_xen::Xen;
#[cfg(feature = "simulated")]
type Host = hv_sim::HostFile;

/// Opens the hypervisor and the directory. Nothing is connected to xenstore yet: only a store asks
/// it.
pub(crate) fn open() -> Result<Opened, Failure> {
    let hypervisor = hypervisor().map_err(Failure::Hypervisor)?;
    let store = FileStore::open(DIRECTORY).map_err(Failure::Store)?;
    Ok(Userdata::new(hypervisor, store.with_value_max(VALUE_MAX)))
}

/// libxl's directory.
#[cfg(not(feature = "simulated"))]
const DIRECTORY: &str = "/var/lib/xen";

#[cfg(not(feature = "simulated"))]
fn hypervisor() -> Result<Host, userdata::hypervisor::HypervisorError> {
    Host::open(hv_xen::Options::new())
}

/// The directory in which the test runs.
#[cfg(feature = "simulated")]
const DIRECTORY: &str = ".";

#[cfg(feature = "simulated")]
fn hypervisor() -> Result<Host, userdata::hypervisor::HypervisorError> {
    Ok(Host::new(
        std::env::var_os("USERDATA_LIBXL_HOST").unwrap_or_default(),
    ))
}
