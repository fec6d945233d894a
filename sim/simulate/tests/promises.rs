//! Durable changes on a file system with promises beyond POSIX: one barrier, and one sync of many
//! files. Each walk is also made with a seeded bug, and on a disk that does not keep its promise.

use std::num::NonZeroUsize;

use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_fs::Promises;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::interpose::{CallKind, WithoutSyncs};
use userdata_simulate::walk::{Action, CrashWalk, FaultWalk, Guarantee, Scene, Setting, Walked};

/// How many states of one moment are walked; of more, this many are drawn.
const STATES_MAX: u128 = 1 << 6;

/// The same for a batch, which has many moments.
const STATES_OF_A_BATCH: u128 = 1 << 4;

fn scene(keeps: bool) -> Scene {
    scene_in(NameFormat::Libxl, keeps)
}

fn scene_in(format: NameFormat, keeps: bool) -> Scene {
    let setting = Setting {
        format,
        block: NonZeroUsize::new(4),
        full: false,
    };
    Scene::new(setting)
        .unwrap()
        .with_promises(Promises::ALL, keeps)
}

fn models() -> impl Iterator<Item = CrashModel> {
    [NameOrder::Journalled, NameOrder::Weak]
        .into_iter()
        .flat_map(|names| {
            [Sizes::FollowBytes, Sizes::Vary].map(|sizes| CrashModel { names, sizes })
        })
}

fn walk(scene: &Scene, action: &Action, model: CrashModel, bug: WithoutSyncs) -> Walked {
    let walk = CrashWalk {
        scene,
        actions: std::slice::from_ref(action),
        model,
        bug,
        states_max: match action {
            Action::Import { .. } | Action::StoreEach { .. } => STATES_OF_A_BATCH,
            _ => STATES_MAX,
        },
        seed: 1,
    };
    walk.walk().unwrap()
}

fn stores(scene: &Scene) -> [Action; 2] {
    ["xl", Scene::ABSENT].map(|userid| Action::Store {
        slot: scene.slot(userid),
        value: Scene::NEW.to_vec(),
        durability: Durability::Full,
    })
}

/// The batches of both layouts, each with its scene.
fn batches(durability: Durability) -> Vec<(Scene, Action)> {
    let scenes = [NameFormat::Libxl, NameFormat::Tree].map(|format| scene_in(format, true));
    let of_scene = |scene: Scene| {
        let batches = scene.batches(durability).into_iter();
        batches.map(move |batch| (scene.clone(), batch))
    };
    scenes.into_iter().flat_map(of_scene).collect()
}

fn makes(walked: &Walked, kind: CallKind) -> bool {
    walked.ended.keys().any(|(_, step)| *step == Some(kind))
}

/// The guarantee that some model finds broken.
fn broken(scene: &Scene, action: &Action, bug: WithoutSyncs) -> Vec<Option<Guarantee>> {
    models()
        .map(|model| {
            let walked = walk(scene, action, model, bug);
            walked.broken.first().map(|broken| broken.guarantee)
        })
        .collect()
}

#[test]
fn no_crash_of_a_store_with_one_barrier_breaks_a_guarantee() {
    let scene = scene(true);
    for model in models() {
        for action in scene.protocols(Durability::Full) {
            let walked = walk(&scene, &action, model, WithoutSyncs::default());
            if let Some(broken) = walked.broken.first() {
                panic!("{broken}");
            }
            if matches!(&action, Action::Store { value, .. } if !value.is_empty()) {
                assert!(makes(&walked, CallKind::WriteBack));
                assert!(!makes(&walked, CallKind::SyncFile) && !makes(&walked, CallKind::Sync));
            }
        }
    }
}

#[test]
fn a_store_that_does_not_write_back_is_found() {
    let scene = scene(true);
    let bug = WithoutSyncs {
        write_backs: true,
        ..WithoutSyncs::default()
    };
    for store in stores(&scene) {
        assert_eq!(broken(&scene, &store, bug), [Some(Guarantee::Atomic); 4]);
    }
}

#[test]
fn a_store_that_does_not_sync_after_the_rename_is_found() {
    let scene = scene(true);
    let bug = WithoutSyncs {
        files_and_names: true,
        ..WithoutSyncs::default()
    };
    for store in stores(&scene) {
        assert_eq!(
            broken(&scene, &store, bug),
            [Some(Guarantee::Durability); 4]
        );
    }
}

#[test]
fn a_file_system_that_breaks_its_promise_is_found() {
    let scene = scene(false);
    for store in stores(&scene) {
        let broken = broken(&scene, &store, WithoutSyncs::default());
        assert_eq!(broken, [Some(Guarantee::Atomic); 4]);
    }
}

#[test]
fn no_crash_of_a_batch_breaks_a_guarantee() {
    // The last model includes the others.
    for (durability, milder) in [(Durability::File, 3), (Durability::Full, 0)] {
        for (scene, batch) in batches(durability) {
            for model in models().skip(milder) {
                let walked = walk(&scene, &batch, model, WithoutSyncs::default());
                if let Some(broken) = walked.broken.first() {
                    panic!("{broken}");
                }
                assert!(makes(&walked, CallKind::SyncAll) && !makes(&walked, CallKind::SyncFile));
            }
        }
    }
}

#[test]
fn a_batch_that_does_not_sync_its_files_is_found() {
    let bug = WithoutSyncs {
        all: true,
        ..WithoutSyncs::default()
    };
    for (scene, batch) in batches(Durability::Full) {
        let broken = broken(&scene, &batch, bug);
        assert_eq!(broken, [Some(Guarantee::Atomic); 4], "{batch}");
    }
}

#[test]
fn a_batch_that_does_not_sync_the_directory_is_found() {
    let bug = WithoutSyncs {
        directories: true,
        ..WithoutSyncs::default()
    };
    for (scene, batch) in batches(Durability::Full) {
        let broken = broken(&scene, &batch, bug);
        assert_eq!(broken, [Some(Guarantee::Durability); 4], "{batch}");
    }
}

#[test]
fn no_fault_of_a_durable_change_breaks_a_guarantee() {
    let scene = scene(true);
    let stores = stores(&scene).map(|store| (scene.clone(), store));
    for (scene, action) in stores.into_iter().chain(batches(Durability::Full)) {
        let is_batch = !matches!(action, Action::Store { .. });
        let walk = FaultWalk {
            scene: &scene,
            action: &action,
            pairs: !is_batch,
            power_cuts: !is_batch,
        };
        let faulted = walk.walk().unwrap();
        if let Some(broken) = faulted.broken.first() {
            panic!("{} times, first {broken}", faulted.broken.len());
        }
        assert!(faulted.failed > 0, "{faulted}");
    }
}
