//! Crash points: actions, the moment of a crash, and the writes that survive it.

use arbitrary::{Arbitrary, Unstructured};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::interpose::WithoutSyncs;
use userdata_simulate::walk::{Broken, CrashWalk, Cut};

use crate::walks::{Act, Place};

/// The most actions of an input. Each multiplies the states that may survive.
const ACTIONS_MAX: usize = 4;

/// The most power cuts of an input.
const CUTS_MAX: usize = 8;

#[derive(Arbitrary, Debug)]
struct Crash {
    place: Place,
    weak_names: bool,
    sizes_vary: bool,
    acts: Vec<Act>,
    cuts: Vec<(u16, u64)>,
}

/// Neither a killed process nor a power cut breaks a guarantee.
pub fn crashes(data: &[u8]) {
    if let Some(broken) = find(data, WithoutSyncs::default()) {
        panic!("{broken}");
    }
}

/// The guarantee that a store with this bug breaks.
fn find(data: &[u8], bug: WithoutSyncs) -> Option<Broken> {
    let crash = Crash::arbitrary(&mut Unstructured::new(data)).ok()?;
    let scene = crash.place.scene();
    let mut actions = Vec::new();
    for act in crash.acts.iter().take(ACTIONS_MAX) {
        let action = act.action(&scene);
        // No action on the domain is possible after it ended.
        let is_last = action.ends_domain();
        actions.push(action);
        if is_last {
            break;
        }
    }
    let cuts = crash.cuts.iter().take(CUTS_MAX);
    let cuts: Vec<Cut> = cuts
        .map(|(moment, state)| Cut {
            moment: usize::from(*moment),
            state: u128::from(*state),
        })
        .collect();
    let walk = CrashWalk {
        scene: &scene,
        actions: &actions,
        model: crash.model(),
        bug,
        states_max: 0,
        seed: 0,
    };
    match walk.make_cuts(&cuts) {
        Ok(walked) => walked.broken.into_iter().next(),
        Err(error) => panic!("the walk did not begin: {error}"),
    }
}

impl Crash {
    fn model(&self) -> CrashModel {
        CrashModel {
            names: match self.weak_names {
                true => NameOrder::Weak,
                false => NameOrder::Journalled,
            },
            sizes: match self.sizes_vary {
                true => Sizes::Vary,
                false => Sizes::FollowBytes,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use userdata_simulate::walk::Guarantee;

    use super::*;

    /// The guarantees that the committed inputs find broken.
    fn found(bug: WithoutSyncs) -> BTreeSet<Guarantee> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/crashes");
        let inputs = fs::read_dir(corpus).unwrap().map(Result::unwrap);
        inputs
            .filter_map(|input| find(&fs::read(input.path()).unwrap(), bug))
            .map(|broken| broken.guarantee)
            .collect()
    }

    #[test]
    fn the_corpus_finds_a_store_that_does_not_sync_the_file() {
        let (files, directories) = (true, false);
        let found = found(WithoutSyncs {
            files,
            directories,
            ..WithoutSyncs::default()
        });
        assert!(found.contains(&Guarantee::Atomic), "{found:?}");
    }

    #[test]
    fn the_corpus_finds_a_change_that_does_not_sync_the_directory() {
        let (files, directories) = (false, true);
        let found = found(WithoutSyncs {
            files,
            directories,
            ..WithoutSyncs::default()
        });
        assert!(found.contains(&Guarantee::Durability), "{found:?}");
    }
}
