//! The messages between the rig and the host that loses its power: lines of JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::form::Form;
use crate::verdict::Found;

/// An order to the host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Make the changes of a seed while the disk logs.
    Change {
        disk: PathBuf,
        form: Form,
        seed: u64,
    },
    /// Mount the disk and read every key.
    Look { disk: PathBuf },
    /// Let the sync of a file fail, and continue.
    FailSync { disk: PathBuf },
    /// Read the files that a failed sync left.
    LookAfterFailedSync { disk: PathBuf },
}

/// A message of the host. If it concerns the disk, the host then waits for an empty line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The disk has to start a log.
    Watch,
    /// The change with this number begins.
    Begin(usize),
    /// The change with this number is acknowledged.
    Acknowledge(usize),
    /// This many writes of content have to fail.
    FailWrites(u32),
    /// The disk has to finish the log.
    Stop,
    /// All changes are made.
    Changed,
    /// The values of the keys.
    Found(Vec<Found>),
    /// The kernel refuses to mount the disk.
    Unmountable(String),
    /// The observations right after a failed sync.
    FailedSync(FailedSync),
    /// The observations on the disk after a failed sync and a remount.
    AfterFailedSync(AfterFailedSync),
    /// The order could not be carried out.
    Error(String),
}

impl Answer {
    /// Whether the host waits until the disk has got this message.
    pub(crate) const fn waits(&self) -> bool {
        matches!(
            self,
            Self::Watch | Self::Begin(_) | Self::Acknowledge(_) | Self::FailWrites(_) | Self::Stop
        )
    }
}

/// The observations right after a failed sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedSync {
    /// The error of the first sync of an overwritten file.
    pub(crate) first_sync: Option<String>,
    /// The first letter of the file after that.
    pub(crate) cached: char,
    /// The error of a second sync of the file.
    pub(crate) second_sync: Option<String>,
    /// The error of our store in the same situation.
    pub(crate) store: Option<String>,
    /// Whether that error says that the sync of the file failed.
    pub(crate) names_sync: bool,
    /// The value of the key after that.
    pub(crate) found: Found,
    /// The number of files beside the value.
    pub(crate) other_files: usize,
}

/// The observations after a failed sync and a remount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AfterFailedSync {
    /// The first letter of the overwritten file.
    pub(crate) on_disk: char,
    /// The value of the key.
    pub(crate) found: Found,
    /// The number of files beside the value.
    pub(crate) other_files: usize,
}
