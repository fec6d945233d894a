//! A store that stays open while its path comes to lead to another directory.

use std::fs;
use std::ops::ControlFlow;

use userdata_core::Store as _;
use userdata_core::store::{Durability, Expect, Op, StoreError, StoreErrorKind, Transfer};
use userdata_fs::FileStore;

use crate::exhausted::on_a_tmpfs;
use crate::scene::{PATIENT, Scene, userid};

/// A store in a directory of its own that a test may move away.
fn scene() -> Scene {
    let mut scene = Scene::new();
    let path = scene.path().join("userdata");
    fs::create_dir(&path).unwrap();
    scene.store = FileStore::open(&path).unwrap();
    scene
}

/// The errors of a read of an absent value, a listing, a scan and a change.
fn errors(scene: &Scene) -> [StoreError; 4] {
    let (store, domain) = (&scene.store, &scene.domain);
    [
        store.get(domain, userid("absent").as_userid()).unwrap_err(),
        store.list(domain).unwrap_err(),
        store.scan(&mut |_| ControlFlow::Continue(())).unwrap_err(),
        scene.put(&userid("xl"), b"new").unwrap_err(),
    ]
}

#[test]
fn a_removed_directory_is_never_one_without_data() {
    let scene = scene();
    scene.put(&userid("xl"), b"old").unwrap();
    fs::remove_dir_all(scene.path().join("userdata")).unwrap();
    for error in errors(&scene) {
        assert!(
            matches!(error.kind(), StoreErrorKind::NoDirectory(_)),
            "{error:?}"
        );
    }
}

#[test]
fn a_directory_made_anew_is_not_taken_for_the_old_one() {
    let scene = scene();
    let path = scene.path().join("userdata");
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let read = scene.store.get(&scene.domain, userid("xl").as_userid());
    let error = read.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
    scene.put(&userid("xl"), b"new").unwrap_err();
    assert!(fs::read_dir(&path).unwrap().next().is_none());
}

#[test]
fn a_directory_moved_away_is_changed_no_more() {
    let scene = scene();
    let (path, old) = (scene.path().join("userdata"), scene.path().join("old"));
    fs::rename(&path, &old).unwrap();
    fs::create_dir(&path).unwrap();
    for error in errors(&scene) {
        assert!(
            matches!(error.kind(), StoreErrorKind::DirectoryReplaced),
            "{error:?}"
        );
    }
    for directory in [path, old] {
        assert!(fs::read_dir(directory).unwrap().next().is_none());
    }
}

/// A tree that a test may move away, with one value.
fn tree() -> Scene {
    let mut scene = scene();
    let path = scene.path().join("userdata");
    let (owner, boot) = ("host-1".parse().unwrap(), "boot-1".parse().unwrap());
    scene.store = FileStore::open_tree(path, &owner, &boot).unwrap();
    scene.put(&userid("xl"), b"old").unwrap();
    scene
}

/// The errors of changes that find nothing to do, or that only look before they change.
fn errors_of_changes(scene: &Scene) -> Vec<StoreError> {
    let (store, domain) = (&scene.store, &scene.domain);
    let mut errors = Vec::from(errors(scene));
    let to = "6.11111111-2222-3333-4444-abcdef555555".parse().unwrap();
    let transfer = Transfer::new(*domain, to, &|_| true);
    let moved = store.transfer(&transfer, PATIENT, &mut |_, _| Ok(()));
    errors.push(moved.unwrap_err());
    let closed = store.close(domain, PATIENT, &mut |_| Ok(()));
    errors.push(closed.map(drop).unwrap_err());
    let absent = userid("absent");
    let delete = Op::Delete {
        userid: absent.as_userid(),
        expect: Expect::Any,
        durability: Durability::Process,
    };
    let deleted = store.change(domain, PATIENT, &mut |_| Ok(()), &[delete]);
    errors.push(deleted.unwrap_err());
    errors
}

#[test]
fn a_tree_whose_root_is_replaced_is_used_no_more() {
    let scene = tree();
    let (path, old) = (scene.path().join("userdata"), scene.path().join("old"));
    fs::rename(&path, &old).unwrap();
    fs::create_dir(&path).unwrap();
    for error in errors_of_changes(&scene) {
        assert!(
            matches!(
                error.kind(),
                StoreErrorKind::DirectoryReplaced | StoreErrorKind::NoDirectory(_)
            ),
            "{error:?}"
        );
    }
    assert!(fs::read_dir(path).unwrap().next().is_none());
}

#[test]
fn a_tree_whose_boot_is_replaced_is_used_no_more() {
    let scene = tree();
    let root = scene.path().join("userdata");
    let boot = root.join("boot-boot-1");
    fs::rename(&boot, root.join("boot-old")).unwrap();
    fs::create_dir(&boot).unwrap();
    for error in errors_of_changes(&scene) {
        assert!(
            matches!(error.kind(), StoreErrorKind::DirectoryReplaced),
            "{error:?}"
        );
    }
    assert!(fs::read_dir(boot).unwrap().next().is_none());
}

#[test]
fn a_directory_that_is_mounted_over_is_changed_no_more() {
    if let Some(said) = on_a_tmpfs("mode=700", "", &["mounted-over"]) {
        assert_eq!(said, ["done"]);
    }
}
