//! A hostile directory, in which other programs make files under the store's names and similar
//! ones.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    Clash, Cleared, Condition, Done, Durability, Expect, FileType, Keep, Op, StoreError,
    StoreErrorKind, Transfer,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};
use userdata_testkit::Snapshot;
use userdata_testkit::hostile::Hostile;
use userdata_testkit::strategies::{self, Change, Edit, HOT_DOMAINS};

use crate::place::skipped;
use crate::scene::{PATIENT, Scene, userid};

/// After this time a wait counts as endless.
const STUCK: Duration = Duration::from_secs(120);

/// Runs `work`, and ends the process if it waits for ever, as an open of a pipe may do.
fn bounded<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let (send, done) = channel();
        let worker = scope.spawn(move || {
            let result = work();
            let _ = send.send(());
            result
        });
        if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = done.recv_timeout(STUCK) {
            // The thread can't be ended, and the scope would wait for it.
            skipped("everything else", "the store waits for ever");
            std::process::abort();
        }
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn a_folder_at_the_target_is_found_before_the_first_value_moves() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |domain: DomainKey, userid: &str| {
        let name = format!("userdata-d.{domain}.{userid}");
        scratch.path().join(name)
    };
    let [from, to] = [HOT_DOMAINS[0], HOT_DOMAINS[1]];
    for userid in ["a", "b"] {
        fs::write(path(from, userid), userid).unwrap();
    }
    fs::create_dir(path(to, "b")).unwrap();
    let store = FileStore::open(scratch.path()).unwrap();
    for clash in [Clash::Refuse, Clash::Replace, Clash::Keep] {
        let all = |_: &_| true;
        let transfer = Transfer::new(from, to, &all).with_clash(clash);
        let refused = store.transfer(&transfer, STUCK, &mut |_, _| Ok(()));
        assert!(matches!(
            refused.unwrap_err().kind(),
            StoreErrorKind::NotRegular(FileType::Directory)
        ));
        assert!(path(from, "a").exists() && !path(to, "a").exists());
    }
}

/// A directory beside the hostile one. Links lead there.
struct Outside(TempDir);

impl Outside {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("secret"), "not yours").unwrap();
        Self(scratch)
    }

    fn secret(&self) -> Vec<u8> {
        let path: PathBuf = self.0.path().join("secret");
        path.into_os_string().into_encoded_bytes()
    }

    fn unborn(&self) -> Vec<u8> {
        let path: PathBuf = self.0.path().join("unborn");
        path.into_os_string().into_encoded_bytes()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.0.path()).unwrap()
    }
}

fn all(outside: &Outside) -> Vec<Hostile> {
    vec![
        Hostile::Link(outside.secret()),
        Hostile::Link(outside.unborn()),
        Hostile::Link(b".".to_vec()),
        Hostile::Link(b"circle".to_vec()),
        Hostile::Fifo,
        Hostile::Socket,
        Hostile::Device,
        Hostile::Directory,
        Hostile::FullDirectory,
        Hostile::Huge(1 << 40),
        Hostile::Empty,
    ]
}

/// Calls `check` for each hostile file under `name`, each in a fresh directory, and panics if the
/// target of a link changes.
fn with_each(name: impl Fn(&Scene) -> FileName, check: impl Fn(&Scene, &Hostile) + Sync) {
    let outside = Outside::new();
    let before = outside.snapshot();
    for hostile in all(&outside) {
        let scene = Scene::new();
        fs::write(scene.path().join("bystander"), "foreign").unwrap();
        Hostile::Link(b"circle".to_vec())
            .plant(scene.path(), b"circle")
            .unwrap();
        if !hostile
            .plant(scene.path(), name(&scene).as_bytes())
            .unwrap()
        {
            skipped(&format!("{hostile:?}"), "it can't be planted here");
            continue;
        }
        let foreign = |snapshot: Snapshot| {
            snapshot.without(|name| FileName::parse(NameFormat::Libxl, name).is_some())
        };
        let bystanders = foreign(scene.snapshot());
        bounded(|| check(&scene, &hostile));
        assert_eq!(
            foreign(scene.snapshot()).changed_since(&bystanders),
            [""; 0],
            "{hostile:?}"
        );
        assert_eq!(
            outside.snapshot().changed_since(&before),
            [""; 0],
            "{hostile:?}"
        );
    }
}

