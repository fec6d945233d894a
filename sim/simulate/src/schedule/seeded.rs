//! `Seeded`: choices that follow from a number.

use super::{Choice, Choices, Moment};
use crate::history::ProcessId;
use userdata_sim::random::Random;

/// Priorities change within this many steps: about as many as a run has.
const HORIZON: u64 = 4_000;

/// When another process gets its turn, one time in this many it is one that still sleeps.
const EARLY_ONE_IN: u64 = 16;

/// Choices drawn by chance, in one of several styles, so that processes run on for a while, hardly
/// ever, or very long.
#[derive(Clone, Debug)]
pub struct Seeded {
    random: Random,
    style: Style,
}

#[derive(Clone, Debug)]
enum Style {
    /// Another process gets its turn in one of so many steps.
    Turns { one_in: u64 },
    /// The first process in this order runs, and at some steps it moves to the end of the order.
    /// This finds orderings of few constraints best (probabilistic concurrency testing).
    Priorities {
        order: Vec<ProcessId>,
        /// From the last to the first.
        changes: Vec<u64>,
    },
}

impl Seeded {
    /// The choices of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let style = match random.draw() % 8 {
            0 | 1 => {
                let mut changes: Vec<u64> = (0..=random.draw() % 24)
                    .map(|_| random.draw() % HORIZON)
                    .collect();
                changes.sort_unstable_by(|a, b| b.cmp(a));
                Style::Priorities {
                    order: Vec::new(),
                    changes,
                }
            }
            exponent => Style::Turns {
                one_in: 1 << (exponent - 1),
            },
        };
        Self { random, style }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.random.draw().is_multiple_of(count)
    }

    fn pick(&mut self, from: &[ProcessId]) -> Option<ProcessId> {
        let number = self.random.draw().checked_rem(from.len() as u64)?;
        from.get(usize::try_from(number).ok()?).copied()
    }
}

impl Choices for Seeded {
    fn choose(&mut self, moment: &Moment<'_>) -> Choice {
        let Moment { step, current, .. } = *moment;
        let turn = match &mut self.style {
            Style::Turns { one_in } => {
                let one_in = *one_in;
                current.is_none() || self.one_in(one_in)
            }
            Style::Priorities { order, changes } => {
                for id in moment.ready {
                    if !order.contains(id) {
                        let place = self.random.draw() % (order.len() as u64 + 1);
                        order.insert(usize::try_from(place).unwrap_or_default(), *id);
                    }
                }
                if changes.pop_if(|at| *at <= step).is_some()
                    && let Some(current) = current
                {
                    order.retain(|id| *id != current);
                    order.push(current);
                }
                let first = order.iter().find(|id| moment.ready.contains(id)).copied();
                return Choice::Run(first.unwrap_or_else(|| moment.go_on()));
            }
        };
        if !turn {
            return Choice::Run(moment.go_on());
        }
        let early = !moment.asleep.is_empty() && self.one_in(EARLY_ONE_IN);
        let from = if early { moment.asleep } else { moment.ready };
        Choice::Run(self.pick(from).unwrap_or_else(|| moment.go_on()))
    }
}
