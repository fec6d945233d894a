//! Shrinking: from something that fails to the smallest of its kind that still does.

use crate::actor::Task;
use crate::scenario::{Process, Scenario, Then};

/// Something that can be made smaller.
pub trait Reducible: Sized {
    /// Everything smaller that one step makes of it, the smallest first, and always the same.
    fn reductions(&self) -> Vec<Self>;
}

/// The result of shrinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk<T> {
    /// The smallest found that still fails. Unless the tries ran out, no reduction of it fails.
    pub smallest: T,
    /// How many reductions were tried.
    pub tries: u64,
}

/// Removes as much as possible of something that `fails`, by delta debugging: continues with the
/// first reduction that still fails, until none does or `tries_max` were tried. If `fails` is
/// deterministic, so is the result.
pub fn shrink<T: Reducible>(
    failing: T,
    tries_max: u64,
    mut fails: impl FnMut(&T) -> bool,
) -> Shrunk<T> {
    let (mut smallest, mut tries) = (failing, 0);
    loop {
        let left = tries_max.saturating_sub(tries);
        let mut reductions = smallest.reductions().into_iter();
        let smaller = reductions
            .by_ref()
            .take(usize::try_from(left).unwrap_or(usize::MAX))
            .find(|smaller| {
                tries += 1;
                fails(smaller)
            });
        match smaller {
            Some(smaller) => smallest = smaller,
            None => return Shrunk { smallest, tries },
        }
    }
}

/// The list without some of its items: without each half, each quarter, and so on to each single
/// one.
pub fn without_chunks<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> {
    let sizes = std::iter::successors(Some(items.len()), |size| Some(size / 2));
    sizes.take_while(|size| *size > 0).flat_map(move |size| {
        (0..items.len()).step_by(size).map(move |at| {
            let (head, tail) = items.split_at_checked(at).unwrap_or((items, &[]));
            [head, tail.get(size..).unwrap_or_default()].concat()
        })
    })
}

impl Reducible for Scenario {
    /// Without processes, domains, tasks, kills, faults, wrong answers, the power cut, what comes
    /// after it.
    fn reductions(&self) -> Vec<Self> {
        let mut reductions = Vec::new();
        let mut with = |change: &mut dyn FnMut(&mut Self)| {
            let mut smaller = self.clone();
            change(&mut smaller);
            if smaller != *self {
                reductions.push(smaller);
            }
        };
        for processes in without_chunks(&self.processes) {
            with(&mut |smaller| smaller.processes.clone_from(&processes));
        }
        with(&mut |smaller| smaller.then = None);
        with(&mut |smaller| smaller.power_cut = None);
        with(&mut |smaller| smaller.reset = None);
        with(&mut |smaller| smaller.capacity = None);
        for domains in without_chunks(&self.domains) {
            with(&mut |smaller| smaller.domains.clone_from(&domains));
        }
        for (at, process) in self.processes.iter().enumerate() {
            for reduced in process.reductions() {
                with(&mut |smaller| {
                    if let Some(process) = smaller.processes.get_mut(at) {
                        process.clone_from(&reduced);
                    }
                });
            }
        }
        let then = self.then.iter().flat_map(|then| {
            let smaller = then.scenario.reductions().into_iter();
            smaller.map(|scenario| Then {
                scenario,
                ..(**then).clone()
            })
        });
        let then = then.map(|then| Self {
            then: Some(Box::new(then)),
            ..self.clone()
        });
        reductions.extend(then);
        reductions
    }
}

impl Reducible for Process {
    fn reductions(&self) -> Vec<Self> {
        let tasks = without_chunks(&self.tasks).map(|tasks: Vec<Task>| Self {
            tasks,
            ..self.clone()
        });
        let lifetimes = self.kill.map(|_| Self {
            kill: None,
            ..self.clone()
        });
        let faults = without_chunks(&self.faults).map(|faults| Self {
            faults,
            ..self.clone()
        });
        let misanswers = without_chunks(&self.misanswers).map(|misanswers| Self {
            misanswers,
            ..self.clone()
        });
        tasks
            .chain(lifetimes)
            .chain(faults)
            .chain(misanswers)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Items(Vec<u32>);

    impl Reducible for Items {
        fn reductions(&self) -> Vec<Self> {
            without_chunks(&self.0).map(Items).collect()
        }
    }

    #[test]
    fn what_is_left_is_what_it_takes() {
        let all = Items((0..100).collect());
        let needs = |items: &Items| [17, 18, 63].iter().all(|needed| items.0.contains(needed));
        let shrunk = shrink(all.clone(), u64::MAX, needs);
        assert_eq!(shrunk.smallest, Items(vec![17, 18, 63]));
        assert!(shrunk.tries < 150, "{}", shrunk.tries);
        assert_eq!(shrink(all, u64::MAX, needs), shrunk, "always the same");
    }

    #[test]
    fn tries_are_bounded() {
        let shrunk = shrink(Items((0..100).collect()), 5, |items| items.0.contains(&99));
        assert_eq!(shrunk.tries, 5);
    }

    #[test]
    fn chunks_are_left_out_from_large_to_small() {
        let left: Vec<Vec<u32>> = without_chunks(&[1, 2, 3]).collect();
        let expected = [vec![], vec![2, 3], vec![1, 3], vec![1, 2]];
        assert_eq!(left, expected);
    }
}