fn data(scene: &Scene) -> FileName {
    FileName::data(NameFormat::Libxl, &scene.domain, userid("xl").as_userid()).unwrap()
}

/// Panics unless an error reports the type of the file.
#[track_caller]
fn assert_told(hostile: &Hostile, error: &StoreError) {
    let told = match (hostile, error.kind()) {
        (Hostile::Huge(bytes), StoreErrorKind::LimitExceeded { limit, size }) => {
            (*limit, size) == (FileStore::<OsDirectory>::VALUE_MAX, bytes)
        }
        (Hostile::Empty, StoreErrorKind::Empty) => true,
        (_, StoreErrorKind::NotRegular(file_type)) => *file_type == hostile.file_type(),
        _ => false,
    };
    assert!(told, "{hostile:?} is reported as {error:?}");
}

fn is_directory(hostile: &Hostile) -> bool {
    hostile.file_type() == FileType::Directory
}

fn delete(userid: &WritableUserid) -> Op<'_> {
    Op::Delete {
        userid: userid.as_userid(),
        expect: Expect::Any,
        durability: Durability::Full,
    }
}

fn change(scene: &Scene, op: Op<'_>) -> Result<Done, StoreError> {
    let done = scene
        .store
        .change(&scene.domain, PATIENT, &mut |_| Ok(()), &[op]);
    done.map(|mut done| done.pop().unwrap())
}

fn clear(scene: &Scene, keep: Keep) -> Cleared {
    let durability = Durability::Full;
    match change(scene, Op::Clear { keep, durability }) {
        Ok(Done::Cleared(cleared)) => cleared,
        other => panic!("a clear answered {other:?}"),
    }
}

#[test]
fn a_file_that_is_not_a_value_is_reported_and_not_read() {
    with_each(data, |scene, hostile| {
        let (xl, before) = (userid("xl"), scene.snapshot());
        assert_told(
            hostile,
            &scene.store.get(&scene.domain, xl.as_userid()).unwrap_err(),
        );
        let condition = match hostile.file_type() {
            FileType::Regular if *hostile == Hostile::Empty => Condition::Empty,
            FileType::Regular => Condition::Whole,
            other => Condition::NotRegular(other),
        };
        let stat = scene
            .store
            .stat(&scene.domain, xl.as_userid())
            .unwrap()
            .unwrap();
        assert_eq!(stat.condition, condition);
        let listed = scene.store.list(&scene.domain).unwrap();
        assert_eq!(listed, std::slice::from_ref(&stat));
        let mut found = Vec::new();
        let scanned = scene.store.scan(&mut |record| {
            found.push(record.entry);
            ControlFlow::Continue(())
        });
        scanned.unwrap();
        assert_eq!(found, [stat]);
        assert_eq!(scene.snapshot().changed_since(&before), [""; 0]);
    });
}

#[test]
fn a_store_replaces_anything_but_a_directory() {
    with_each(data, |scene, hostile| {
        let (xl, before) = (userid("xl"), scene.snapshot());
        match scene.put(&xl, b"value") {
            Ok(done) => {
                let [Done::Stored { displaced, .. }] = done[..] else {
                    panic!("{done:?}")
                };
                assert!(!is_directory(hostile));
                // The answer reports a file of another type, although the file is replaced.
                let regular = matches!(hostile, Hostile::Huge(_) | Hostile::Empty);
                assert_eq!(displaced.is_some(), !regular, "{displaced:?}");
                assert_eq!(scene.get(xl.as_userid()).as_deref(), Some(&b"value"[..]));
            }
            Err(error) => {
                assert!(is_directory(hostile));
                assert_told(hostile, &error);
                assert_eq!(error.left_behind(), None);
                assert_eq!(scene.snapshot().changed_since(&before), [""; 0]);
            }
        }
        assert_eq!(scene.others(), []);
    });
}

