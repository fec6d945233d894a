//! Deterministic simulation of the userdata store: crash states, schedules, faults.

mod kernel;
mod random;
mod sim_directory;
mod sim_disk;
mod storage;

pub use random::Random;
pub use sim_directory::{SimDirectory, SimFile};
pub use sim_disk::{Plant, SimDisk, SimOptions, SimProcess, Step};
pub use storage::{
    CrashModel, CrashStates, NameOrder, Sizes, Storage, StorageOptions, Tree, TreeEntry,
};
