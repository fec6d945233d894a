//! Deterministic simulation of the userdata store: crash states, schedules, faults.
//!
//! What runs here is the real code, on another [`Directory`](userdata_fs::Directory):
//!
//! * [`SimDisk`] is a host's disk and kernel: processes with open files and locks, a clock, random
//!   numbers. [`SimDirectory`] answers as Linux does, errno included, and nothing about it depends
//!   on the machine: two runs give the same [`Trace`], to the byte.
//! * [`CrashStates`] are what a power cut may leave of it, each made from an index.
//! * [`Interposed`] stands before any directory, a real one too: [`Faults`], a [`Trace`], a seeded
//!   bug ([`WithoutSyncs`]), or an [`Interceptor`] of your own.
//!
//! # What a power cut may do
//!
//! Changes of names that were not synced survive up to some point, or in any subset
//! ([`NameOrder`]). A rename is one change, also between directories, and durable when either was
//! synced. The blocks of a file that was not synced survive in any subset; its size follows them or
//! is any that it had ([`Sizes`]). A sync of a file does not make its name durable, nor one of a
//! directory the bytes of the files in it.
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
//! use userdata_sim::{CrashModel, NameOrder, Plant, SimDisk, SimOptions, Sizes};
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
mod faults;
mod interposed;
mod kernel;
mod random;
mod sim_directory;
mod sim_disk;
mod storage;
mod trace;
mod without_syncs;

pub use call::{Answer, Call, CallKind};
pub use faults::{At, Fault, Faults, FaultyDirectory, How, every_fault};
pub use interposed::{Interceptor, Interposed, InterposedFile, Verdict};
pub use kernel::Holder;
pub use random::Random;
pub use sim_directory::{SimDirectory, SimFile};
pub use sim_disk::{Plant, SimDisk, SimOptions, SimProcess, Step};
pub use storage::{
    CrashModel, CrashStates, NameOrder, Sizes, Storage, StorageOptions, Tree, TreeEntry,
};
pub use trace::{Trace, Traced, TracingDirectory};
pub use without_syncs::WithoutSyncs;
