//! Sequences of store operations against a model, on the simulated directory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arbitrary::{Arbitrary, Unstructured};
use userdata_core::{
    Clear, Deadline, DomainKey, Domid, Done, Durability, Expect, NameFormat, Op, Store,
    StoreErrorKind, Userid, Uuid, Version, WritableUserid,
};
use userdata_fs::FileStore;
use userdata_sim::{SimDirectory, SimDisk, SimOptions};

/// As many operations as one input makes.
const OPERATIONS_MAX: usize = 64;

/// Userids made to be mistaken for each other, or for something else.
const USERIDS: [&str; 8] = ["xl", "x", "xl.", "*", "[x]l", "?l", ".hid", "5.00"];

#[derive(Arbitrary, Debug)]
enum Operation {
    Put {
        at: At,
        data: Vec<u8>,
        expect: Expected,
    },
    Delete {
        at: At,
        expect: Expected,
    },
    Clear {
        domain: u8,
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
    /// The version that is there.
    Right,
    Wrong(Vec<u8>),
}

type Model = BTreeMap<(DomainKey, Userid), Vec<u8>>;

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

fn expect(expected: &Expected, there: Option<&Vec<u8>>) -> Expect {
    match expected {
        Expected::Any => Expect::Any,
        Expected::Absent => Expect::Absent,
        Expected::Right => there.map_or(Expect::Absent, |data| Expect::Version(Version::of(data))),
        Expected::Wrong(data) => Expect::Version(Version::of(data)),
    }
}

fn is_met(expect: Expect, there: Option<&Vec<u8>>) -> bool {
    match expect {
        Expect::Absent => there.is_none(),
        Expect::Version(version) => there.is_some_and(|data| Version::of(data) == version),
        _ => true,
    }
}

/// The store and the model agree on every answer, and in the end on everything there is.
pub fn operations(data: &[u8]) {
    let Ok(operations) = Vec::<Operation>::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let disk = SimDisk::new(SimOptions::default());
    let Ok(directory) = disk.process().root() else {
        panic!("a fresh disk opens")
    };
    let store = FileStore::new(directory).with_name_format(NameFormat::Libxl);
    let mut model = Model::new();
    for operation in operations.iter().take(OPERATIONS_MAX) {
        apply(&store, &mut model, operation);
    }
    let mut found = 0;
    let scanned = store.scan(&mut |record| {
        let key = record
            .owner
            .key()
            .map(|key| (key, record.entry.userid.clone()));
        let size = key
            .and_then(|key| model.get(&key))
            .map(|data| data.len() as u64);
        assert_eq!(size, Some(record.entry.size), "{record:?}");
        found += 1;
        ControlFlow::Continue(())
    });
    assert!(scanned.is_ok());
    assert_eq!(found, model.len());
}

fn apply(store: &FileStore<SimDirectory>, model: &mut Model, operation: &Operation) {
    let durability = Durability::Full;
    match operation {
        Operation::Put {
            at,
            data,
            expect: expected,
        } => {
            let (key, Some(userid)) = (domain(at.domain), userid(at.userid)) else {
                return;
            };
            let slot = (key, Userid::from(userid.clone()));
            let expect = expect(expected, model.get(&slot));
            let op = Op::Put {
                userid: &userid,
                data,
                expect,
                durability,
            };
            if changed(store, &key, op, is_met(expect, model.get(&slot))).is_some() {
                if data.is_empty() {
                    model.remove(&slot);
                } else {
                    model.insert(slot, data.clone());
                }
            }
        }
        Operation::Delete {
            at,
            expect: expected,
        } => {
            let (key, Some(userid)) = (domain(at.domain), userid(at.userid)) else {
                return;
            };
            let slot = (key, Userid::from(userid.clone()));
            let expect = expect(expected, model.get(&slot));
            let op = Op::Delete {
                userid: &userid,
                expect,
                durability,
            };
            if let Some(done) = changed(store, &key, op, is_met(expect, model.get(&slot))) {
                let was_there = model.remove(&slot).is_some();
                assert_eq!(matches!(done, Done::Removed { .. }), was_there);
            }
        }
        Operation::Clear { domain: number } => {
            let key = domain(*number);
            let op = Op::Clear {
                what: Clear::Everything,
                durability,
            };
            let Some(Done::Cleared(cleared)) = changed(store, &key, op, true) else {
                panic!("a clear is never refused")
            };
            let mine: Vec<Userid> = model
                .keys()
                .filter(|(owner, _)| *owner == key)
                .map(|(_, u)| u.clone())
                .collect();
            assert_eq!(cleared.removed, mine);
            model.retain(|(owner, _), _| *owner != key);
        }
        Operation::Get { at } => {
            let (key, Some(userid)) = (domain(at.domain), userid(at.userid)) else {
                return;
            };
            let Ok(value) = store.get(&key, &userid) else {
                panic!("nothing is damaged")
            };
            let there = model.get(&(key, Userid::from(userid)));
            assert_eq!(value.as_ref().map(AsRef::as_ref), there.map(Vec::as_slice));
        }
        Operation::List { domain: number } => {
            let key = domain(*number);
            let Ok(entries) = store.list(&key) else {
                panic!("nothing is damaged")
            };
            let listed = entries.into_iter().map(|entry| (entry.userid, entry.size));
            let mine = model
                .iter()
                .filter(|((owner, _), _)| *owner == key)
                .map(|((_, userid), data)| (userid.clone(), data.len() as u64));
            assert!(listed.eq(mine));
        }
    }
}

/// Makes one change; it fails if and only if its expectation is not met.
fn changed(
    store: &FileStore<SimDirectory>,
    key: &DomainKey,
    op: Op<'_>,
    is_met: bool,
) -> Option<Done> {
    match store.change(key, Deadline::default(), &mut |_| Ok(()), &[op]) {
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
