//! Userdata of Xen domains in a directory: atomic, locked, compatible with libxl.
//!
//! [`FileStore`] is a [`Store`](userdata_core::Store) that real libxl can use at the same time: it
//! writes the files that libxl reads and takes the lock that libxl takes. At any time a reader sees
//! the whole old value, the whole new one, or none. Reading takes no lock and changes nothing.
//! Every wait, read and retry is bounded. If something other than a regular file has the name of a
//! value or lock, it is reported, and neither followed nor waited for.
//!
//! Every call to the operating system, for time and randomness as well, goes through the trait
//! [`Directory`]; [`OsDirectory`] makes the real calls. The tests with faults, crashes and
//! competing processes use other implementations of the trait, so they test the code that runs on a
//! host.
//!
//! # What is assumed of a file system
//!
//! 1. `rename` within the directory is atomic for concurrent readers, and after a crash the name
//!    belongs to the old file or to the new one.
//! 2. After `fdatasync` of a file has returned without an error, its bytes survive a power cut.
//! 3. After `fsync` of the directory has returned without an error, so do the names in it.
//! 4. `flock` excludes all processes on this host; it is released when its last holder ends.
//! 5. Names that differ in the case of letters are different names.
//!
//! On ext4 with a journal and on xfs a store of one value at `Durability::Full` relies on
//! [`Promises::one_barrier`] in place of rules 2 and 3, and saves one of two flushes.
//!
//! ext4, xfs and btrfs keep to these rules; a file system without a journal breaks rule 1 after a
//! crash. Every change relies on rules 1 and 4, a change at `Durability::File` also on 2, and one
//! at `Durability::Full` also on 2 and 3. The first change in a directory that breaks rule 5 fails
//! with [`FoldsCase`](userdata_core::store::StoreErrorKind::FoldsCase). If a network file system
//! reports an error only when the file is closed, the store fails, and the old value stays.
//!
//! # What a program has to know
//!
//! Lock files are those of the flat layouts; [`tree_layout`] describes the other one.
//!
//! * A process that writes beyond its `RLIMIT_FSIZE` is killed by `SIGXFSZ`. In a program that
//!   ignores or handles this signal, the store fails with `EFBIG` instead, and the old value stays.
//! * A store may stay open for a long time. If its path then leads to another directory (it was
//!   removed and made again, renamed, or mounted over), changes fail with
//!   [`DirectoryReplaced`](userdata_core::store::StoreErrorKind::DirectoryReplaced), and so does a
//!   read that finds no value. Open the store again.
//! * The threads of one process that change one domain line up, if they use clones of one
//!   [`FileStore`]: they are served in the order of their arrival, each within its timeout, and
//!   only the first one tries to take the lock. Stores that were opened separately share no line,
//!   not even in one directory, nor do processes: they compete for the lock, and may get it in any
//!   order. A forked child begins with an empty line, and waits for no thread of its parent.
//! * A writer that is killed leaves a lock file and at most one temporary file. The next change of
//!   the domain removes both. If real libxl takes the lock first, it removes only the lock file.
//!   The temporary file then stays until a change after the next killed writer removes it, or until
//!   the data is cleared.
//! * If no file can be made (no inode is free, or a quota is used up), values can still be removed:
//!   the lock file is then a hard link to one of the domain's files. A tmpfs counts a link as an
//!   inode. On a full one the lock file is a file that is removed anyway, and is renamed: a
//!   temporary file, a closing mark, or else the value that is removed. The caller admits the
//!   change before the rename and again under the lock. If it refuses then, the value gets its name
//!   back; readers may have found no value meanwhile. A process that is killed in between has
//!   removed this value. A closing mark can be made if there is a file to link, on a tmpfs only if
//!   an inode is free.
//! * If another process (Samba, the kernel's NFS server) has a lease on a file, a call waits for
//!   it: a change until its timeout, a read as [`FileStore::with_read_timeout`] says.
//!
//! # What it does not do
//!
//! It does not ask a hypervisor. The crate `userdata` decides which changes are admitted, and when
//! a domain's data is removed.

mod barrier;
mod checks;
mod clear;
mod clear_each;
mod directory;
mod errno;
mod failure;
mod file_store;
mod free;
mod layout;
mod line;
mod link;
mod listing;
mod lock;
mod marker;
mod moved;
mod name;
mod one_barrier;
mod os_directory;
mod owners;
mod place;
mod promises;
mod put_all;
mod put_each;
mod read;
mod read_into;
mod replace;
mod snapshot;
mod transfer;
mod tree;
#[doc = include_str!("../tree-layout.md")]
pub mod tree_layout {}
mod turn;
mod uninterrupted;
mod wait;
mod write_back;

#[cfg(test)]
mod tests;

pub use directory::{Directory, Identity, LockMode, Metadata};
pub use errno::Errno;
pub use file_store::FileStore;
pub use name::Name;
pub use os_directory::{OsDirectory, OsFile};
pub use promises::Promises;
pub use turn::Turn;
