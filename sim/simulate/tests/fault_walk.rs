//! Every protocol of one process, while every call goes wrong in every way that it can: what it
//! reports is compared with what is there.

use std::num::NonZeroUsize;

use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_simulate::walk::{Action, FaultWalk, Faulted, Scene, Setting};

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

/// Walks the protocols of full durability that are chosen; `pairs` costs a hundred times as much.
/// All protocols at every durability, and all pairs, are cases of the command `simulate`.
fn walk(scene: &Scene, chosen: impl Fn(&Action) -> bool, pairs: bool) -> Faulted {
    let mut all = Faulted::default();
    let protocols = scene.protocols(Durability::Full);
    for action in protocols.into_iter().filter(chosen) {
        let walk = FaultWalk {
            scene,
            action: &action,
            pairs,
            power_cuts: !pairs,
        };
        let faulted = walk.walk().unwrap();
        if let Some(broken) = faulted.broken.first() {
            panic!("{} times, first {broken}", faulted.broken.len());
        }
        // A damaged archive is refused before the first call.
        let is_refused = matches!(action, Action::ImportDamaged { .. });
        assert!(is_refused || faulted.calls > 0 && faulted.singles > faulted.calls);
        all.add(faulted);
    }
    all
}

/// Whether it changes or reads one value, or ends the domain.
fn is_of_one(action: &Action) -> bool {
    action.slot().is_some() || action.ends_domain()
}

#[test]
fn no_single_fault_breaks_a_guarantee_and_no_power_cut_after_it() {
    let all = walk(&scene(NameFormat::Libxl), |_| true, false);
    assert!(all.failed > 0 && all.recovered > all.singles, "{all}");
    let all = walk(&full_scene(), is_of_one, false);
    assert!(all.failed > 0 && all.recovered > all.singles, "{all}");
}

#[test]
fn no_single_fault_in_a_tree_breaks_a_guarantee() {
    // With power cuts, and for what changes several values, they are cases of `simulate`.
    let scene = scene(NameFormat::Tree);
    let mut all = Faulted::default();
    let protocols = scene.protocols(Durability::Full);
    for action in protocols.into_iter().filter(is_of_one) {
        let walk = FaultWalk {
            scene: &scene,
            action: &action,
            pairs: false,
            power_cuts: false,
        };
        let faulted = walk.walk().unwrap();
        if let Some(broken) = faulted.broken.first() {
            panic!("{} times, first {broken}", faulted.broken.len());
        }
        all.add(faulted);
    }
    assert!(all.failed > 200 && all.singles > 1_000, "{all}");
}

#[test]
fn no_pair_of_faults_breaks_a_guarantee() {
    let is_of_one_value = |action: &Action| action.slot().is_some();
    let all = walk(&scene(NameFormat::Libxl), is_of_one_value, true);
    assert!(all.pairs > all.singles * 10, "{all}");
}

#[test]
fn chosen_faults_strike_one_after_another_until_no_call_is_left() {
    let scene = scene(NameFormat::Libxl);
    let mut all = Faulted::default();
    for action in scene.protocols(Durability::Full) {
        let walk = FaultWalk {
            scene: &scene,
            action: &action,
            pairs: false,
            power_cuts: true,
        };
        for choice in 0..16 {
            let faulted = walk.strike(&[choice; 4]).unwrap();
            if let Some(broken) = faulted.broken.first() {
                panic!("{broken}");
            }
            let is_refused = matches!(action, Action::ImportDamaged { .. });
            assert_eq!(faulted.singles, u64::from(!is_refused));
            assert!(faulted.pairs <= 1 && faulted.more <= 2);
            all.add(faulted);
        }
        assert_eq!(walk.strike(&[]).unwrap().singles, 0);
    }
    assert!(
        all.more > 100 && all.failed > 0 && all.recovered > 0,
        "{all}"
    );
}

#[test]
fn no_wrong_hypervisor_answer_breaks_a_guarantee() {
    for scene in [scene(NameFormat::Libxl), full_scene()] {
        let mut all = Faulted::default();
        let protocols = scene.protocols(Durability::Full);
        for action in protocols.into_iter().filter(is_of_one) {
            let walk = FaultWalk {
                scene: &scene,
                action: &action,
                pairs: true,
                power_cuts: false,
            };
            let misled = walk.walk_misled().unwrap();
            if let Some(broken) = misled.broken.first() {
                panic!("{} times, first {broken}", misled.broken.len());
            }
            all.add(misled);
        }
        assert!(all.singles > 200 && all.pairs > all.singles * 15, "{all}");
    }
}
