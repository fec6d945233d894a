//! The directory of a process in a run.

use std::sync::Arc;

use userdata_fs::Errno;

use super::ScheduledProcess;
use userdata_sim::interpose::{Interposed, InterposedFile};
use userdata_sim::{SimDirectory, SimFile};

/// The root directory, behind a [`ScheduledProcess`].
pub(crate) type ScheduledDirectory = Interposed<SimDirectory, Arc<ScheduledProcess>>;

/// A file of it.
pub(crate) type ScheduledFile = InterposedFile<SimFile>;

pub(crate) fn open_root(scheduled: &Arc<ScheduledProcess>) -> Result<ScheduledDirectory, Errno> {
    let root = scheduled.process().root()?;
    Ok(Interposed::new(root, Arc::clone(scheduled)).losing(SimDirectory::lose_writeback))
}
