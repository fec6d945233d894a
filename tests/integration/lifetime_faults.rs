//! The calls of a `FileStore` by which data follows or ends with its domain, while each system call
//! fails in turn in every way, and while the process is killed before each of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{Clash, Durability, Keep, Op, Put, StoreError, Transfer};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _, WritableUserid};
use userdata_fs::{Directory, FileStore, Name};
use userdata_sim::faults::{Fault, Faults, every_fault};
use userdata_sim::interpose::{Call, CallKind, Interceptor, Interposed, Verdict};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions, SimProcess};

/// Passes at the pace of the simulated clock.
const TIMEOUT: Duration = Duration::from_secs(1);

fn one() -> DomainKey {
    "5.11111111-2222-3333-4444-abcdef555555".parse().unwrap()
}

fn other() -> DomainKey {
    "9.11111111-2222-3333-4444-abcdef555555".parse().unwrap()
}

/// The values of a domain, as texts.
type Values = BTreeMap<String, String>;

fn values(values: &[(&str, &str)]) -> Values {
    let owned = |(userid, bytes): &(&str, &str)| ((*userid).to_owned(), (*bytes).to_owned());
    values.iter().map(owned).collect()
}

fn plant(disk: &SimDisk, key: &DomainKey, kind: &str, rest: &str, bytes: &str) {
    let name = format!("userdata-{kind}.{key}.{rest}");
    let root = disk.process().root().unwrap();
    let plant = Plant::File(bytes.as_bytes().to_vec());
    root.plant(Name::new(name.as_bytes()).unwrap(), plant)
        .unwrap();
}

fn disk(domains: &[(DomainKey, &Values)]) -> SimDisk {
    let disk = SimDisk::new(SimOptions::default());
    for (key, values) in domains {
        for (userid, bytes) in *values {
            plant(&disk, key, "d", userid, bytes);
        }
    }
    disk
}

/// Every file on the disk: its name and its bytes.
fn files(disk: &SimDisk) -> Vec<(FileName, String)> {
    disk.tree()
        .iter()
        .map(|(path, entry)| {
            let name = FileName::parse(NameFormat::Libxl, path).unwrap();
            let bytes = entry.bytes().unwrap().to_vec();
            (name, String::from_utf8(bytes).unwrap())
        })
        .collect()
}

fn values_of(disk: &SimDisk, key: &DomainKey) -> Values {
    files(disk)
        .into_iter()
        .filter(|(name, _)| name.kind() == Kind::Data && name.owner().key() == Some(*key))
        .map(|(name, bytes)| (name.userid().to_string(), bytes))
        .collect()
}

fn count(disk: &SimDisk, kind: Kind) -> usize {
    let files = files(disk);
    files.iter().filter(|(name, _)| name.kind() == kind).count()
}

type Faulty = FileStore<Interposed<SimDirectory, Faults>>;

fn faulty(process: &SimProcess, faults: &Faults) -> Faulty {
    let directory = Interposed::new(process.root().unwrap(), faults.clone())
        .losing(SimDirectory::lose_writeback)
        .losing_at_close(SimDirectory::lose_written);
    FileStore::new(directory)
}

/// One call that went wrong, or none.
struct Run<'a, T> {
    disk: &'a SimDisk,
    /// The call that went wrong.
    kind: Option<CallKind>,
    fault: String,
    result: Result<T, StoreError>,
}

