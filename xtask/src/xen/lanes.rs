//! Does the same work for several releases, three at a time: on two processors that ends sooner
//! than two and then one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use super::release::Release;
use crate::progress::{Lane, Screen};

const AT_ONCE: usize = 3;

/// Does `work` for each release, and returns the results in their order.
pub(super) fn each<T: Send>(
    releases: &[Release],
    screen: &Screen,
    work: impl Fn(Release, &Lane) -> Result<T> + Sync,
) -> Vec<(Release, Result<T>)> {
    let waiting: Mutex<VecDeque<Release>> = Mutex::new(releases.iter().copied().collect());
    let done = Mutex::new(Vec::new());
    // Not in the loop's own line, where the lock would be held for as long as the work takes.
    let next = || lock(&waiting).pop_front();
    let worker = || {
        while let Some(release) = next() {
            let result = work(release, &screen.lane(&format!("xen {release}")));
            lock(&done).push((release, result));
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(releases.len()) {
            scope.spawn(worker);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(release, _)| releases.iter().position(|one| one == release));
    done
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
