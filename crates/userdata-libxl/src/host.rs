//! The host whose userdata a call works on. It is opened in every call.

use userdata::Userdata;
use userdata_fs::{FileStore, OsDirectory};

use crate::failure::Failure;

#[cfg(feature = "at-once")]
mod at_once;

/// The userdata of this host.
pub(crate) type Opened = Userdata<Host, FileStore<OsDirectory>>;

/// The size of the largest value, in bytes: libxl's functions give the length as an `int`.
const VALUE_MAX: u64 = i32::MAX.unsigned_abs() as u64;

#[cfg(not(any(feature = "at-once", feature = "simulated")))]
type Host = hv_xen::Xen;
#[cfg(all(feature = "simulated", not(feature = "at-once")))]
type Host = hv_sim::HostFile;
#[cfg(feature = "at-once")]
type Host = at_once::AtOnce;

/// Opens the hypervisor and the directory. Nothing is connected to xenstore yet: only a store asks
/// it.
pub(crate) fn open() -> Result<Opened, Failure> {
    let hypervisor = hypervisor().map_err(Failure::Hypervisor)?;
    let store = FileStore::open(DIRECTORY).map_err(Failure::Store)?;
    Ok(Userdata::new(hypervisor, store.with_value_max(VALUE_MAX)))
}

/// libxl's directory.
#[cfg(not(any(feature = "at-once", feature = "simulated")))]
const DIRECTORY: &str = "/var/lib/xen";

#[cfg(not(any(feature = "at-once", feature = "simulated")))]
fn hypervisor() -> Result<Host, userdata::hypervisor::HypervisorError> {
    Host::open(hv_xen::Options::new())
}

/// The directory in which the program runs.
#[cfg(any(feature = "at-once", feature = "simulated"))]
const DIRECTORY: &str = ".";

#[cfg(all(feature = "simulated", not(feature = "at-once")))]
fn hypervisor() -> Result<Host, userdata::hypervisor::HypervisorError> {
    Ok(Host::new(
        std::env::var_os("USERDATA_LIBXL_HOST").unwrap_or_default(),
    ))
}

#[cfg(feature = "at-once")]
fn hypervisor() -> Result<Host, userdata::hypervisor::HypervisorError> {
    at_once::AtOnce::open()
}
