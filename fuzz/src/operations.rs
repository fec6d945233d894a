//! Sequences of store operations against a model, on the simulated directory and on a real one.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Done, Durability, Expect, Keep, Op, StoreErrorKind};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Uuid, Version, WritableUserid};
use userdata_fs::{Directory, FileStore};
use userdata_sim::{SimDisk, SimOptions};

use crate::model::{Model, is_met};

/// The most operations of an input.
const OPERATIONS_MAX: usize = 64;

/// Userids that a store might confuse with each other or with names of its own files.
const USERIDS: [&str; 8] = ["xl", "x", "xl.", "*", "[x]l", "?l", ".hid", "5.00"];

const DURABILITIES: [Durability; 3] = [Durability::Process, Durability::File, Durability::Full];

#[derive(Arbitrary, Debug)]
struct History {
    seed_format: bool,
    operations: Vec<Operation>,
}

#[derive(Arbitrary, Debug)]
enum Operation {
    Put {
        at: At,
        data: Vec<u8>,
        expect: Expected,
        durability: u8,
    },
    Delete {
        at: At,
        expect: Expected,
        durability: u8,
    },
    Clear {
        domain: u8,
        durability: u8,
    },
    Get {
        at: At,
    },
    List {
        domain: u8,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct At {
    domain: u8,
    userid: u8,
}

#[derive(Arbitrary, Clone, Debug)]
enum Expected {
    Any,
    Absent,
    /// The stored version.
    Right,
    Wrong(Vec<u8>),
}

/// On the simulated directory, the store and the model agree on every answer, and on all values at the
/// end.
pub fn operations(data: &[u8]) {
    let Some(history) = history(data) else {
        return;
    };
    let disk = SimDisk::new(SimOptions::default());
    let Ok(directory) = disk.process().root() else {
        panic!("a fresh disk opens")
    };
    let values = run(&history, FileStore::new(directory));
    assert_eq!(disk.tree().iter().count(), values, "{}", disk.tree());
}

/// The same as [`operations`], on a real directory.
pub fn operations_os(data: &[u8]) {
    let Some(history) = history(data) else {
        return;
    };
    // On a tmpfs a sync costs almost nothing.
    let memory = Path::new("/dev/shm");
    let scratch = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let Ok(scratch) = scratch else {
        panic!("there is no place for a scratch directory")
    };
    let Ok(store) = FileStore::open(scratch.path()) else {
        panic!("a fresh directory opens")
    };
    let values = run(&history, store);
    let files = fs::read_dir(scratch.path()).map(Iterator::count);
    assert_eq!(files.ok(), Some(values));
}

fn history(data: &[u8]) -> Option<History> {
    History::arbitrary(&mut Unstructured::new(data)).ok()
}

/// Applies every operation, and returns the number of values at the end.
fn run<D: Directory>(history: &History, store: FileStore<D>) -> usize {
    let format = match history.seed_format {
        true => NameFormat::Seed,
        false => NameFormat::Libxl,
    };
    let store = store.with_name_format(format);
    let mut model = Model::new(format);
    for operation in history.operations.iter().take(OPERATIONS_MAX) {
        apply(&store, &mut model, operation);
    }
    let mut found = 0;
    let scanned = store.scan(&mut |record| {
        let there = model.of(record.owner, &record.entry.userid);
        let size = there.map(|data| data.len() as u64);
        assert_eq!(size, Some(record.entry.size), "{record:?}");
        found += 1;
        ControlFlow::Continue(())
    });
    assert!(scanned.is_ok());
    assert_eq!(found, model.len());
    found
}

fn apply<D: Directory>(store: &FileStore<D>, model: &mut Model, operation: &Operation) {
    match operation {
        Operation::Put {
            at,
            data,
            expect: expected,
            durability: asked,
        } => {
            let (key, Some(userid)) = (domain(at.domain), userid(at.userid)) else {
                return;
            };
            let there = model.get(&key, userid.as_userid());
            let expect = expect(expected, there);
            let durability = durability(*asked);
            let op = match NonEmpty::new(data) {
                Some(data) => Op::Put {
                    userid: &userid,
                    data,
                    expect,
                    durability,
                },
                None => Op::Delete {
                    userid: userid.as_userid(),
                    expect,
                    durability,
                },
            };
            if changed(store, &key, op, is_met(expect, there)).is_some() {
                model.put(&key, userid.as_userid(), data);
            }
        }
        Operation::Delete {
            at,
            expect: expected,
            durability: asked,
        } => {
            let (key, Some(userid)) = (domain(at.domain), userid(at.userid)) else {
                return;
            };
            let there = model.get(&key, userid.as_userid());
            let expect = expect(expected, there);
            let op = Op::Delete {
                userid: userid.as_userid(),
                expect,
                durability: durability(*asked),
            };
            if let Some(done) = changed(store, &key, op, is_met(expect, there)) {
                let was_there = model.put(&key, userid.as_userid(), b"");
                assert_eq!(matches!(done, Done::Removed { .. }), was_there);
            }
        }
        Operation::Clear {
            domain: number,
            durability: asked,
        } => {
            let key = domain(*number);
            let op = Op::Clear {
                keep: Keep::Nothing,
                durability: durability(*asked),
            };
            let Some(Done::Cleared(cleared)) = changed(store, &key, op, true) else {
                panic!("a clear is never refused")
            };
            assert!(cleared.removed.iter().eq(model.list(&key).map(|(u, _)| u)));
            model.clear(&key);
        }
        Operation::Get { at } => {
            let (key, Some(userid)) = (domain(at.domain), userid(at.userid)) else {
                return;
            };
            let Ok(value) = store.get(&key, userid.as_userid()) else {
                panic!("nothing is damaged")
            };
            let there = model.get(&key, userid.as_userid());
            assert_eq!(value.as_ref().map(AsRef::as_ref), there.map(Vec::as_slice));
        }
        Operation::List { domain: number } => {
            let key = domain(*number);
            let Ok(entries) = store.list(&key) else {
                panic!("nothing is damaged")
            };
            let listed = entries.iter().map(|entry| (&entry.userid, entry.size));
            let mine = model.list(&key).map(|(u, data)| (u, data.len() as u64));
            assert!(listed.eq(mine));
        }
    }
}

/// Makes a change, which has to fail if and only if its expectation is not met.
fn changed<D: Directory>(
    store: &FileStore<D>,
    key: &DomainKey,
    op: Op<'_>,
    is_met: bool,
) -> Option<Done> {
    match store.change(
        key,
        std::time::Duration::from_secs(10),
        &mut |_| Ok(()),
        &[op],
    ) {
        Ok(mut done) => {
            assert!(
                is_met,
                "{op:?} was made although its expectation is not met"
            );
            done.pop()
        }
        Err(error) => {
            let refused = matches!(error.kind(), StoreErrorKind::PreconditionFailed { .. });
            assert!(refused && !is_met, "{op:?}: {error:?}");
            None
        }
    }
}

/// Four domains: two domids that look alike, each with two uuids.
fn domain(number: u8) -> DomainKey {
    let domid = if number & 1 == 0 { 5 } else { 50 };
    // Invariant: both are below the highest domid.
    let domid = Domid::new(domid).unwrap_or(Domid::ZERO);
    DomainKey::new(domid, Uuid::from_u128(u128::from(number >> 1 & 1)))
}

fn userid(number: u8) -> Option<WritableUserid> {
    let text = USERIDS.get(usize::from(number) % USERIDS.len())?;
    WritableUserid::new(text).ok()
}

fn durability(number: u8) -> Durability {
    let at = usize::from(number) % DURABILITIES.len();
    DURABILITIES.get(at).copied().unwrap_or_default()
}

fn expect(expected: &Expected, there: Option<&Vec<u8>>) -> Expect {
    match expected {
        Expected::Any => Expect::Any,
        Expected::Absent => Expect::Absent,
        Expected::Right => there.map_or(Expect::Absent, |data| Expect::Version(Version::of(data))),
        Expected::Wrong(data) => Expect::Version(Version::of(data)),
    }
}