#[test]
fn a_file_that_is_not_a_value_is_neither_absent_nor_a_version() {
    with_each(data, |scene, hostile| {
        let (xl, before) = (userid("xl"), scene.snapshot());
        let version = userdata_core::Version::of(b"not yours");
        for expect in [Expect::Absent, Expect::Version(version)] {
            let durability = Durability::Process;
            let put = Op::Put {
                userid: &xl,
                data: NonEmpty::new(b"value").unwrap(),
                expect,
                durability,
            };
            let delete = Op::Delete {
                userid: xl.as_userid(),
                expect,
                durability,
            };
            assert_told(hostile, &change(scene, put).unwrap_err());
            assert_told(hostile, &change(scene, delete).unwrap_err());
        }
        assert_eq!(scene.snapshot().changed_since(&before), [""; 0]);
    });
}

#[test]
fn a_removal_removes_anything_but_a_directory() {
    with_each(data, |scene, hostile| {
        let before = scene.snapshot();
        match change(scene, delete(&userid("xl"))) {
            Ok(done) => {
                assert!(matches!(done, Done::Removed { .. }) && !is_directory(hostile));
                assert_eq!(scene.store.list(&scene.domain).unwrap(), []);
            }
            Err(error) => {
                assert!(is_directory(hostile));
                assert_told(hostile, &error);
                assert_eq!(scene.snapshot().changed_since(&before), [""; 0]);
            }
        }
    });
}

#[test]
fn a_clear_reports_the_files_that_it_cannot_remove() {
    with_each(data, |scene, hostile| {
        scene.put(&userid("other"), b"value").unwrap();
        let cleared = clear(scene, Keep::Nothing);
        let failed = usize::from(is_directory(hostile));
        assert_eq!(
            (cleared.removed.len(), cleared.failed.len()),
            (2 - failed, failed)
        );
        for error in &cleared.failed {
            assert_told(hostile, error);
            assert_eq!(error.file(), data(scene).as_bytes());
        }
        assert_eq!(scene.store.list(&scene.domain).unwrap().len(), failed);
    });
}

#[test]
fn a_lock_that_is_not_a_file_is_reported_and_left_alone() {
    let lock = |scene: &Scene| FileName::lock(NameFormat::Libxl, &scene.domain);
    with_each(lock, |scene, hostile| {
        let (xl, before) = (userid("xl"), scene.snapshot());
        match scene.put(&xl, b"value") {
            // A regular file of any size is a lock file.
            Ok(_) => {
                assert_eq!(hostile.file_type(), FileType::Regular);
                assert_eq!(scene.others(), []);
            }
            Err(error) => {
                assert_told(hostile, &error);
                assert_eq!(scene.get(xl.as_userid()), None);
                assert_eq!(scene.snapshot().changed_since(&before), [""; 0]);
            }
        }
    });
}

#[test]
fn a_closing_mark_that_is_not_a_file_closes_nothing() {
    let marker = |scene: &Scene| FileName::closing_marker(NameFormat::Libxl, &scene.domain);
    with_each(marker, |scene, hostile| {
        let (xl, before) = (userid("xl"), scene.snapshot());
        assert!(!scene.is_closing());
        scene.put(&xl, b"value").unwrap();
        match scene.store.close(&scene.domain, PATIENT, &mut |_| Ok(())) {
            Ok(mark) => {
                assert_eq!(hostile.file_type(), FileType::Regular);
                assert!(scene.is_closing());
                mark.reopen(PATIENT).unwrap();
                assert_eq!(scene.others(), []);
            }
            Err(error) => {
                assert_told(hostile, &error);
                let marker = marker(scene).to_string();
                assert_eq!(scene.snapshot().get(&marker), before.get(&marker));
            }
        }
        assert!(!scene.is_closing());
        clear(scene, Keep::Nothing);
        let left = scene.others().len();
        assert_eq!(left, usize::from(is_directory(hostile)));
    });
}

