//! Actors: what a simulated process does, in its own words.
//!
//! A [`Task`] names no incarnation of a domain, because which ones there are is known only when it
//! is its turn; [`Whose`] says which one it means by then.

mod directory;
mod host;
mod library;
mod libxl;
mod libxl_lock;
mod life;
mod performer;
mod recorder;
mod seat;
mod stranger;
mod task;

pub use recorder::{Counts, Line};
pub use task::{LibxlRequest, Life, Mischief, Request, Task, Whose};

pub(crate) use performer::Performer;
pub(crate) use recorder::Recorder;
pub(crate) use seat::Seat;
