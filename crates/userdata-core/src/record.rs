//! `Entry` and `Found`: what a store holds, without the bytes.

use std::fmt;
use std::time::SystemTime;

use crate::{Kind, Owner, Userid};

/// One value of a domain, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Under which userid it is stored.
    pub userid: Userid,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored, where the store knows.
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
    /// It is what its name says.
    Whole,
    /// A value without a byte: what a power cut leaves of libxl's stores. Storing repairs it.
    Empty,
    /// Something else stands under the name.
    NotRegular(FileType),
}

/// What stands under a name.
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
    /// Something this library knows no word for.
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

/// One record of any domain, as a scan finds it. The domain need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Whose record it is.
    pub owner: Owner,
    /// What it is for.
    pub kind: Kind,
    /// Its userid, size and condition; for kinds other than [`Kind::Data`] what stands in the place
    /// of the userid.
    pub entry: Entry,
}

impl Found {
    /// A record of this owner.
    #[must_use]
    pub const fn new(owner: Owner, kind: Kind, entry: Entry) -> Self {
        Self { owner, kind, entry }
    }
}
