//! `Queue`: decides which case is run next.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::case::{Case, Family};

/// The cases that are still to be run: the exhaustive families one after the other, then those with
/// faults and those with seeds, side by side and with the same share of the time.
#[derive(Debug)]
pub(crate) struct Queue {
    exhaustive: Vec<(Family, Numbers)>,
    seeded: BTreeMap<Family, Seeds>,
}

#[derive(Debug)]
struct Seeds {
    left: Numbers,
    /// How long threads worked on this family.
    busy: f64,
}

/// The numbers of cases that are still to be run: those from the start on, then those before it.
#[derive(Debug)]
struct Numbers {
    first: Range<u64>,
    then: Range<u64>,
}

impl Numbers {
    fn of(all: Range<u64>, start: u64) -> Self {
        let start = start.clamp(all.start, all.end);
        Self {
            first: start..all.end,
            then: all.start..start,
        }
    }

    fn next(&mut self) -> Option<u64> {
        self.first.next().or_else(|| self.then.next())
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.then.is_empty()
    }
}

impl Queue {
    /// Families with the number of their cases, `None` if there is one for every seed. Families
    /// with numbered cases begin with the case `start`.
    pub(crate) fn new(
        families: impl IntoIterator<Item = (Family, Option<u64>)>,
        seeds: &Range<u64>,
        start: u64,
    ) -> Self {
        let (mut exhaustive, mut seeded) = (Vec::new(), BTreeMap::new());
        for (family, count) in families {
            // Faults take long, and must not make histories begin late.
            let is_long = matches!(family, Family::Fault | Family::Pair);
            match count {
                Some(count) if !is_long => {
                    exhaustive.push((family, Numbers::of(0..count, start)));
                }
                _ => {
                    let seeds = || Numbers::of(seeds.clone(), seeds.start);
                    let left = count.map_or_else(seeds, |count| Numbers::of(0..count, start));
                    seeded.insert(family, Seeds { left, busy: 0.0 });
                }
            }
        }
        Self { exhaustive, seeded }
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Option<Case> {
        for (family, left) in &mut self.exhaustive {
            if let Some(number) = left.next() {
                let family = *family;
                return Some(Case { family, number });
            }
        }
        let left = self
            .seeded
            .iter_mut()
            .filter(|(_, seeds)| !seeds.left.is_empty());
        let (family, seeds) = left.min_by(|(_, a), (_, b)| a.busy.total_cmp(&b.busy))?;
        let (family, number) = (*family, seeds.left.next()?);
        Some(Case { family, number })
    }

    /// Notes how long a case of this family took.
    pub(crate) fn took(&mut self, family: Family, seconds: f64) {
        if let Some(seeds) = self.seeded.get_mut(&family) {
            seeds.busy += seconds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_histories_have_the_same_share_of_the_time() {
        let families = [
            (Family::Crash, Some(2)),
            (Family::Fault, Some(93)),
            (Family::History, None),
        ];
        let mut queue = Queue::new(families, &(7..100), 0);
        let mut run = BTreeMap::new();
        for _ in 0..35 {
            let case = queue.next().unwrap();
            let seconds = if case.family == Family::Fault {
                10.0
            } else {
                1.0
            };
            queue.took(case.family, seconds);
            run.entry(case.family)
                .or_insert_with(Vec::new)
                .push(case.number);
        }
        assert_eq!(run[&Family::Crash], [0, 1]);
        assert_eq!(run[&Family::Fault], [0, 1, 2]);
        assert_eq!(run[&Family::History], (7..37).collect::<Vec<_>>());
    }

    #[test]
    fn every_seed_has_its_turn_in_the_end() {
        let families = [(Family::Fault, Some(5)), (Family::History, None)];
        let mut queue = Queue::new(families, &(0..5), 3);
        let all = std::iter::from_fn(|| {
            let case = queue.next()?;
            queue.took(case.family, 1.0 + case.number as f64);
            Some(case)
        });
        assert_eq!(all.count(), 10);
    }

    #[test]
    fn numbered_cases_begin_where_they_are_told_to() {
        let families = [(Family::Crash, Some(5)), (Family::Schedule, Some(2))];
        let mut queue = Queue::new(families, &(0..5), 3);
        let numbers: Vec<u64> = std::iter::from_fn(|| Some(queue.next()?.number)).collect();
        assert_eq!(numbers, [3, 4, 0, 1, 2, 0, 1]);
    }
}
