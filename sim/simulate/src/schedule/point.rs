//! `Point`: where a process may be kept waiting.

use std::time::Duration;

use userdata_fs::Turn;

/// Where a process stands when another one may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before it does something that others may notice, or that shows it what they did.
    Step,
    /// It sleeps.
    Pause(Duration),
    /// It waits in line, at most for this long, until another thread of its process gives it this
    /// turn.
    Turn(Turn, Duration),
    /// It has ended.
    Over,
}

/// Waits until this process may go on. To be called by a process on a [`Stage`](super::Stage).
#[expect(
    deprecated,
    reason = "the scope that replaces it ends at the bottom of the stack, and this is called from \
              behind a `Directory`, which is 'static"
)]
pub(crate) fn reach(point: Point) {
    // A process that a panic unwinds takes no more turns.
    if !std::thread::panicking() {
        generator::yield_with(point);
    }
}
