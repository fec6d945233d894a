//! `Exhaustive`: every schedule there is, up to a bound.

use super::{Choice, Choices, Moment};

/// How much a schedule may disturb the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// How often a process that could go on may be kept waiting. A change of process because one
    /// has ended or sleeps is not counted.
    pub preemptions: u32,
    /// How many processes may be killed, each at any point.
    pub kills: u32,
    /// Whether the power may be cut, at any point.
    pub power_cut: bool,
}

/// Walks all schedules within [`Bounds`], depth first: one for each time that
/// [`Exhaustive::begin`] says that there is another.
///
/// A process that sleeps runs when no other can, or when its time has come.
#[derive(Clone, Debug)]
pub struct Exhaustive {
    bounds: Bounds,
    /// The choices of this schedule where there was one.
    path: Vec<Fork>,
    /// How many of them were repeated so far.
    depth: usize,
    preemptions: u32,
    kills: u32,
    walked: u64,
}

#[derive(Clone, Copy, Debug)]
struct Fork {
    taken: usize,
    of: usize,
}

impl Exhaustive {
    /// All schedules within these bounds.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            path: Vec::new(),
            depth: 0,
            preemptions: 0,
            kills: 0,
            walked: 0,
        }
    }

    /// Begins the next schedule; false if there is none left.
    pub fn begin(&mut self) -> bool {
        if self.walked > 0 {
            while self.path.pop_if(|fork| fork.taken + 1 == fork.of).is_some() {}
            let Some(fork) = self.path.last_mut() else {
                return false;
            };
            fork.taken += 1;
        }
        (self.depth, self.preemptions, self.kills) = (0, 0, 0);
        self.walked += 1;
        true
    }

    /// How many schedules were begun.
    #[must_use]
    pub const fn walked(&self) -> u64 {
        self.walked
    }

    fn take(&mut self, of: usize) -> usize {
        if of < 2 {
            return 0;
        }
        if self.depth == self.path.len() {
            self.path.push(Fork { taken: 0, of });
        }
        let taken = self.path.get(self.depth).map_or(0, |fork| fork.taken);
        self.depth += 1;
        taken
    }
}

impl Choices for Exhaustive {
    fn choose(&mut self, moment: &Moment<'_>) -> Choice {
        let going_on = moment.go_on();
        let preempts = moment.current.is_some();
        let others = if preempts && self.preemptions == self.bounds.preemptions {
            0
        } else {
            moment.ready.iter().filter(|id| **id != going_on).count()
        };
        let kills = usize::from(self.kills < self.bounds.kills);
        let cuts = usize::from(self.bounds.power_cut);
        let taken = self.take(1 + others + kills + cuts);
        if taken == 0 {
            return Choice::Run(going_on);
        }
        let mut others_ready = moment.ready.iter().filter(|id| **id != going_on);
        if taken <= others {
            self.preemptions += u32::from(preempts);
            let other = others_ready.nth(taken - 1).copied().unwrap_or(going_on);
            return Choice::Run(other);
        }
        if taken <= others + kills {
            self.kills += 1;
            return Choice::Kill(going_on);
        }
        Choice::CutPower
    }
}
