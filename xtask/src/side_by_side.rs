//! Does the same work for several things, some at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` for each item, `at_once` of them at a time, and returns the results in the order of
/// the items.
pub(crate) fn each<I: Sync, T: Send>(
    items: &[I],
    at_once: usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<(&I, T)> {
    let waiting: Mutex<VecDeque<(usize, &I)>> = Mutex::new(items.iter().enumerate().collect());
    let done = Mutex::new(Vec::new());
    // Not in the loop's own line, where the lock would be held for as long as the work takes.
    let next = || lock(&waiting).pop_front();
    let worker = || {
        while let Some((place, item)) = next() {
            let result = work(item);
            lock(&done).push((place, (item, result)));
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            scope.spawn(worker);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        // The first two wait for each other, so they are done at the same time.
        let both = Barrier::new(2);
        let done = each(&[3, 2, 1], 2, |item| {
            if *item > 1 {
                both.wait();
            }
            item * 10
        });
        assert_eq!(done, [(&3, 30), (&2, 20), (&1, 10)]);
        assert!(each(&[0; 0], 2, |item| *item).is_empty());
    }
}
