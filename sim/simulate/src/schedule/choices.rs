//! `Choices`: where it comes from who runs next, who is killed, and when the power fails.

use crate::history::ProcessId;

/// Decides at every step of a run. The same answers to the same moments give the same run, to the
/// byte.
pub trait Choices {
    /// What happens next.
    fn choose(&mut self, moment: &Moment<'_>) -> Choice;
}

/// A moment in which a choice is made. Somebody is ready or asleep.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Moment<'a> {
    /// How many steps were made before.
    pub step: u64,
    /// Who made the last one, and how many he has made.
    pub last: Option<(ProcessId, u64)>,
    /// Who made the last one, if he can go on.
    pub current: Option<ProcessId>,
    /// Who can make the next one, in order of their numbers.
    pub ready: &'a [ProcessId],
    /// Who sleeps, in the order in which they will wake. To let one of them run makes the clock
    /// advance: the others were slow.
    pub asleep: &'a [ProcessId],
}

/// What happens next. To let somebody run who can't is the same as to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// He makes a step.
    Run(ProcessId),
    /// He is killed.
    Kill(ProcessId),
    /// The power fails.
    CutPower,
}

impl Moment<'_> {
    /// Who runs if nothing is to be decided: who ran before, else the first who can, else the
    /// first who wakes.
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
