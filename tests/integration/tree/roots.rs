//! The root of a tree: made, opened, and refused.

use std::fs;
use std::thread;

use userdata_core::store::{Operation, RootRefused, StoreError, StoreErrorKind};
use userdata_fs::{Directory as _, FileStore, OsDirectory};
use userdata_sim::faults::{At, Fault, Faults, How};
use userdata_sim::interpose::Interposed;
use userdata_sim::{Plant, SimDisk, SimOptions};
use userdata_testkit::Snapshot;

use super::{domain_path, name, open, owner, paths, process, put};
use crate::place::Place;

#[track_caller]
fn refusal<T>(result: Result<T, StoreError>) -> RootRefused {
    let error = result.err().expect("a root is refused");
    match error.kind() {
        StoreErrorKind::Root(refused) => refused.clone(),
        other => panic!("a root was refused as {other:?}"),
    }
}

fn open_at(path: &std::path::Path) -> Result<FileStore<OsDirectory>, StoreError> {
    let boot = "boot-1".parse().expect("the name of a boot");
    FileStore::open_tree(path, &owner(), &boot)
}

#[test]
fn a_tree_is_made_where_no_path_is() {
    let scratch = Place::Disk.scratch();
    let path = scratch.path().join("userdata");
    let store = open_at(&path).unwrap();
    put(&store, "xl", b"value").unwrap();
    let line = fs::read_to_string(path.join("tree")).unwrap();
    assert_eq!(line, "userdata-tree 1 host-1\n");
    assert!(path.join(domain_path()).join("d.xl").is_file());
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("tree")), 0o600);
    assert_eq!(mode(&path.join("trash")), 0o700);
    assert_eq!(mode(&path.join(domain_path())), 0o700);
    assert_eq!(mode(&path.join(domain_path()).join("d.xl")), 0o600);
    // Its parent must exist.
    let error = open_at(&scratch.path().join("a/b")).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::NoDirectory(_)));
}

#[test]
fn a_directory_with_other_files_does_not_become_a_tree() {
    let scratch = Place::Disk.scratch();
    fs::write(scratch.path().join("save"), "a domain").unwrap();
    let before = Snapshot::of(scratch.path()).unwrap();
    assert_eq!(refusal(open_at(scratch.path())), RootRefused::NotEmpty);
    assert_eq!(Snapshot::of(scratch.path()).unwrap(), before);
}

#[test]
fn a_tree_of_another_owner_is_refused() {
    let scratch = Place::Disk.scratch();
    open_at(scratch.path()).unwrap();
    let other = "host-2".parse().unwrap();
    let opened = FileStore::open_tree(scratch.path(), &other, &"boot-1".parse().unwrap());
    let expected = RootRefused::OwnedByAnother {
        found: "host-1".to_owned(),
        expected: "host-2".to_owned(),
    };
    assert_eq!(refusal(opened), expected);
}

#[test]
fn a_tree_of_an_unknown_format_is_refused() {
    for line in [
        "userdata-tree 2 host-1\n",
        "userdata-tree 1 host-1",
        "userdata-tree 1 host-1 more\n",
        "userdata-tree 1 \n",
        "tree 1 host-1\n",
        "",
        "\u{e9}\n",
    ] {
        let scratch = Place::Disk.scratch();
        fs::write(scratch.path().join("tree"), line).unwrap();
        let refused = refusal(open_at(scratch.path()));
        assert_eq!(refused, RootRefused::UnknownFormat, "{line:?}");
    }
}

#[test]
fn a_tree_is_not_opened_as_a_flat_layout() {
    let scratch = Place::Disk.scratch();
    open_at(scratch.path()).unwrap();
    assert_eq!(
        refusal(FileStore::open(scratch.path())),
        RootRefused::IsTree
    );
    // Anything else of this name belongs to another program.
    fs::write(scratch.path().join("tree"), "of another program").unwrap();
    FileStore::open(scratch.path()).unwrap();
    fs::remove_file(scratch.path().join("tree")).unwrap();
    fs::create_dir(scratch.path().join("tree")).unwrap();
    FileStore::open(scratch.path()).unwrap();
    fs::remove_dir(scratch.path().join("tree")).unwrap();
    std::os::unix::fs::symlink("nowhere", scratch.path().join("tree")).unwrap();
    FileStore::open(scratch.path()).unwrap();
}

