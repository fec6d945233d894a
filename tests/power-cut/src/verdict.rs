//! The values that each key may have after a power cut.

use serde::{Deserialize, Serialize};

use crate::workload::{Change, KEYS_BEFORE, VERSION_BEFORE};
use crate::write_log::Progress;

/// The value that was read for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Found {
    /// No value.
    Nothing,
    /// A whole value, by its version.
    Version(u32),
    /// An empty file.
    Empty,
    /// Bytes that are not a value: zeros, a part, or a mixture.
    Damaged,
    /// Any other error.
    Unreadable(String),
}

/// A fault of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// An older state, although a later change was acknowledged. It is allowed unless the store promises
    /// that acknowledged changes are durable.
    Lost,
    /// An empty file.
    Empty,
    /// Zeros, a part, or a mixture.
    Damaged,
    /// No value, although there always was one.
    Missing,
    /// A value that was not stored yet.
    Foreign,
    /// Another error.
    Unreadable,
}

impl Fault {
    /// Whether the fault is never allowed, whatever the store promises about acknowledged changes.
    pub(crate) fn is_bad(self) -> bool {
        self != Self::Lost
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Empty => "empty",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::Foreign => "foreign",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The fault of the value that was read for a key after a power cut at this point.
pub(crate) fn fault(
    changes: &[Change],
    progress: Progress,
    key: usize,
    found: &Found,
) -> Option<Fault> {
    let states = states(changes, key);
    let read = match found {
        Found::Nothing => None,
        Found::Version(version) => Some(*version),
        Found::Empty => return Some(Fault::Empty),
        Found::Damaged => return Some(Fault::Damaged),
        Found::Unreadable(_) => return Some(Fault::Unreadable),
    };
    let acknowledged = states
        .iter()
        .rposition(|state| state.after <= progress.acknowledged)
        .unwrap_or_default();
    let begun = states
        .iter()
        .take_while(|state| state.after <= progress.begun)
        .count();
    let is_at = |(at, state): (usize, &State)| (state.version == read).then_some(at);
    let last = states
        .iter()
        .take(begun)
        .enumerate()
        .filter_map(is_at)
        .next_back();
    match (last, read) {
        (Some(at), _) if at >= acknowledged => None,
        (Some(_), _) => Some(Fault::Lost),
        (None, None) => Some(Fault::Missing),
        (None, Some(_)) => Some(Fault::Foreign),
    }
}

/// The value of a key from some number of changes on.
#[derive(Clone, Copy, Debug)]
struct State {
    after: usize,
    version: Option<u32>,
}

fn states(changes: &[Change], key: usize) -> Vec<State> {
    let before = State {
        after: 0,
        version: (key < KEYS_BEFORE).then_some(VERSION_BEFORE),
    };
    let made = (1..)
        .zip(changes)
        .filter(|(_, change)| change.key == key)
        .map(|(after, change)| State {
            after,
            version: change.stored.map(|stored| stored.version),
        });
    std::iter::once(before).chain(made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Stored;

    const OLD: usize = 0;
    const NEW: usize = KEYS_BEFORE;

    fn store(key: usize, version: u32) -> Change {
        let stored = Some(Stored { version, len: 1000 });
        Change { key, stored }
    }

    fn remove(key: usize) -> Change {
        Change { key, stored: None }
    }

    fn at(begun: usize, acknowledged: usize) -> Progress {
        Progress {
            begun,
            acknowledged,
        }
    }

    #[test]
    fn the_last_acknowledged_state_or_a_later_begun_one_is_right() {
        let changes = [store(OLD, 2), store(NEW, 3), store(OLD, 4)];
        let version = |progress, version| fault(&changes, progress, OLD, &Found::Version(version));
        assert_eq!(version(at(0, 0), 1), None);
        assert_eq!(version(at(1, 0), 1), None);
        assert_eq!(version(at(1, 0), 2), None);
        assert_eq!(version(at(1, 1), 2), None);
        assert_eq!(version(at(3, 2), 4), None);
        assert_eq!(version(at(1, 1), 1), Some(Fault::Lost));
        assert_eq!(version(at(3, 3), 2), Some(Fault::Lost));
        assert_eq!(version(at(2, 2), 4), Some(Fault::Foreign));
        assert_eq!(version(at(2, 2), 9), Some(Fault::Foreign));
    }

    #[test]
    fn absence_is_right_before_the_first_store_and_after_a_removal() {
        let nothing =
            |changes: &[Change], progress, key| fault(changes, progress, key, &Found::Nothing);
        let stores = [store(NEW, 2)];
        assert_eq!(nothing(&stores, at(1, 0), NEW), None);
        assert_eq!(nothing(&stores, at(1, 1), NEW), Some(Fault::Lost));
        assert_eq!(nothing(&stores, at(1, 1), OLD), Some(Fault::Missing));
        let removes = [remove(OLD), store(OLD, 3)];
        assert_eq!(nothing(&removes, at(0, 0), OLD), Some(Fault::Missing));
        assert_eq!(nothing(&removes, at(1, 0), OLD), None);
        assert_eq!(nothing(&removes, at(1, 1), OLD), None);
        assert_eq!(nothing(&removes, at(2, 2), OLD), Some(Fault::Lost));
    }

    #[test]
    fn a_removed_value_that_comes_back_counts_as_lost() {
        let back = fault(&[remove(OLD)], at(1, 1), OLD, &Found::Version(1));
        assert_eq!(back, Some(Fault::Lost));
    }

    #[test]
    fn bytes_that_are_not_a_whole_value_are_bad_at_any_point() {
        for (found, expected) in [
            (Found::Empty, Fault::Empty),
            (Found::Damaged, Fault::Damaged),
            (Found::Unreadable("why".to_owned()), Fault::Unreadable),
        ] {
            assert_eq!(fault(&[], at(0, 0), OLD, &found), Some(expected));
            assert!(expected.is_bad());
        }
    }
}
