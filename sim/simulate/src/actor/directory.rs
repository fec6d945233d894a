//! The directory of a process in a run.

use std::sync::Arc;

use userdata_fs::Errno;

use super::ScheduledProcess;
use super::threads::Threads;
use crate::root::{Root, root_behind};
use userdata_sim::SimFile;
use userdata_sim::interpose::InterposedFile;

/// The root directory, behind the [`ScheduledProcess`] of the thread that runs.
pub(crate) type ScheduledDirectory = Root;

/// A file of it.
pub(crate) type ScheduledFile = InterposedFile<SimFile>;

pub(crate) fn open_root(scheduled: &Arc<ScheduledProcess>) -> Result<ScheduledDirectory, Errno> {
    open_shared(scheduled, Threads::one(scheduled))
}

/// The root directory of a process whose threads share it.
pub(crate) fn open_shared(
    scheduled: &ScheduledProcess,
    threads: Threads,
) -> Result<ScheduledDirectory, Errno> {
    root_behind(scheduled.process(), threads)
}
