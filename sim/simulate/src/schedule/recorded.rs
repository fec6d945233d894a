//! `Recorded`: the choices of another run, made again.

use std::collections::{BTreeMap, VecDeque};

use super::{Choice, Choices, Moment};
use crate::history::ProcessId;

/// A choice that was not the one to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The step after which it was made, by its process and number, counted from one; `None` at the
    /// beginning.
    pub after: Option<(ProcessId, u64)>,
    /// The choice.
    pub choice: Choice,
}

/// Makes [`Decision`]s again. In a smaller scenario than the one that they come from, it makes
/// those that are still possible. With fewer decisions it is a simpler schedule.
#[derive(Clone, Debug)]
pub struct Recorded(BTreeMap<Option<(ProcessId, u64)>, VecDeque<Choice>>);

impl Recorded {
    /// The schedule of these decisions.
    #[must_use]
    pub fn new(decisions: &[Decision]) -> Self {
        let mut all: BTreeMap<_, VecDeque<_>> = BTreeMap::new();
        for Decision { after, choice } in decisions {
            all.entry(*after).or_default().push_back(*choice);
        }
        Self(all)
    }
}

impl Choices for Recorded {
    fn choose(&mut self, moment: &Moment<'_>) -> Choice {
        let choices = self.0.get_mut(&moment.last);
        let choice = choices.and_then(VecDeque::pop_front);
        choice.unwrap_or_else(|| Choice::Run(moment.go_on()))
    }
}
