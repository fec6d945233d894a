//! Userdata of Xen domains in a directory: atomic, locked, compatible with libxl.
//!
//! [`FileStore`] is the [`Store`](userdata_core::Store) that real libxl shares: it writes the files
//! that libxl reads and takes the lock that libxl takes. It promises that a reader sees, at any
//! time, the whole old value, the whole new one, or none; that reading takes no lock and changes
//! nothing; that every wait, read and retry is bounded; and that what stands under a name of ours
//! without being a regular file is neither followed nor waited for, but reported.
//!
//! Everything the store asks of the operating system, time and randomness included, goes through
//! the trait [`Directory`]; [`OsDirectory`] is the real one. Faults, crashes and schedules are
//! other implementations of the same trait, so that what they test is the code that runs on a host.
//!
//! # What is assumed of a file system
//!
//! 1. `rename` within the directory is atomic for concurrent readers, and after a crash the name
//!    stands for the old file or the new one.
//! 2. After `fdatasync` of a file has returned without an error, its bytes survive a power cut.
//! 3. After `fsync` of the directory has returned without an error, so do the names in it.
//! 4. `flock` excludes all processes on this host; it is released when its last holder ends.
//! 5. Names that differ in the case of letters are different names.
//!
//! ext4, xfs and btrfs keep to these rules; a file system without a journal breaks 1 after a crash.
//! 1 and 4 are relied on always, 2 from `Durability::File` on, 3 at `Durability::Full`. A directory
//! that breaks 5 is refused by the first change
//! ([`FoldsCase`](userdata_core::store::StoreErrorKind::FoldsCase)). What a network file system
//! reports only when a file is closed fails the store, and the old value stays.
//!
//! # What a program has to know
//!
//! * A process that writes beyond its `RLIMIT_FSIZE` is killed by `SIGXFSZ`. A program that ignores
//!   this signal gets an error of `EFBIG` instead, and the old value stays.
//! * A store may stay open for long. When its path comes to lead to another directory (removed and
//!   made again, renamed, mounted over), changes fail with
//!   [`DirectoryReplaced`](userdata_core::store::StoreErrorKind::DirectoryReplaced), and so does a
//!   read that finds no value. Open the store again.
//! * A writer that is killed leaves a lock file and at most one temporary file. The next change of
//!   the domain removes both. If real libxl takes the lock first, it removes the lock file alone;
//!   the temporary file then stays until the next killed writer, or until the data is cleared.
//! * Where no file can be made (no inode, a quota that is used up), values can still be removed.
//!   The lock file is then a link of one of the domain's files. A tmpfs counts a link as an inode;
//!   there the lock file is a file that goes anyway and is renamed: a temporary file, a closing
//!   marker, or else the value that is removed. The change is admitted before, and admitted again
//!   under the lock; if it is refused then, the value gets its name back, and readers may have seen
//!   no value in between. A process that is killed at that point has removed this value. A closing
//!   marker is made where there is a file to link, and on a tmpfs only where an inode is free.
//! * A file on which another process has a lease (Samba, the kernel's NFS server) is waited for: by
//!   a change until its timeout, by a read as [`FileStore::with_read_timeout`] says.
//!
//! # What it does not do
//!
//! It asks no hypervisor and knows no protocol: which changes are admitted, and when a domain's
//! data goes, is for the crate `userdata` to say.

mod clear;
mod directory;
mod errno;
mod failure;
mod file_store;
mod free;
mod link;
mod listing;
mod lock;
mod marker;
mod moved;
mod name;
mod os_directory;
mod place;
mod read;
mod replace;
mod uninterrupted;
mod wait;

#[cfg(test)]
mod tests;

pub use directory::{Directory, Identity, LockMode, Metadata};
pub use errno::Errno;
pub use file_store::FileStore;
pub use name::Name;
pub use os_directory::{OsDirectory, OsFile};
