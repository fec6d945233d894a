//! If real libxl fails to take the lock, it unlinks the lock file of the lock holder.

use userdata_core::store::StoreErrorKind;

use crate::scene::{AT_ONCE, Scene, userid};

fn break_lock(scene: &Scene) {
    assert!(scene.lock_path().exists());
    assert_eq!(scene.actor(&["break-lock"]).end(), ["broken"]);
    assert!(!scene.lock_path().exists());
}

#[test]
fn nothing_is_stored_under_a_lock_that_libxl_broke() {
    let scene = Scene::new();
    scene.put(&userid("xl"), b"old").unwrap();
    let mut holder = scene.actor(&["hold", "xl", "under a broken lock"]);
    holder.expect("held");
    break_lock(&scene);
    holder.tell("go on");
    holder.expect("LockLost { applied: false }");
    assert_eq!(
        scene.get(userid("xl").as_userid()).as_deref(),
        Some(&b"old"[..])
    );
    assert_eq!(scene.others(), [], "the temporary file goes");
    holder.end();
}

#[test]
fn a_holder_that_lost_its_lock_leaves_the_next_lock_file() {
    let scene = Scene::new();
    let mut first = scene.actor(&["hold", "xl", "of the first"]);
    first.expect("held");
    break_lock(&scene);
    let mut second = scene.actor(&["hold", "xl", "of the second"]);
    second.expect("held");
    let held = scene.snapshot();
    first.tell("go on");
    first.expect("LockLost { applied: false }");
    assert_eq!(scene.snapshot().changed_since(&held), [""; 0]);
    // The second process still has the lock, and every other one waits for it.
    let error = scene
        .put_within(AT_ONCE, &userid("xl"), b"of a third")
        .unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. }),
        "{error:?}"
    );
    second.tell("go on");
    second.expect("stored");
    assert_eq!(
        scene.get(userid("xl").as_userid()).as_deref(),
        Some(&b"of the second"[..])
    );
    assert_eq!(scene.others(), []);
    first.end();
    second.end();
}

#[test]
fn values_stay_whole_while_libxl_keeps_breaking_the_lock() {
    use userdata_tests::{is_whole, sealed};
    let (scene, xl) = (Scene::new(), userid("xl"));
    scene.put(&xl, &sealed(0, 0)).unwrap();
    let reader = scene.actor(&["read", "xl"]);
    reader.expect("ready");
    let mut lost = 0;
    for round in 0..200 {
        let breaking = std::thread::scope(|scope| {
            let breaking = scope.spawn(|| std::fs::remove_file(scene.lock_path()).is_ok());
            let rival = scope.spawn(|| scene.put(&xl, &sealed(2, round)).map(drop));
            let stored = [
                scene.put(&xl, &sealed(1, round)).map(drop),
                rival.join().unwrap(),
            ];
            for error in stored.into_iter().filter_map(Result::err) {
                assert!(
                    matches!(error.kind(), StoreErrorKind::LockLost { .. }),
                    "{error:?}"
                );
                lost += 1;
            }
            breaking.join().unwrap()
        });
        assert!(
            is_whole(&scene.get(xl.as_userid()).unwrap()),
            "in round {round}, broken: {breaking}"
        );
    }
    reader.end();
    // The lock can be taken again, and no lock file is left.
    scene
        .put_within(std::time::Duration::from_secs(10), &xl, b"at last")
        .unwrap();
    assert_eq!(scene.others(), [], "after {lost} times");
}
