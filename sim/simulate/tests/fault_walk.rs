//! Every protocol of one process, while every call goes wrong in every way that it can: what it
//! reports is compared with what is there.

use std::num::NonZeroUsize;

use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_simulate::walk::{Action, FaultWalk, Faulted, Scene, Setting};

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

/// Walks all protocols; `pairs` costs a hundred times as much.
fn walk(scene: &Scene, durabilities: &[Durability], pairs: bool) -> Faulted {
    let mut all = Faulted::default();
    for durability in durabilities {
        for action in scene.protocols(*durability) {
            let is_of_several = matches!(
                action,
                Action::Import { .. } | Action::Carry { .. } | Action::Sweep { .. }
            );
            if is_of_several && (pairs || *durability != Durability::Full) {
                continue;
            }
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
    }
    all
}

#[test]
fn no_single_fault_breaks_a_guarantee_and_no_power_cut_after_it() {
    // The others at every durability are cases of the command `simulate`, as is the rest of what
    // changes several values.
    let scenes = [
        (scene(NameFormat::Libxl), &DURABILITIES[..]),
        (scene(NameFormat::Seed), &[Durability::Full]),
        (full_scene(), &[Durability::Full]),
    ];
    for (scene, durabilities) in scenes {
        let all = walk(&scene, durabilities, false);
        assert!(all.failed > 0 && all.recovered > all.singles, "{all}");
    }
}

#[test]
fn no_single_fault_in_a_tree_breaks_a_guarantee() {
    // With power cuts, and for what changes several values, they are cases of `simulate`.
    let scene = scene(NameFormat::Tree);
    let mut all = Faulted::default();
    let of_one = |action: &Action| action.slot().is_some() || action.ends_domain();
    for action in scene.protocols(Durability::Full).into_iter().filter(of_one) {
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
    let all = walk(&scene(NameFormat::Libxl), &[Durability::Full], true);
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
        for action in scene.protocols(Durability::Full) {
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
        assert!(all.singles > 300 && all.pairs > all.singles * 15, "{all}");
    }
}
