//! Files that killed writers and destroyers left behind: which of them are removed while their
//! domain lives, and how `owners` shows them.

use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{Cleared, Done, Durability, Keep, Op, Owned};
use userdata_core::{DomainKey, Store as _};
use userdata_fs::{FileStore, Name};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

const AGE: Duration = Duration::from_secs(3600);

/// Passes at the pace of the simulated clock.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Temporary files of this library and of libxl, and files of every other kind.
const OLD: [(&str, &str); 8] = [
    ("t", "00000000000000000000000000000001"),
    ("n", "xl"),
    ("n", "libxl-json"),
    ("d", "xl"),
    ("d", "libxl-json"),
    ("z", "foreign"),
    ("l", "qmp-socket-lock"),
    ("l", "libxl-device-changes-lock"),
];
const YOUNG: [(&str, &str); 2] = [("t", "00000000000000000000000000000002"), ("n", "young")];

fn key() -> DomainKey {
    "5.11111111-2222-3333-4444-abcdef555555".parse().unwrap()
}

/// A domain with another uuid, whose domid looks like that of the key.
fn other() -> DomainKey {
    "5.11111111-2222-3333-4444-abcdef555556".parse().unwrap()
}

fn plant(disk: &SimDisk, key: &DomainKey, files: &[(&str, &str)]) {
    let root = disk.process().root().unwrap();
    for (kind, rest) in files {
        let name = format!("userdata-{kind}.{key}.{rest}");
        let plant = Plant::File(b"bytes".to_vec());
        root.plant(Name::new(name.as_bytes()).unwrap(), plant)
            .unwrap();
    }
}

/// Old files of two domains, and young files that were made after the age had passed.
fn scene() -> SimDisk {
    let disk = SimDisk::new(SimOptions::default());
    plant(&disk, &key(), &OLD);
    plant(&disk, &other(), &OLD);
    disk.pass(AGE);
    plant(&disk, &key(), &YOUNG);
    disk
}

fn store(disk: &SimDisk) -> FileStore<SimDirectory> {
    FileStore::new(disk.process().root().unwrap())
}

/// The kinds and last parts of the names of a domain's files, in order.
fn files(disk: &SimDisk, key: &DomainKey) -> Vec<(String, String)> {
    let mut files: Vec<_> = disk
        .tree()
        .iter()
        .filter_map(|(path, _)| FileName::parse(NameFormat::Libxl, path))
        .filter(|name| name.owner().key() == Some(*key))
        .map(|name| {
            let letter = char::from(name.kind().letter());
            (letter.to_string(), name.userid().to_string())
        })
        .collect();
    files.sort();
    files
}

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut files: Vec<_> = files
        .iter()
        .map(|(kind, rest)| ((*kind).to_owned(), (*rest).to_owned()))
        .collect();
    files.sort();
    files
}

