//! `Entry` and `Found`: what a store reports about a record, without its bytes.

use std::fmt;
use std::time::SystemTime;

use crate::Userid;
use crate::file_name::{Kind, Owner};

/// One value of a domain, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The userid under which it is stored.
    pub userid: Userid,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored, if the store knows.
    pub modified: Option<SystemTime>,
    /// Whether it can be read.
    pub condition: Condition,
}

impl Entry {
    /// An entry of a store that keeps no times.
    #[must_use]
    pub const fn new(userid: Userid, size: u64, condition: Condition) -> Self {
        Self {
            userid,
            size,
            modified: None,
            condition,
        }
    }

    /// The same with the time at which it was stored.
    #[must_use]
    pub const fn with_modified(mut self, modified: SystemTime) -> Self {
        self.modified = Some(modified);
        self
    }
}

/// Whether a record can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// It can be read.
    Whole,
    /// It is empty, as a value that libxl stored may be after a power cut. A store repairs it.
    Empty,
    /// A link, FIFO, device, socket or directory has the name of the value.
    NotRegular(FileType),
    /// A record of it cannot be read, so that the value cannot be. A pool reports this.
    Damaged,
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
    /// A type that this library does not know.
    Other,
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regular => "regular file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Fifo => "named pipe",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Other => "unknown file type",
        })
    }
}

/// One record of any domain, as a scan shows it. The domain need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The domain that the record belongs to.
    pub owner: Owner,
    /// The purpose of the record.
    pub kind: Kind,
    /// Its userid, size and condition. For kinds other than [`Kind::Data`] the userid is the last
    /// part of the name.
    pub entry: Entry,
}

impl Found {
    /// A record of this domain.
    #[must_use]
    pub const fn new(owner: Owner, kind: Kind, entry: Entry) -> Self {
        Self { owner, kind, entry }
    }
}
