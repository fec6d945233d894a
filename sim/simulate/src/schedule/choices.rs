//! `Choices`: decides which process runs next, which is killed, and when the power fails.

use crate::history::ProcessId;

/// Decides at every step of a run. The same answers to the same moments give the same run, to the
/// byte.
pub trait Choices {
    /// What happens next.
    fn choose(&mut self, moment: &Moment<'_>) -> Choice;
}

/// A moment in which a choice is made. At least one process is ready or asleep.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Moment<'a> {
    /// How many steps were made before.
    pub step: u64,
    /// The process that made the last one, and how many it has made.
    pub last: Option<(ProcessId, u64)>,
    /// The process that made the last one, if it can go on.
    pub current: Option<ProcessId>,
    /// The processes that can make the next one, in order of their numbers.
    pub ready: &'a [ProcessId],
    /// The processes that sleep, in the order in which they will wake. To let one of them run
    /// makes the clock advance, as if the others were slow. A thread that waits in line is not
    /// among them, unless no other process can run.
    pub asleep: &'a [ProcessId],
}

/// What happens next. To choose a process that can't run is the same as to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// This process makes a step.
    Run(ProcessId),
    /// This process is killed.
    Kill(ProcessId),
    /// The power fails.
    CutPower,
}

impl Moment<'_> {
    /// The process that runs if nothing is to be decided: the one that ran before, else the first
    /// that can, else the first that wakes.
    #[must_use]
    pub fn go_on(&self) -> ProcessId {
        let next = self.current.as_ref().or_else(|| self.ready.first());
        next.or_else(|| self.asleep.first())
            .copied()
            .unwrap_or(ProcessId(0))
    }

    /// The choice, or to go on if it can't be.
    pub(crate) fn possible(&self, choice: Choice) -> Choice {
        match choice {
            Choice::Run(id) if !self.ready.contains(&id) && !self.asleep.contains(&id) => {
                Choice::Run(self.go_on())
            }
            choice => choice,
        }
    }
}

impl<C: Choices + ?Sized> Choices for &mut C {
    fn choose(&mut self, moment: &Moment<'_>) -> Choice {
        (**self).choose(moment)
    }
}
