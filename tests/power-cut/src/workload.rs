//! The workload: a sequence of changes, which depends on a seed.

use userdata_sim::random::Random;

/// The number of keys.
pub(crate) const KEYS: usize = 6;

/// The number of keys, the first ones, that have a durable value before the log begins.
pub(crate) const KEYS_BEFORE: usize = 3;

/// The version of a value from before.
pub(crate) const VERSION_BEFORE: u32 = 1;

/// The number of changes.
pub(crate) const CHANGES: usize = 120;

/// One change of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: usize,
    /// The stored value, or `None` for a removal.
    pub(crate) stored: Option<Stored>,
}

/// The version and length of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) version: u32,
    pub(crate) len: usize,
}

/// The changes of this seed, in order. Every version is stored once.
pub(crate) fn changes(seed: u64) -> Vec<Change> {
    let mut random = Random::new(seed);
    let mut below = |bound: usize| random.below(bound as u128) as usize;
    let change = |version| {
        let (key, removal, len) = (below(KEYS), below(6) == 0, 500 + below(18_000));
        Change {
            key,
            stored: (!removal).then_some(Stored { version, len }),
        }
    };
    (VERSION_BEFORE + 1..).take(CHANGES).map(change).collect()
}

/// The length of a value from before.
pub(crate) const fn len_before(key: usize) -> usize {
    3000 + key * 2700
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_depend_on_the_seed_alone() {
        assert_eq!(changes(1), changes(1));
        assert_ne!(changes(1), changes(2));
    }

    #[test]
    fn every_key_is_stored_removed_and_stored_again() {
        for seed in 0..20 {
            let changes = changes(seed);
            for key in 0..KEYS {
                let kinds: Vec<bool> = changes
                    .iter()
                    .filter(|change| change.key == key)
                    .map(|change| change.stored.is_some())
                    .collect();
                assert!(kinds.len() > 3, "seed {seed}, key {key}: {kinds:?}");
            }
            assert!(changes.iter().any(|change| change.stored.is_none()));
        }
    }
}
