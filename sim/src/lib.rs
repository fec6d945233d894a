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
//! * [`CrashWalk`] and [`FaultWalk`] stop or disturb one process at every point, recover with the
//!   real code, and hold what is there against the guarantees.
//! * A [`Scenario`] is several processes on one host: users of this library, real libxl with its
//!   defects, a toolstack that lets domains live and die, a stranger. Who of them runs next is up to
//!   [`Choices`]: [`Seeded`], [`Exhaustive`], from [`Bytes`] or [`Recorded`]. What came of it is a
//!   [`Run`].
//! * [`Checker`] holds a [`History`] of several processes against the guarantees, and says why it
//!   is wrong; [`CrashCheck`] does so with what a power cut leaves of it; [`shrink`] makes what
//!   fails small.
//!
//! # What a power cut may do
//!
//! Changes of names that were not synced survive up to some point, or in any subset
//! ([`NameOrder`]). A rename is one change, also between directories, and durable when either was
//! synced. The blocks of a file that was not synced survive in any subset; its size follows them or
//! is any that it had ([`Sizes`]). A sync of a file does not make its name durable, nor one of a
//! directory the bytes of the files in it.
//!
//! # What is walked, and what is not
//!
//! [`CrashWalk`] and [`FaultWalk`] know one process, the flat layouts, and values of a few blocks:
//! every crash state of every protocol, every fault of the directory and every wrong answer of the
//! hypervisor, alone and in pairs.
//!
//! Schedules know libxl's layout. Somebody else may run before every call of the directory and
//! every question to the hypervisor; only those of which nobody else can know anything (the time, a
//! random number, the number of the process, a name that was read along with others) are no such
//! points. [`Exhaustive`] walks all schedules up to a bound on preemptions, kills and power cuts,
//! for two or three processes with one or two operations each; a preemption is that somebody is
//! kept from going on who could. [`Seeded`] draws schedules of any size, and finds what needs many
//! preemptions only by luck. A sleeper wakes when his time has come on a clock that moves with the
//! steps, or, drawn by chance, when the others are taken for slow; an exhaustive walk does not take
//! them for slow, so that deadlines pass in it only when nobody else can run. One process has one
//! thread. Real libxl is written from its source of Xen 4.22: its calls in its order, its lock,
//! its defects L1 to L3, how it destroys; not what it does besides userdata, and it follows no
//! symbolic links here. No incarnation (domid and uuid) comes back within one boot, and the host
//! does not reboot.
//!
//! Bits that rot, sectors
//! that are torn within a block, and disks that lie about a flush are not simulated; neither are
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

mod actor;
mod call;
mod checker;
mod faults;
mod history;
mod history_text;
mod interposed;
mod kernel;
mod misanswer;
mod random;
mod scenario;
mod schedule;
mod shrink;
mod sim_directory;
mod sim_disk;
mod storage;
mod trace;
mod walk;
mod without_syncs;

pub use actor::{Counts, LibxlRequest, Life, Line, Mischief, Request, Task, Whose};
pub use call::{Answer, Call, CallKind};
pub use checker::{
    Checked, Checker, Complaint, CrashCheck, CrashChecked, HostImage, Involved, MalformedHistory,
    Tally,
};
pub use faults::{At, Fault, Faults, FaultyDirectory, How, every_fault};
pub use history::{
    Disturbance, Event, History, LibxlBug, LibxlCall, Operation, OperationId, ProcessId, Reply,
};
pub use interposed::{Interceptor, Interposed, InterposedFile, Verdict};
pub use misanswer::Misanswer;
pub use random::Random;
pub use scenario::{Mix, MixError, Process, Role, Run, Scenario, ScenarioError, Tracing};
pub use schedule::{
    Bounds, Bytes, Choice, Choices, Decision, Ending, Exhaustive, Moment, Recorded, Seeded,
};
pub use shrink::{Reducible, Shrunk, shrink, without_chunks};
pub use sim_directory::{SimDirectory, SimFile};
pub use sim_disk::{Plant, SimDisk, SimOptions, SimProcess, Step};
pub use storage::{
    CrashModel, CrashStates, NameOrder, Sizes, Storage, StorageOptions, Tree, TreeEntry,
};
pub use trace::{Trace, Traced, TracingDirectory};
pub use walk::{
    Action, ActionKind, Broken, CrashWalk, Cut, End, Ended, FaultWalk, Faulted, Guarantee,
    Incident, Report, Scene, Setting, Slot, WalkError, Walked,
};
pub use without_syncs::WithoutSyncs;
