//! What is stored while the disk is watched: a sequence of changes that follows from a seed.

use userdata_sim::Random;

/// How many keys there are.
pub(crate) const KEYS: usize = 6;

/// So many of them, the first, have a value that was durable before the disk is watched.
pub(crate) const KEYS_BEFORE: usize = 3;

/// The version of a value from before.
pub(crate) const VERSION_BEFORE: u32 = 1;

/// How many changes are made.
pub(crate) const CHANGES: usize = 120;

/// One change of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: usize,
    /// What is stored, or `None` for a removal.
    pub(crate) stored: Option<Stored>,
}

/// A value by its version and length.
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
    fn a_seed_gives_the_same_changes_again_and_another_seed_others() {
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
