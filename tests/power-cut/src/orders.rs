//! What the rig and the host that is cut say to each other: one line of JSON at a time.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::form::Form;
use crate::verdict::Found;

/// What the host is to do with a disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Make the changes of a seed while the disk is watched.
    Change {
        disk: PathBuf,
        form: Form,
        seed: u64,
    },
    /// Mount it and read every key.
    Look { disk: PathBuf },
    /// Let the sync of a file fail, and go on.
    FailSync { disk: PathBuf },
    /// Read what that left.
    LookAfterFailedSync { disk: PathBuf },
}

/// What the host answers. After those that the disk has to know of it waits for an empty line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The log is to begin.
    Watch,
    /// The change of this number begins.
    Begin(usize),
    /// The change of this number was acknowledged.
    Acknowledge(usize),
    /// So many writes of content are to fail from now on.
    FailWrites(u32),
    /// The log is to end.
    Stop,
    /// All changes are made.
    Changed,
    /// What the keys read.
    Found(Vec<Found>),
    /// The kernel refuses to mount it.
    Unmountable(String),
    /// What a failed sync showed at once.
    FailedSync(FailedSync),
    /// What a failed sync left.
    AfterFailedSync(AfterFailedSync),
    /// The order could not be carried out.
    Error(String),
}

impl Answer {
    /// Does the host wait until the disk knows of it?
    pub(crate) const fn waits(&self) -> bool {
        matches!(
            self,
            Self::Watch | Self::Begin(_) | Self::Acknowledge(_) | Self::FailWrites(_) | Self::Stop
        )
    }
}

/// What a failed sync showed at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedSync {
    /// What the first sync of an overwritten file said.
    pub(crate) first_sync: Option<String>,
    /// The file began with this letter then.
    pub(crate) cached: char,
    /// What a second sync of it said.
    pub(crate) second_sync: Option<String>,
    /// What our store said, in the same trouble.
    pub(crate) store: Option<String>,
    /// Did it say that the sync of the file failed?
    pub(crate) names_sync: bool,
    /// What the key read then.
    pub(crate) found: Found,
    /// How many files were there beside the value.
    pub(crate) other_files: usize,
}

/// What a failed sync left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AfterFailedSync {
    /// The overwritten file begins with this letter.
    pub(crate) on_disk: char,
    /// What the key reads.
    pub(crate) found: Found,
    /// How many files are there beside the value.
    pub(crate) other_files: usize,
}
