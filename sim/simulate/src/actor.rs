//! Actors: the tasks of simulated processes, and how each kind of program does them.
//!
//! A [`Task`] does not name an incarnation of a domain, because those that exist are known only
//! when its turn comes: [`Whose`] then selects one.

mod adversary;
mod directory;
mod host;
mod library;
mod libxl;
mod libxl_lock;
mod life;
mod performer;
mod recorder;
mod scheduled_process;
mod task;
mod threads;

pub use recorder::{Counts, Line};
pub use task::{Interference, LibxlRequest, Life, Request, Task, Whose};

pub(crate) use performer::{Performer, SharedStore, open_shared_store};
pub(crate) use recorder::Recorder;
pub(crate) use scheduled_process::ScheduledProcess;
pub(crate) use threads::Running;
