//! Deterministic simulation of the userdata store: crash states, schedules, faults.

mod call;
mod faults;
mod interposed;
mod kernel;
mod random;
mod sim_directory;
mod sim_disk;
mod storage;
mod trace;
mod walk;
mod without_syncs;

pub use call::{Answer, Call, CallKind};
pub use faults::{At, Fault, Faults, FaultyDirectory, How, every_fault};
pub use interposed::{Interceptor, Interposed, InterposedFile, Verdict};
pub use random::Random;
pub use sim_directory::{SimDirectory, SimFile};
pub use sim_disk::{Plant, SimDisk, SimOptions, SimProcess, Step};
pub use storage::{
    CrashModel, CrashStates, NameOrder, Sizes, Storage, StorageOptions, Tree, TreeEntry,
};
pub use trace::{Trace, Traced, TracingDirectory};
pub use walk::{
    Action, Broken, CrashWalk, FaultWalk, Faulted, Guarantee, Report, Scene, Setting, Slot,
    WalkError, Walked,
};
pub use without_syncs::WithoutSyncs;
