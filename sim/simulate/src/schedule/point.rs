//! `Point`: where a process may be kept waiting.

use std::time::Duration;

/// Where a process stands when another one may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before it does something that others may notice, or that shows it what they did.
    Step,
    /// It sleeps.
    Pause(Duration),
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
