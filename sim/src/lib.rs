//! A simulated disk and kernel for the userdata store: faults, and every state after a power cut.
//!
//! What runs here is the real code, on another [`Directory`](userdata_fs::Directory):
//!
//! * [`SimDisk`] is a host's disk and kernel: processes with open files and locks, a clock, random
//!   numbers. [`SimDirectory`] answers as Linux does, errno included, and nothing about it depends
//!   on the machine: two runs give the same [`Trace`](interpose::Trace), to the byte.
//! * [`CrashStates`](crash::CrashStates) are what a power cut may leave of it, each made from an
//!   index.
//! * [`Interposed`](interpose::Interposed) stands before any directory, a real one too: with
//!   [`Faults`](faults::Faults), a [`Trace`](interpose::Trace), a seeded bug
//!   ([`WithoutSyncs`](interpose::WithoutSyncs)), or an [`Interceptor`](interpose::Interceptor) of
//!   your own.
//!
//! # What a power cut may do
//!
//! Changes of names that were not synced survive up to some point, or in any subset
//! ([`NameOrder`](crash::NameOrder)). A rename is one change, also between directories, and durable
//! when either was synced. The blocks of a file that was not synced survive in any subset; its size
//! follows them or is any that it had ([`Sizes`](crash::Sizes)). A sync of a file does not make its
//! name durable, nor one of a directory the bytes of the files in it.
//!
//! # What is not simulated
//!
//! Bits that rot, sectors torn within a block, and disks that lie about a flush; neither are
//! permissions, since a process here may do anything.
//!
//! # Example
//!
//! A program that replaces a file without syncing it, and the power cut that shows it:
//!
//! ```
//! use userdata_fs::{Directory, Errno, Name};
//! use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
//! use userdata_sim::{Plant, SimDisk, SimOptions};
//!
//! fn replace<D: Directory>(directory: &D, to: Name<'_>, bytes: &[u8]) -> Result<(), Errno> {
//!     let temporary = Name::new(b"temporary").ok_or(Errno::INVAL)?;
//!     let file = directory.create(temporary)?;
//!     directory.write(&file, bytes)?;
//!     directory.rename(temporary, to)?;
//!     directory.sync()
//! }
//!
//! # fn main() -> Result<(), Errno> {
//! let disk = SimDisk::new(SimOptions::default());
//! let directory = disk.process().root()?;
//! let name = Name::new(b"settings").ok_or(Errno::INVAL)?;
//! directory.plant(name, Plant::File(b"old".to_vec()))?;
//! replace(&directory, name, b"new")?;
//!
//! let model = CrashModel { names: NameOrder::Journalled, sizes: Sizes::FollowBytes };
//! let left = disk.storage();
//! let found: Vec<_> = left
//!     .crash_states(model)
//!     .iter()
//!     .map(|state| state.tree().file(b"settings").map(<[u8]>::to_vec))
//!     .collect();
//! assert_eq!(found, [Some(b"".to_vec()), Some(b"new".to_vec())], "neither old nor new");
//! # Ok(())
//! # }
//! ```

mod call;
mod interceptor;
mod interposed;
mod kernel;
mod sim_directory;
mod sim_disk;
mod storage;
mod trace;
mod without_syncs;

pub mod faults;
pub mod random;

/// The states that a power cut may leave of a disk.
pub mod crash {
    pub use crate::storage::{
        CrashModel, CrashStates, NameOrder, Sizes, Storage, StorageOptions, Tree, TreeEntry,
    };
}

/// What stands between a program and its directory: it sees every call, and may answer it.
pub mod interpose {
    pub use crate::call::{Answer, Call, CallKind};
    pub use crate::interceptor::{Interceptor, Verdict};
    pub use crate::interposed::{Interposed, InterposedFile};
    pub use crate::trace::{Trace, Traced};
    pub use crate::without_syncs::WithoutSyncs;
}

pub use kernel::Holder;
pub use sim_directory::{SimDirectory, SimFile};
pub use sim_disk::{Plant, SimDisk, SimOptions, SimProcess, Step};