/// Runs `act` on a fresh disk for every fault that can strike it, and `check` after each.
fn with_every_fault<T>(
    make: impl Fn() -> SimDisk,
    act: impl Fn(&Faulty) -> Result<T, StoreError>,
    check: impl Fn(&Run<'_, T>),
) {
    let run = |fault: Option<(Fault, CallKind)>| {
        let (disk, faults) = (make(), Faults::new(fault.map(|(fault, _)| fault)));
        let process = disk.process();
        let result = act(&faulty(&process, &faults));
        assert_eq!(process.open_files(), 0, "{fault:?} leaves a file open");
        assert_eq!(faults.struck(), usize::from(fault.is_some()));
        check(&Run {
            disk: &disk,
            kind: fault.map(|(_, kind)| kind),
            fault: format!("{fault:?}"),
            result,
        });
        faults.calls()
    };
    let calls = run(None);
    for fault in every_fault(&calls, 0) {
        run(Some((fault, calls[fault.call()])));
    }
}

/// Kills a process before the call of this number.
struct KilledBefore {
    process: SimProcess,
    number: usize,
    made: Arc<AtomicUsize>,
}

impl Interceptor for KilledBefore {
    fn before(&self, _: u32, _: &Call<'_>) -> Verdict {
        if self.made.fetch_add(1, Ordering::Relaxed) == self.number {
            self.process.kill();
        }
        Verdict::Proceed
    }
}

/// Runs `act` on a fresh disk with a kill before each call in turn, and `check` after each.
fn with_every_kill<T>(
    make: impl Fn() -> SimDisk,
    act: impl Fn(&FileStore<Interposed<SimDirectory, KilledBefore>>) -> Result<T, StoreError>,
    check: impl Fn(&SimDisk),
) {
    for number in 0.. {
        let (disk, made) = (make(), Arc::new(AtomicUsize::new(0)));
        let process = disk.process();
        let killed = KilledBefore {
            process: process.clone(),
            number,
            made: Arc::clone(&made),
        };
        let directory = Interposed::new(process.root().unwrap(), killed);
        let result = act(&FileStore::new(directory));
        check(&disk);
        if made.load(Ordering::Relaxed) <= number {
            result.unwrap();
            assert!(number > 10, "{number} calls");
            return;
        }
    }
}

const PUTS: [(&str, &str); 4] = [("a", "new"), ("b", "new"), ("c", "same"), ("d", "new")];

fn put_all<D: Directory>(store: &FileStore<D>, puts: &[(&str, &str)]) -> Result<(), StoreError> {
    let userids: Vec<_> = puts
        .iter()
        .map(|(userid, _)| WritableUserid::new(userid).unwrap())
        .collect();
    let values: Vec<_> = userids
        .iter()
        .zip(puts)
        .map(|(userid, (_, bytes))| Put::new(userid, NonEmpty::new(bytes.as_bytes()).unwrap()))
        .collect();
    let op = Op::PutAll {
        values: &values,
        clash: Clash::Replace,
        durability: Durability::Full,
    };
    store
        .change(&one(), TIMEOUT, &mut |_| Ok(()), &[op])
        .map(drop)
}

/// The values before the change: some in the first case, none in the second.
fn befores() -> [Values; 2] {
    let some = [("a", "old"), ("c", "same"), ("d", "older"), ("z", "stays")];
    [values(&some), values(&[])]
}

fn after(before: &Values) -> Values {
    let mut after = before.clone();
    after.extend(values(&PUTS));
    after
}

#[test]
fn all_values_are_put_or_none_whatever_call_fails() {
    for before in befores() {
        let after = after(&before);
        with_every_fault(
            || disk(&[(one(), &before)]),
            |store| put_all(store, &PUTS),
            |run| {
                let applied = match &run.result {
                    Ok(()) => true,
                    Err(error) => error.is_applied(),
                };
                let wanted = if applied { &after } else { &before };
                assert_eq!(&values_of(run.disk, &one()), wanted, "{}", run.fault);
                let temporaries = count(run.disk, Kind::Temporary);
                match &run.result {
                    // A second name of an old value that could not be removed.
                    Ok(()) => {
                        let left = usize::from(run.kind == Some(CallKind::Unlink));
                        assert!(temporaries <= left, "{}", run.fault);
                        assert_eq!(count(run.disk, Kind::Lock), 0);
                    }
                    Err(error) => {
                        let left = usize::from(error.left_behind().is_some());
                        assert_eq!(temporaries, left, "{}: {error:?}", run.fault);
                    }
                }
                put_all(&FileStore::new(run.disk.process().root().unwrap()), &PUTS).unwrap();
                assert_eq!(values_of(run.disk, &one()), after);
                assert_eq!(count(run.disk, Kind::Lock), 0, "{}", run.fault);
            },
        );
    }
}

#[test]
fn a_killed_put_of_all_is_completed_by_the_next() {
    for before in befores() {
        let after = after(&before);
        with_every_kill(
            || disk(&[(one(), &before)]),
            |store| put_all(store, &PUTS),
            |disk| {
                for (userid, bytes) in values_of(disk, &one()) {
                    let whole = [before.get(&userid), after.get(&userid)];
                    assert!(whole.contains(&Some(&bytes)), "{userid}: {bytes}");
                }
                put_all(&FileStore::new(disk.process().root().unwrap()), &PUTS).unwrap();
                assert_eq!(values_of(disk, &one()), after);
                // Neither a temporary file nor a lock file.
                assert_eq!(files(disk).len(), after.len());
            },
        );
    }
}

fn given() -> SimDisk {
    let from = values(&[("a", "1"), ("b", "2"), ("c", "3"), ("stays", "0")]);
    disk(&[(one(), &from), (other(), &values(&[("b", "2")]))])
}

fn transfer<D: Directory>(store: &FileStore<D>) -> Result<(), StoreError> {
    let which = |userid: &userdata_core::Userid| userid.as_bytes() != b"stays";
    let transfer = Transfer::new(one(), other(), &which);
    store
        .transfer(&transfer, TIMEOUT, &mut |_, _| Ok(()))
        .map(drop)
}

/// Checks that each value belongs to exactly one of the two domains, and that the same call
/// completes the transfer.
fn check_given(disk: &SimDisk) {
    let (from, to) = (values_of(disk, &one()), values_of(disk, &other()));
    for (userid, bytes) in [("a", "1"), ("c", "3")] {
        let bytes = bytes.to_owned();
        let there = (from.get(userid), to.get(userid));
        let is_one = [(Some(&bytes), None), (None, Some(&bytes))].contains(&there);
        assert!(is_one, "{userid}: {there:?}");
    }
    assert_eq!(to.get("b").map(String::as_str), Some("2"));
    transfer(&FileStore::new(disk.process().root().unwrap())).unwrap();
    assert_eq!(values_of(disk, &one()), values(&[("stays", "0")]));
    let there = values(&[("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(values_of(disk, &other()), there);
    assert_eq!(
        files(disk).len(),
        4,
        "a lock file or a temporary file is left"
    );
}

#[test]
fn a_failed_transfer_is_completed_by_the_same_call() {
    with_every_fault(given, transfer, |run| {
        if run.result.is_ok() {
            assert_eq!(values_of(run.disk, &one()).len(), 1, "{}", run.fault);
            assert_eq!(count(run.disk, Kind::Lock), 0, "{}", run.fault);
        }
        check_given(run.disk);
    });
}

#[test]
fn a_killed_transfer_is_completed_by_the_same_call() {
    with_every_kill(given, transfer, check_given);
}

/// Two dead domains with files of every kind, and one that is not in the list.
fn dead() -> SimDisk {
    let disk = disk(&[
        (one(), &values(&[("a", "1")])),
        (other(), &values(&[("a", "2")])),
    ]);
    for key in [one(), other()] {
        for (kind, rest) in [
            ("t", "00112233445566778899aabbccddeeff"),
            ("n", "xl"),
            ("z", "foreign"),
            ("c", "domain-userdata-lock"),
            ("l", "domain-userdata-lock"),
            ("l", "qmp-socket-lock"),
        ] {
            plant(&disk, &key, kind, rest, "bytes");
        }
    }
    plant(&disk, &living(), "d", "a", "3");
    disk
}

fn living() -> DomainKey {
    "59.11111111-2222-3333-4444-abcdef555555".parse().unwrap()
}

/// Which of the two were cleared without a failure.
fn clear_both<D: Directory>(store: &FileStore<D>) -> Result<Vec<bool>, StoreError> {
    let mut told = Vec::new();
    store.clear_each(
        &[one(), other()],
        TIMEOUT,
        Durability::Full,
        &mut |_, _| Ok(Keep::Nothing),
        &mut |_, cleared| {
            told.push(cleared.is_ok_and(|cleared| cleared.failed.is_empty()));
            ControlFlow::Continue(())
        },
    )?;
    Ok(told)
}

/// Checks that the same call removes the rest, and nothing of the other domain.
fn check_cleared(disk: &SimDisk) {
    let told = clear_both(&FileStore::new(disk.process().root().unwrap()));
    assert_eq!(told.unwrap(), [true, true]);
    assert_eq!(values_of(disk, &living()), values(&[("a", "3")]));
    assert_eq!(files(disk).len(), 1, "{:?}", files(disk));
}

#[test]
fn what_a_failed_clear_of_many_left_the_next_removes() {
    with_every_fault(dead, clear_both, |run| {
        if let Ok(told) = &run.result {
            assert_eq!(told.len(), 2, "{}", run.fault);
            for (key, is_clear) in [one(), other()].iter().zip(told) {
                // A mark that can't be locked counts as held by another process, which removes it.
                let is_held = run.kind == Some(CallKind::Lock);
                let left = files(run.disk).into_iter().any(|(name, _)| {
                    let is_its = name.owner().key() == Some(*key);
                    is_its && !(is_held && name.kind() == Kind::Closing)
                });
                // Every other file that was not removed is reported.
                assert!(!is_clear || !left, "{}: {key}", run.fault);
            }
            let failed = told.iter().filter(|is_clear| !**is_clear).count();
            assert!(failed <= 1, "one fault fails two domains: {}", run.fault);
        }
        check_cleared(run.disk);
    });
}

#[test]
fn what_a_killed_clear_of_many_left_the_next_removes() {
    with_every_kill(dead, clear_both, check_cleared);
}

#[test]
fn a_failed_snapshot_leaves_every_value() {
    let before = values(&[("a", "1"), ("b", "2")]);
    with_every_fault(
        || disk(&[(one(), &before)]),
        |store| {
            let mut shown = Values::new();
            store.snapshot(&one(), TIMEOUT, &|_| true, &mut |userid, value| {
                let text = String::from_utf8(value.into_bytes()).unwrap();
                shown.insert(userid.to_string(), text);
                ControlFlow::Continue(())
            })?;
            Ok(shown)
        },
        |run| {
            // If only a part was read, the call returns an error.
            assert!(run.result.as_ref().map_or(true, |shown| *shown == before));
            assert_eq!(values_of(run.disk, &one()), before);
            assert_eq!(count(run.disk, Kind::Temporary), 0);
        },
    );
}
