//! `Root`: the root directory of a simulated process.

use std::sync::Arc;

use userdata_fs::Errno;
use userdata_sim::interpose::{Interceptor, Interposed};
use userdata_sim::{SimDirectory, SimProcess};

/// The root directory of a simulated process, behind an interceptor of any type.
pub type Root = Interposed<SimDirectory, dyn Interceptor>;

/// The root directory of this process.
///
/// # Errors
///
/// As [`SimProcess::root`].
pub(crate) fn plain_root(process: &SimProcess) -> Result<Root, Errno> {
    root_behind(process, ())
}

/// The same, behind this interceptor. A sync that it makes fail loses the bytes.
///
/// # Errors
///
/// As [`SimProcess::root`].
pub fn root_behind(process: &SimProcess, interceptor: impl Interceptor) -> Result<Root, Errno> {
    let root = Interposed::behind(
        Arc::new(interceptor) as Arc<dyn Interceptor>,
        process.root()?,
    );
    Ok(root.losing(SimDirectory::lose_writeback))
}