fn clear_each(store: &FileStore<SimDirectory>, age: Duration) -> Cleared {
    let mut told = Vec::new();
    store
        .clear_each(
            &[key()],
            TIMEOUT,
            Durability::Process,
            &mut |_, _| Ok(Keep::AllButStale { age }),
            &mut |_, cleared| {
                told.push(cleared.unwrap());
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    told.pop().unwrap()
}

fn change(store: &FileStore<SimDirectory>, age: Duration) -> Cleared {
    let op = Op::Clear {
        keep: Keep::AllButStale { age },
        durability: Durability::Process,
    };
    let done = store.change(&key(), TIMEOUT, &mut |_| Ok(()), &[op]);
    match done.unwrap().pop() {
        Some(Done::Cleared(cleared)) => cleared,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_living_domain_only_old_temporaries_go() {
    for clear in [clear_each, change] {
        let disk = scene();
        let cleared = clear(&store(&disk), AGE);
        assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
        assert_eq!(cleared.removed, []);
        assert_eq!(cleared.others.len(), 3);
        let mut stay: Vec<_> = OLD[3..].to_vec();
        stay.extend(YOUNG);
        assert_eq!(files(&disk, &key()), owned(&stay));
        assert_eq!(files(&disk, &other()), owned(&OLD));
    }
}

#[test]
fn a_temporary_is_stale_once_it_has_the_age() {
    let disk = scene();
    // The young files were made when the old ones had just the age.
    disk.pass(AGE / 2);
    assert_eq!(clear_each(&store(&disk), AGE * 2).others, []);
    assert_eq!(clear_each(&store(&disk), AGE).others.len(), 3);
    disk.pass(AGE);
    assert_eq!(clear_each(&store(&disk), AGE).others.len(), 2);
    // With an age of zero, every temporary file that no process can be writing is removed.
    plant(&disk, &key(), &YOUNG);
    assert_eq!(clear_each(&store(&disk), Duration::ZERO).others.len(), 2);
}

#[test]
fn a_file_of_the_future_is_not_stale() {
    let disk = scene();
    // If no inode is left, the lock file is a link of a value, and so is older than the lock.
    disk.reconfigure(|storage| storage.inodes_max = Some(0));
    let cleared = clear_each(&store(&disk), Duration::ZERO);
    assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
    let left = files(&disk, &key());
    for (kind, rest) in YOUNG {
        assert!(
            left.contains(&(kind.to_owned(), rest.to_owned())),
            "{left:?}"
        );
    }
}

#[test]
fn a_void_mark_goes_and_a_held_one_stays() {
    for clear in [clear_each, change] {
        let disk = scene();
        let holder = store(&disk);
        let mark = holder.close(&key(), TIMEOUT, &mut |_| Ok(())).unwrap();
        let is_marked = || files(&disk, &key()).iter().any(|(kind, _)| kind == "c");
        let kinds = |cleared: Cleared| -> Vec<Kind> {
            assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
            cleared.others.iter().map(|record| record.kind).collect()
        };
        let others = kinds(clear(&store(&disk), AGE * 2));
        assert_eq!(others, []);
        assert!(is_marked());
        drop(mark);
        assert!(is_marked(), "a mark that is dropped is void and stays");
        let others = kinds(clear(&store(&disk), AGE * 2));
        assert_eq!(others, [Kind::Closing]);
        assert!(!is_marked());
    }
}

#[test]
fn what_is_not_a_file_is_told_and_stays_or_goes() {
    let disk = scene();
    let root = disk.process().root().unwrap();
    let name = |rest: &str| format!("userdata-t.{}.{rest:0>32}", key()).into_bytes();
    for (rest, plant) in [
        ("a", Plant::Directory),
        ("b", Plant::Symlink(b"elsewhere".to_vec())),
        ("c", Plant::Fifo),
    ] {
        root.plant(Name::new(&name(rest)).unwrap(), plant).unwrap();
    }
    disk.pass(AGE * 2);
    let cleared = clear_each(&store(&disk), AGE);
    assert_eq!(cleared.others.len(), OLD[..3].len() + YOUNG.len() + 2);
    let [failed] = &cleared.failed[..] else {
        panic!("{:?}", cleared.failed)
    };
    assert_eq!(failed.file(), name("a"));
    assert!(disk.tree().get(&name("a")).is_some());
}

#[test]
fn owners_show_leftovers_whether_in_use_or_not() {
    let disk = scene();
    let mark = store(&disk).close(&other(), TIMEOUT, &mut |_| Ok(()));
    let third: DomainKey = "50.11111111-2222-3333-4444-abcdef555555".parse().unwrap();
    plant(&disk, &third, &OLD[3..]);
    let foreign = [
        "userdata-d.05.11111111-2222-3333-4444-abcdef555555.xl",
        "web.tar",
    ];
    let root = disk.process().root().unwrap();
    for name in foreign {
        let plant = Plant::File(Vec::new());
        root.plant(Name::new(name.as_bytes()).unwrap(), plant)
            .unwrap();
    }
    let mut shown: Vec<Owned> = Vec::new();
    store(&disk)
        .owners(&mut |owned| {
            shown.push(owned);
            ControlFlow::Continue(())
        })
        .unwrap();
    let shown: Vec<_> = shown
        .iter()
        .map(|owned| (owned.owner.key().unwrap(), owned.records, owned.leftovers))
        .collect();
    let (old, young) = (OLD.len() as u32, YOUNG.len() as u32);
    assert_eq!(
        shown,
        [
            (key(), old + young, true),
            (other(), old + 1, true),
            (third, old - 3, false),
        ]
    );
    drop(mark);
}
