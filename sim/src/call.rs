//! `Call` and `Answer`: a call of a directory and its answer, as data.

use std::fmt;
use std::time::Duration;

use strum::EnumDiscriminants;
use userdata_fs::{Errno, LockMode, Metadata, Name, Turn};

/// One call of [`Directory`](userdata_fs::Directory). Files and directories are numbered in the
/// order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(CallKind),
    derive(PartialOrd, Ord),
    doc = "Which method of [`Directory`](userdata_fs::Directory) was called.",
    expect(missing_docs, reason = "each variant is a method"),
    non_exhaustive
)]
#[expect(
    missing_docs,
    reason = "each variant is a method, each field an argument of it"
)]
#[non_exhaustive]
pub enum Call<'a> {
    Create {
        name: Name<'a>,
    },
    OpenLock {
        name: Name<'a>,
    },
    Open {
        name: Name<'a>,
    },
    OpenIn {
        child: Name<'a>,
        name: Name<'a>,
    },
    Close {
        file: u64,
    },
    Read {
        file: u64,
        length: usize,
    },
    Write {
        file: u64,
        bytes: &'a [u8],
    },
    Metadata {
        file: u64,
    },
    MetadataAt {
        name: Name<'a>,
    },
    MetadataByPath {
        name: Name<'a>,
    },
    /// Of a file, or of a directory itself.
    Lock {
        file: u64,
        mode: LockMode,
    },
    Unlock {
        file: u64,
    },
    SyncFile {
        file: u64,
    },
    WriteBack {
        file: u64,
    },
    SyncFileAndName {
        file: u64,
    },
    SyncAll {
        file: u64,
    },
    Rename {
        from: Name<'a>,
        to: Name<'a>,
    },
    RenameInto {
        from: Name<'a>,
        into: u64,
        to: Name<'a>,
    },
    RenameNoReplace {
        from: Name<'a>,
        to: Name<'a>,
    },
    Link {
        from: Name<'a>,
        to: Name<'a>,
    },
    Unlink {
        name: Name<'a>,
    },
    MakeDirectory {
        name: Name<'a>,
    },
    OpenDirectory {
        name: Name<'a>,
    },
    RemoveDirectory {
        name: Name<'a>,
    },
    List,
    /// Not a call, but the moment before a listing shows a name.
    Listed {
        name: Name<'a>,
    },
    Sync,
    IsAtPath,
    Now,
    Pause {
        span: Duration,
    },
    AwaitTurn {
        lock: Name<'a>,
        turn: &'a Turn,
        span: Duration,
    },
    GiveTurn {
        lock: Name<'a>,
        turn: &'a Turn,
    },
    Random,
    Process,
}

/// What a call answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// It was done; the call returns nothing else.
    Done,
    /// That many bytes were written.
    Written(usize),
    /// These bytes were read.
    Read(&'a [u8]),
    /// The file or directory of this number was opened.
    Opened(u64),
    /// The metadata of the file.
    Metadata(Metadata),
    /// That many names were shown.
    Names(usize),
    /// The time.
    Time(Duration),
    /// A random number.
    Random(u128),
    /// Yes or no.
    Is(bool),
    /// The number of the process.
    Process(u32),
}

impl Call<'_> {
    /// Which method it is.
    #[must_use]
    pub fn kind(&self) -> CallKind {
        self.into()
    }
}

