//! `WithoutSyncs`: a seeded bug, the syncs that are not made.

use crate::call::Call;
use crate::interceptor::{Interceptor, Verdict};

/// A store on a directory behind this believes that it syncs, and does not. Every check of crash
/// states must find this bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithoutSyncs {
    /// Files are not synced.
    pub files: bool,
    /// Directories are not synced.
    pub directories: bool,
    /// Files are not written back.
    pub write_backs: bool,
    /// Files are not synced together with their names.
    pub files_and_names: bool,
    /// The file system is not synced as a whole.
    pub all: bool,
}

impl Interceptor for WithoutSyncs {
    fn before(&self, _process: u32, call: &Call<'_>) -> Verdict {
        match call {
            Call::SyncFile { .. } if self.files => Verdict::Pretend,
            Call::WriteBack { .. } if self.write_backs => Verdict::Pretend,
            Call::SyncFileAndName { .. } if self.files_and_names => Verdict::Pretend,
            Call::SyncAll { .. } if self.all => Verdict::Pretend,
            Call::Sync if self.directories => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}