#[test]
fn a_program_that_only_reads_makes_no_tree() {
    let scratch = Place::Disk.scratch();
    let find =
        |path: &std::path::Path| FileStore::find_tree(path, &owner(), &"boot-1".parse().unwrap());
    assert!(find(scratch.path()).unwrap().is_none());
    // What sweeps and a killed process left.
    for left in ["sightings.json", "sightings-tree.json", "tree.new"] {
        fs::write(scratch.path().join(left), "").unwrap();
    }
    let before = Snapshot::of(scratch.path()).unwrap();
    assert!(find(scratch.path()).unwrap().is_none());
    assert_eq!(Snapshot::of(scratch.path()).unwrap(), before);
    let absent = find(&scratch.path().join("absent")).unwrap_err();
    assert!(matches!(absent.kind(), StoreErrorKind::NoDirectory(_)));
    let store = open_at(scratch.path()).unwrap();
    put(&store, "xl", b"value").unwrap();
    let found = find(scratch.path()).unwrap().unwrap();
    assert_eq!(super::get(&found, "xl").as_deref(), Some(&b"value"[..]));
    let other = scratch.path().join("trash");
    fs::write(other.join("file"), "").unwrap();
    assert_eq!(refusal(find(&other)), RootRefused::NotEmpty);
}

#[test]
fn nfs_is_refused_because_it_cannot_lock_a_directory() {
    let mut options = SimOptions::default();
    options.nfs_locks = true;
    let disk = SimDisk::new(options);
    let root = disk.process().root().unwrap();
    let opened = FileStore::tree(root, &owner(), &"boot-1".parse().unwrap());
    assert_eq!(refusal(opened), RootRefused::Nfs);
    assert_eq!(paths(&disk), [""; 0]);
    // A tree that was made on the server.
    let root = disk.process().root().unwrap();
    let line = Plant::File(b"userdata-tree 1 host-1\n".to_vec());
    root.plant(name("tree"), line).unwrap();
    assert_eq!(refusal(put(&open(root), "xl", b"value")), RootRefused::Nfs);
}

#[test]
fn a_file_system_that_folds_case_is_refused() {
    let mut options = SimOptions::default();
    options.storage.folds_case = true;
    let root = SimDisk::new(options).process().root().unwrap();
    let error = FileStore::tree(root, &owner(), &"boot-1".parse().unwrap()).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::FoldsCase));
    assert_eq!(error.operation(), Operation::OpenStore);
}

#[test]
fn processes_that_make_one_tree_at_once_all_succeed() {
    for place in Place::all() {
        for _ in 0..20 {
            let scratch = place.scratch();
            let path = scratch.path().join("userdata");
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| open_at(&path).expect("a tree is made"));
                }
            });
            let snapshot = Snapshot::of(&path).unwrap();
            let names: Vec<&[u8]> = snapshot.names().collect();
            assert_eq!(names, [&b"trash"[..], b"tree"]);
        }
    }
}

#[test]
fn a_tree_that_was_not_finished_is_completed() {
    let disk = SimDisk::new(SimOptions::default());
    disk.record_steps();
    open(disk.process().root().unwrap());
    let steps = disk.take_steps();
    assert!(steps.len() >= 6, "{}", steps.len());
    for step in steps {
        let disk = SimDisk::boot(step.storage.killed(), SimOptions::default());
        let (_, store) = process(&disk);
        put(&store, "xl", b"value").unwrap();
        let tree = disk.tree();
        let line = tree.file(b"tree");
        assert_eq!(
            line,
            Some(&b"userdata-tree 1 host-1\n"[..]),
            "{}",
            step.call
        );
    }
}

#[test]
fn a_failure_while_a_tree_is_made_is_reported() {
    for number in 0.. {
        let disk = SimDisk::new(SimOptions::default());
        let errno = userdata_fs::Errno::IO;
        let fault = Fault {
            at: At::Call(number),
            how: How::Fails(errno),
        };
        let faults = Faults::new([fault]);
        let root = Interposed::new(disk.process().root().unwrap(), faults.clone());
        let opened = FileStore::tree(root, &owner(), &"boot-1".parse().unwrap());
        if faults.struck() == 0 {
            assert!(opened.is_ok());
            assert!(number > 8, "{number}");
            break;
        }
        // The next open completes it, whatever the first one left.
        open(disk.process().root().unwrap());
    }
}

#[test]
fn a_root_that_was_replaced_is_noticed() {
    let disk = SimDisk::new(SimOptions::default());
    let root = disk.process().root().unwrap();
    root.make_directory(name("root")).unwrap();
    let store = open(disk.process().directory(name("root")).unwrap());
    put(&store, "xl", b"value").unwrap();
    root.rename(name("root"), name("old")).unwrap();
    root.make_directory(name("root")).unwrap();
    let other = open(disk.process().directory(name("root")).unwrap());
    put(&other, "xl", b"other").unwrap();
    let error = put(&store, "xl", b"lost").unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DirectoryReplaced),
        "{error:?}"
    );
    let absent = userdata_core::Userid::new("absent").unwrap();
    let error = userdata_core::Store::get(&store, &super::domain(), &absent).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
}
