//! The directory of a process in a run.

use std::sync::Arc;

use userdata_fs::Errno;

use super::Seat;
use userdata_sim::{Interposed, InterposedFile, SimDirectory, SimFile};

/// The root directory, behind a [`Seat`].
pub(crate) type SeatedDirectory = Interposed<SimDirectory, Arc<Seat>>;

/// A file of it.
pub(crate) type SeatedFile = InterposedFile<SimFile>;

pub(crate) fn open_root(seat: &Arc<Seat>) -> Result<SeatedDirectory, Errno> {
    let root = seat.process().root()?;
    Ok(Interposed::new(root, Arc::clone(seat)).losing(SimDirectory::lose_writeback))
}
