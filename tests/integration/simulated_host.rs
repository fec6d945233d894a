//! The store on a simulated host: NFS, a quota, folded case, sizes that no memory holds.

use std::time::{Duration, Instant};

use userdata_core::store::{Durability, Expect, Op, StoreErrorKind};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _};
use userdata_fs::{Directory as _, Errno, FileStore, LockMode, Name};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

use crate::scene::{PATIENT, userid};

pub(crate) fn domain() -> DomainKey {
    "5.11111111-2222-3333-4444-abcdef555555"
        .parse()
        .expect("DOMID.UUID")
}

pub(crate) fn disk(change: impl FnOnce(&mut SimOptions)) -> SimDisk {
    let mut options = SimOptions::default();
    change(&mut options);
    SimDisk::new(options)
}

pub(crate) fn store(disk: &SimDisk) -> FileStore<SimDirectory> {
    FileStore::new(disk.process().root().unwrap())
}

pub(crate) fn put(store: &FileStore<SimDirectory>, text: &str) {
    let userid = userid(text);
    let op = Op::Put {
        userid: &userid,
        data: NonEmpty::new(b"value").unwrap(),
        expect: Expect::Any,
        durability: Durability::Full,
    };
    store
        .change(&domain(), PATIENT, &mut |_| Ok(()), &[op])
        .unwrap();
}

pub(crate) fn plant(disk: &SimDisk, name: &str, plant: Plant) {
    let root = disk.process().root().unwrap();
    let name = format!("userdata-{name}");
    root.plant(Name::new(name.as_bytes()).unwrap(), plant)
        .unwrap();
}

pub(crate) fn files(disk: &SimDisk) -> usize {
    disk.tree().iter().count()
}

#[test]
fn with_the_locks_of_nfs_a_clear_removes_other_locks() {
    let disk = disk(|options| options.nfs_locks = true);
    let store = store(&disk);
    put(&store, "xl");
    let lock = format!("l.{}.libxl-device-changes-lock", domain());
    plant(&disk, &lock, Plant::File(Vec::new()));
    // NFS refuses such a lock of a file that is open for reading.
    let root = disk.process().root().unwrap();
    let lock = format!("userdata-{lock}");
    let reading = root.open(Name::new(lock.as_bytes()).unwrap()).unwrap();
    assert_eq!(root.lock(&reading, LockMode::Exclusive), Err(Errno::BADF));
    assert_eq!(root.lock(&reading, LockMode::Shared), Ok(()));
    drop(reading);
    let mark = store.close(&domain(), PATIENT, &mut |_| Ok(())).unwrap();
    let cleared = mark
        .clear(PATIENT, Durability::Full, &mut |_| Ok(()))
        .unwrap();
    assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
    assert_eq!(files(&disk), 0);
}

#[test]
fn a_directory_that_folds_case_is_refused_and_left_as_it_was() {
    let disk = disk(|options| options.storage.folds_case = true);
    let userid = userid("agent");
    let op = Op::Put {
        userid: &userid,
        data: NonEmpty::new(b"value").unwrap(),
        expect: Expect::Any,
        durability: Durability::Full,
    };
    let error = store(&disk)
        .change(&domain(), PATIENT, &mut |_| Ok(()), &[op])
        .unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::FoldsCase));
    assert_eq!(files(&disk), 0);
}

#[test]
fn a_size_that_no_memory_holds_is_an_error() {
    let xl = userid("xl");
    for (size, too_large) in [(1 << 62, false), (u64::MAX >> 1, true), (u64::MAX, true)] {
        let disk = disk(|_| {});
        plant(&disk, &format!("d.{}.xl", domain()), Plant::Zeros(size));
        let store = store(&disk).with_value_max(u64::MAX);
        let read = store.get(&domain(), xl.as_userid()).unwrap_err();
        let op = Op::Delete {
            userid: xl.as_userid(),
            expect: Expect::Absent,
            durability: Durability::Full,
        };
        let compared = store
            .change(&domain(), PATIENT, &mut |_| Ok(()), &[op])
            .unwrap_err();
        for error in [read, compared] {
            match error.kind() {
                StoreErrorKind::LimitExceeded { .. } => assert!(too_large),
                StoreErrorKind::OutOfMemory { size: told } => {
                    assert!(!too_large);
                    assert_eq!(*told, size);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_simulated_directory_notices_that_its_path_leads_elsewhere() {
    let disk = disk(|_| {});
    let root = disk.process().root().unwrap();
    let (name, old) = (Name::new(b"userdata").unwrap(), Name::new(b"old").unwrap());
    root.make_directory(name).unwrap();
    let opened = disk.process().directory(name).unwrap();
    assert_eq!(opened.is_at_path(), Ok(true));
    root.rename(name, old).unwrap();
    assert_eq!(opened.is_at_path(), Err(Errno::NOENT));
    root.make_directory(name).unwrap();
    assert_eq!(opened.is_at_path(), Ok(false));
    let store = FileStore::new(opened);
    let error = store.get(&domain(), userid("xl").as_userid()).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
}

#[test]
fn a_real_pause_takes_time_on_both_clocks() {
    let disk = disk(|options| options.real_pauses = true);
    let root = disk.process().root().unwrap();
    let (span, simulated, real) = (Duration::from_millis(2), root.now(), Instant::now());
    root.pause(span);
    assert!(real.elapsed() >= span);
    assert!(root.now() - simulated >= span);
}
