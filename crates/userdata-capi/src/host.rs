//! `Host`: the real or simulated host of a context, and where its values are.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hv_sim::HostFile;
use hv_xen::Xen;
use userdata::Hypervisor;
use userdata::hypervisor::DomainNames;

use crate::failure::Failure;
use crate::options::{Chosen, Options};

/// libxl's directory.
const XEN_LIB_DIR: &str = "/var/lib/xen";

/// xenstore needs time to answer, however short the deadline is.
const XENSTORE_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Which domains exist, and their names.
pub(crate) trait Host: Hypervisor + DomainNames + Debug {}

impl<T: Hypervisor + DomainNames + Debug> Host for T {}

/// Opens the host, and returns it with the directory of its values.
pub(crate) fn open(options: &Options) -> Result<(Arc<dyn Host>, PathBuf), Failure> {
    let chosen = options.directory.clone();
    match &options.host {
        Chosen::Xen => {
            let xen = hv_xen::Options::new()
                .with_check_leaving(options.check_leaving)
                .with_xenstore_timeout(options.timeout.max(XENSTORE_TIMEOUT_MIN));
            let xen = Xen::open(xen).map_err(Failure::Host)?;
            let directory = chosen.unwrap_or_else(|| XEN_LIB_DIR.into());
            Ok((Arc::new(xen), directory))
        }
        Chosen::Simulated(file) => {
            let host = HostFile::new(file).with_timeout(options.timeout);
            let directory = match chosen {
                Some(directory) => directory,
                None => own_directory(file)?,
            };
            Ok((Arc::new(host), directory))
        }
    }
}

/// The directory that the command uses for the same simulated host. It is created.
fn own_directory(file: &Path) -> Result<PathBuf, Failure> {
    let mut path = OsString::from(file);
    path.push(".userdata");
    let mut builder = DirBuilder::new();
    let created = builder.recursive(true).mode(0o700).create(&path);
    created.map_err(|source| Failure::Io {
        operation: "create the directory of the simulated host",
        source,
    })?;
    Ok(path.into())
}