impl CallKind {
    /// The `errno` values that this call can return at any time, whatever the directory holds: they
    /// tell of the state of the host. Those that tell of the state of a name (`ENOENT` and the
    /// like) are left out, because without that state they would be false.
    #[must_use]
    pub const fn errnos(self) -> &'static [Errno] {
        use Errno as E;
        match self {
            // `EEXIST`: the random number in the name was drawn before.
            Self::Create => &[
                E::ACCESS,
                E::DQUOT,
                E::EXIST,
                E::INTR,
                E::IO,
                E::MFILE,
                E::NFILE,
                E::NOMEM,
                E::NOSPC,
                E::PERM,
                E::ROFS,
                E::STALE,
            ],
            Self::OpenLock => &[
                E::ACCESS,
                E::AGAIN,
                E::INTR,
                E::IO,
                E::MFILE,
                E::NFILE,
                E::NOMEM,
                E::PERM,
                E::ROFS,
                E::STALE,
                E::TXTBSY,
            ],
            Self::Open => &[
                E::ACCESS,
                E::AGAIN,
                E::INTR,
                E::IO,
                E::MFILE,
                E::NFILE,
                E::NOMEM,
                E::STALE,
            ],
            // An old kernel or seccomp filter may not have the call.
            Self::OpenIn => &[
                E::ACCESS,
                E::AGAIN,
                E::INTR,
                E::IO,
                E::MFILE,
                E::NFILE,
                E::NOMEM,
                E::NOSYS,
                E::PERM,
                E::STALE,
            ],
            Self::OpenDirectory => &[
                E::ACCESS,
                E::INTR,
                E::IO,
                E::MFILE,
                E::NFILE,
                E::NOMEM,
                E::STALE,
            ],
            Self::Read => &[E::INTR, E::IO, E::NOTCONN, E::STALE],
            Self::Write => &[E::DQUOT, E::FBIG, E::INTR, E::IO, E::NOSPC, E::STALE],
            Self::Metadata => &[E::INTR, E::IO, E::NOMEM, E::OVERFLOW, E::STALE],
            Self::MetadataAt | Self::MetadataByPath => {
                &[E::ACCESS, E::INTR, E::IO, E::NOMEM, E::OVERFLOW, E::STALE]
            }
            Self::Lock => &[E::AGAIN, E::BADF, E::INTR, E::IO, E::NOLCK, E::OPNOTSUPP],
            Self::Unlock => &[E::INTR, E::IO, E::NOLCK],
            // An old kernel, or a filter of calls, may not have the call.
            Self::WriteBack => &[E::DQUOT, E::INTR, E::IO, E::NOSPC, E::NOSYS],
            Self::SyncFile | Self::SyncFileAndName | Self::SyncAll => {
                &[E::DQUOT, E::INTR, E::IO, E::NOSPC, E::STALE]
            }
            // A network file system may not be able to sync a directory.
            Self::Sync => &[E::DQUOT, E::INTR, E::INVAL, E::IO, E::NOSPC, E::STALE],
            Self::Rename | Self::RenameInto => &[
                E::ACCESS,
                E::BUSY,
                E::DQUOT,
                E::INTR,
                E::IO,
                E::NOMEM,
                E::NOSPC,
                E::PERM,
                E::ROFS,
                E::STALE,
                E::XDEV,
            ],
            // A file system, or an old kernel, may not have the call.
            Self::RenameNoReplace => &[
                E::ACCESS,
                E::BUSY,
                E::DQUOT,
                E::INTR,
                E::INVAL,
                E::IO,
                E::NOMEM,
                E::NOSPC,
                E::NOSYS,
                E::PERM,
                E::ROFS,
                E::STALE,
                E::XDEV,
            ],
            Self::Link => &[
                E::ACCESS,
                E::DQUOT,
                E::IO,
                E::MLINK,
                E::NOSPC,
                E::OPNOTSUPP,
                E::PERM,
                E::ROFS,
                E::XDEV,
            ],
            // A file system that copies on write needs space to free some.
            Self::Unlink | Self::RemoveDirectory => &[
                E::ACCESS,
                E::BUSY,
                E::INTR,
                E::IO,
                E::NOMEM,
                E::NOSPC,
                E::PERM,
                E::ROFS,
                E::STALE,
            ],
            Self::MakeDirectory => &[
                E::ACCESS,
                E::DQUOT,
                E::IO,
                E::MLINK,
                E::NOMEM,
                E::NOSPC,
                E::PERM,
                E::ROFS,
                E::STALE,
            ],
            Self::List => &[E::IO, E::MFILE, E::NFILE, E::NOMEM, E::OVERFLOW, E::STALE],
            Self::Close => &[E::DQUOT, E::INTR, E::IO, E::NOSPC, E::STALE],
            Self::IsAtPath => &[E::ACCESS, E::INTR, E::IO, E::NOMEM, E::STALE],
            Self::Random => &[E::INTR, E::NOSYS],
            Self::Listed
            | Self::Now
            | Self::Pause
            | Self::AwaitTurn
            | Self::GiveTurn
            | Self::Process => &[],
        }
    }

    /// How far a call may get instead of doing all that was asked: bytes, or names shown before a
    /// listing fails.
    #[must_use]
    pub const fn shorts(self) -> &'static [usize] {
        match self {
            // A read of no bytes would mean the end of the file.
            Self::Read => &[1],
            Self::Write => &[0, 1],
            Self::List => &[1],
            _ => &[],
        }
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Create { name } => write!(f, "create {name}"),
            Self::OpenLock { name } => write!(f, "open_lock {name}"),
            Self::Open { name } => write!(f, "open {name}"),
            Self::OpenIn { child, name } => write!(f, "open_in {child} {name}"),
            Self::Close { file } => write!(f, "close {file}"),
            Self::Read { file, length } => write!(f, "read {file} {length}"),
            Self::Write { file, bytes } => write!(f, "write {file} \"{}\"", bytes.escape_ascii()),
            Self::Metadata { file } => write!(f, "metadata {file}"),
            Self::MetadataAt { name } => write!(f, "metadata_at {name}"),
            Self::MetadataByPath { name } => write!(f, "metadata_by_path {name}"),
            Self::Lock { file, mode } => write!(f, "lock {file} {mode:?}"),
            Self::Unlock { file } => write!(f, "unlock {file}"),
            Self::SyncFile { file } => write!(f, "sync_file {file}"),
            Self::WriteBack { file } => write!(f, "write_back {file}"),
            Self::SyncFileAndName { file } => write!(f, "sync_file_and_name {file}"),
            Self::SyncAll { file } => write!(f, "sync_all {file}"),
            Self::Rename { from, to } => write!(f, "rename {from} {to}"),
            Self::RenameInto { from, into, to } => write!(f, "rename_into {from} {into} {to}"),
            Self::RenameNoReplace { from, to } => write!(f, "rename_no_replace {from} {to}"),
            Self::Link { from, to } => write!(f, "link {from} {to}"),
            Self::Unlink { name } => write!(f, "unlink {name}"),
            Self::MakeDirectory { name } => write!(f, "make_directory {name}"),
            Self::OpenDirectory { name } => write!(f, "open_directory {name}"),
            Self::RemoveDirectory { name } => write!(f, "remove_directory {name}"),
            Self::List => write!(f, "list"),
            Self::Listed { name } => write!(f, "listed {name}"),
            Self::Sync => write!(f, "sync"),
            Self::IsAtPath => write!(f, "is_at_path"),
            Self::Now => write!(f, "now"),
            Self::Pause { span } => write!(f, "pause {span:?}"),
            Self::AwaitTurn { lock, span, .. } => write!(f, "await_turn {lock} {span:?}"),
            Self::GiveTurn { lock, .. } => write!(f, "give_turn {lock}"),
            Self::Random => write!(f, "random"),
            Self::Process => write!(f, "process"),
        }
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Done => write!(f, "done"),
            Self::Written(count) => write!(f, "{count}"),
            Self::Read(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Opened(number) => write!(f, "{number}"),
            Self::Metadata(metadata) => write!(
                f,
                "{} {} of {} bytes",
                metadata.file_type, metadata.identity.inode, metadata.size
            ),
            Self::Names(count) => write!(f, "{count} names"),
            Self::Time(time) => write!(f, "{time:?}"),
            Self::Random(number) => write!(f, "{number:032x}"),
            Self::Is(true) => write!(f, "yes"),
            Self::Is(false) => write!(f, "no"),
            Self::Process(number) => write!(f, "{number}"),
        }
    }
}