/// Plants the files that a strategy drew, except those that can't be planted here.
fn plant(
    scene: &Scene,
    entries: BTreeMap<Vec<u8>, Hostile>,
) -> io::Result<BTreeMap<Vec<u8>, Hostile>> {
    let mut planted = BTreeMap::new();
    for (name, hostile) in entries {
        if hostile.plant(scene.path(), &name)? {
            planted.insert(name, hostile);
        }
    }
    Ok(planted)
}

/// A placeholder for the directory outside, because each case has its own.
const OUTSIDE: &[u8] = b"/outside";

fn is_ours(name: &[u8]) -> bool {
    FileName::parse(NameFormat::Libxl, name).is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// For any files in a directory and any changes: the store never waits for ever, stored values
    /// are read back, and no file outside or under another program's name changes.
    #[test]
    fn names_of_other_programs_are_left_alone_in_any_directory(
        entries in strategies::hostile_directories(OUTSIDE.to_vec(), 12),
        changes in proptest::collection::vec(strategies::change(), 1..12),
    ) {
        let (scene, outside) = (Scene::new(), Outside::new());
        let entries = entries.into_iter().map(|(name, hostile)| match hostile {
            Hostile::Link(to) if to == OUTSIDE => (name, Hostile::Link(outside.secret())),
            other => (name, other),
        });
        let planted = plant(&scene, entries.collect()).unwrap();
        let (foreign, beyond) = (scene.snapshot().without(is_ours), outside.snapshot());
        bounded(|| {
            for step in &changes {
                let changed = step.apply(&scene.store);
                check(&scene, step, changed.err().as_ref());
            }
            for &key in HOT_DOMAINS {
                let everything = Change::new(key, Edit::Clear(Keep::Nothing));
                check(&scene, &everything, everything.apply(&scene.store).err().as_ref());
            }
        });
        let after = scene.snapshot();
        prop_assert_eq!(after.clone().without(is_ours).changed_since(&foreign), [""; 0]);
        prop_assert_eq!(outside.snapshot().changed_since(&beyond), [""; 0]);
        // The remaining files of the store's are directories, and files that a directory in the
        // place of the lock kept from removal.
        let blocked: Vec<DomainKey> = planted
            .iter()
            .filter_map(|(name, hostile)| {
                let name = FileName::parse(NameFormat::Libxl, name)?;
                let key = name.owner().key()?;
                let is_lock = name == FileName::lock(NameFormat::Libxl, &key);
                (is_lock && hostile.file_type() != FileType::Regular).then_some(key)
            })
            .collect();
        for name in after.names().filter(|name| is_ours(name)) {
            let key = FileName::parse(NameFormat::Libxl, name).and_then(|name| name.owner().key());
            let stays = planted.get(name).is_some_and(is_directory);
            prop_assert!(stays || blocked.contains(&key.unwrap()), "{:?}", name.escape_ascii());
        }
    }
}

/// Panics unless the state is right after a change that succeeded or failed.
fn check(scene: &Scene, step: &Change, error: Option<&StoreError>) {
    match (error.map(StoreError::kind), &step.edit) {
        (None, Edit::Put(userid, data)) => {
            let value = scene
                .store
                .get(&step.domain, userid.as_userid())
                .unwrap()
                .unwrap();
            assert_eq!(value.as_bytes(), data);
        }
        (None, Edit::Delete(userid)) => {
            assert_eq!(
                scene.store.get(&step.domain, userid.as_userid()).unwrap(),
                None
            );
        }
        // Another file is in the place of the value, the lock or the closing mark.
        (None, _) | (Some(StoreErrorKind::NotRegular(_)), _) => {}
        (Some(other), _) => panic!("{step:?} failed as {other:?}"),
    }
}
