//! Schedules: several simulated processes, and which of them runs next.

mod bytes;
mod choices;
mod exhaustive;
mod point;
mod recorded;
mod seeded;
mod stage;

pub use bytes::Bytes;
pub use choices::{Choice, Choices, Moment};
pub use exhaustive::{Bounds, Exhaustive};
pub use recorded::{Decision, Recorded};
pub use seeded::Seeded;
pub use stage::Ending;

pub(crate) use point::{Point, reach};
pub(crate) use stage::{Player, Stage};
