//! Every protocol of one process, stopped after every step in every way: what is left is recovered
//! from with the real code, whether the domains come back or not.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::interpose::WithoutSyncs;
use userdata_sim::random::Random;
use userdata_simulate::walk::{Action, CrashWalk, Cut, Guarantee, Scene, Setting, Walked};

const DURABILITIES: [Durability; 3] = [Durability::Process, Durability::File, Durability::Full];

fn scene(format: NameFormat) -> Scene {
    scene_of(format, false)
}

/// The files are named as libxl does, on a tmpfs where no other one fits.
fn full_scene() -> Scene {
    scene_of(NameFormat::Libxl, true)
}

fn scene_of(format: NameFormat, full: bool) -> Scene {
    let block = NonZeroUsize::new(4);
    let setting = Setting {
        format,
        block,
        full,
    };
    Scene::new(setting).unwrap()
}

fn models() -> impl Iterator<Item = CrashModel> {
    [NameOrder::Journalled, NameOrder::Weak]
        .into_iter()
        .flat_map(|names| {
            [Sizes::FollowBytes, Sizes::Vary].map(|sizes| CrashModel { names, sizes })
        })
}

fn walk(scene: &Scene, actions: &[Action], model: CrashModel, bug: WithoutSyncs) -> Walked {
    let walk = CrashWalk {
        scene,
        actions,
        model,
        bug,
        states_max: u128::MAX,
        seed: 0,
    };
    walk.walk().unwrap()
}

#[test]
fn no_crash_of_any_protocol_breaks_a_guarantee() {
    // Any subset of names includes the prefixes, and sizes that vary those that follow the bytes.
    let model = CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    };
    let mut all = Walked::default();
    let full = &[Durability::Full][..];
    // All of them at every durability are cases of the command `simulate`.
    let scenes = [
        (scene(NameFormat::Libxl), &DURABILITIES[..]),
        (scene(NameFormat::Seed), full),
        (full_scene(), full),
        (scene(NameFormat::Tree), full),
        (scene_of(NameFormat::Tree, true), full),
    ];
    for (scene, durabilities) in scenes {
        for durability in durabilities.iter().copied() {
            for action in scene.protocols(durability) {
                let walked = walk(&scene, &[action], model, WithoutSyncs::default());
                if let Some(broken) = walked.broken.first() {
                    panic!("{:?}: {broken}", scene.setting());
                }
                all.add(walked);
            }
        }
    }
    assert!(all.states > 10_000 && all.recovered > 2_000, "{all}");
}

#[test]
fn a_store_that_does_not_sync_the_file_is_found() {
    let bug = WithoutSyncs {
        files: true,
        directories: false,
        ..WithoutSyncs::default()
    };
    for format in [NameFormat::Libxl, NameFormat::Seed] {
        let scene = scene(format);
        for durability in [Durability::File, Durability::Full] {
            for (model, userid) in models().flat_map(|m| ["xl", Scene::ABSENT].map(|u| (m, u))) {
                let store = Action::Store {
                    slot: scene.slot(userid),
                    value: Scene::NEW.to_vec(),
                    durability,
                };
                let walked = walk(&scene, &[store], model, bug);
                let broken = walked.broken.first().map(|broken| broken.guarantee);
                assert_eq!(broken, Some(Guarantee::Atomic), "{model:?}");
            }
        }
    }
}

#[test]
fn a_change_that_does_not_sync_the_directory_is_found() {
    let bug = WithoutSyncs {
        files: false,
        directories: true,
        ..WithoutSyncs::default()
    };
    let scene = scene(NameFormat::Libxl);
    let before = scene.protocols(Durability::Full);
    for model in models() {
        for action in &before {
            let there = |userid: &str| action.effect_on(&scene.slot(userid));
            let changes = Scene::USERIDS.iter().any(|userid| there(userid).is_some())
                || there(Scene::ABSENT).is_some_and(|value| value.is_some());
            let walked = walk(&scene, std::slice::from_ref(action), model, bug);
            let broken = walked.broken.first().map(|broken| broken.guarantee);
            assert_eq!(broken, changes.then_some(Guarantee::Durability), "{action}");
        }
    }
}

#[test]
fn a_chosen_cut_is_one_of_those_that_a_walk_makes() {
    let scene = scene(NameFormat::Libxl);
    let store = [Action::Store {
        slot: scene.slot("xl"),
        value: Scene::NEW.to_vec(),
        durability: Durability::Full,
    }];
    let model = CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    };
    for files in [false, true] {
        let bug = WithoutSyncs {
            files,
            directories: false,
            ..WithoutSyncs::default()
        };
        let all = walk(&scene, &store, model, bug);
        let walk = CrashWalk {
            scene: &scene,
            actions: &store,
            model,
            bug,
            states_max: 0,
            seed: 0,
        };
        let mut broken = BTreeSet::new();
        let moments = usize::try_from(all.steps).unwrap() + 2;
        // Beyond the last moment and the last state it begins anew.
        for moment in 0..2 * moments {
            for state in [0, 1, 2, 3, u128::MAX] {
                let made = walk.make_cuts(&[Cut { moment, state }]).unwrap();
                assert_eq!((made.kills, made.states, made.steps), (1, 1, all.steps));
                broken.extend(made.broken.iter().map(|broken| broken.guarantee));
            }
        }
        assert_eq!(broken.is_empty(), !files, "{broken:?}");
        assert!(all.broken.iter().all(|b| broken.contains(&b.guarantee)));
    }
}

#[test]
fn no_crash_in_a_longer_history_breaks_a_guarantee() {
    let scene = scene(NameFormat::Libxl);
    let mut all = Walked::default();
    for seed in 0..16 {
        let mut random = Random::new(seed);
        let actions: Vec<Action> = (0..6)
            .map(|_| {
                let durability = pick(&mut random, &DURABILITIES);
                loop {
                    let action = pick(&mut random, &scene.protocols(durability));
                    if !action.ends_domain() {
                        break action;
                    }
                }
            })
            .collect();
        for model in models() {
            let walk = CrashWalk {
                scene: &scene,
                actions: &actions,
                model,
                bug: WithoutSyncs::default(),
                states_max: 8,
                seed,
            };
            let walked = walk.walk().unwrap();
            if let Some(broken) = walked.broken.first() {
                panic!("seed {seed}: {broken}");
            }
            all.add(walked);
        }
    }
    assert!(all.kills > 1_000 && all.recovered > 5_000, "{all}");
}

fn pick<T: Clone>(random: &mut Random, of: &[T]) -> T {
    let at = random.below(of.len() as u128);
    of[usize::try_from(at).unwrap()].clone()
}
