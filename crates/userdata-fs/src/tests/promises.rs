//! Durable changes where the file system promises more than POSIX does.

use userdata_core::store::{
    Clash, Done, Durability, Op, Operation, Put, StoreError, StoreErrorKind,
};
use userdata_core::value::NonEmpty;
use userdata_core::{Store, WritableUserid};

use super::mock::{Script, deadline, key, put, userid, words};
use crate::{Errno, Promises};

const ACQUIRE: [&str; 7] = [
    "create l", "lock l", "fstat l", "stat l", "at_path", "stat L", "open c",
];
const WRITE: [&str; 4] = ["random", "create t", "write t", "write_back t"];
const NAME: [&str; 3] = ["stat d", "stat l", "rename t d"];
const RELEASE: [&str; 4] = ["stat l", "unlink l", "unlock l", "close l"];

fn script() -> Script {
    let script = Script::default();
    script.promise(Promises::ALL);
    script
}

fn store(script: &Script, durability: Durability) -> Result<Vec<Done>, StoreError> {
    let userid = userid();
    let op = [put(&userid, durability)];
    script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &op)
}

/// Puts this many new values.
fn put_new(script: &Script, count: usize, durability: Durability) -> Result<Vec<Done>, StoreError> {
    let userids = (0..count).map(|number| WritableUserid::new(format!("new-{number}")).unwrap());
    let userids: Vec<_> = userids.collect();
    let data = NonEmpty::new(b"new").unwrap();
    let values: Vec<_> = userids
        .iter()
        .map(|userid| Put::new(userid, data))
        .collect();
    let op = Op::PutAll {
        values: &values,
        clash: Clash::Refuse,
        durability,
    };
    script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &[op])
}

fn made(script: &Script, call: &str) -> usize {
    script.calls().iter().filter(|made| *made == call).count()
}

#[test]
fn with_one_barrier_the_file_is_synced_once_after_the_rename() {
    let script = script();
    store(&script, Durability::Full).unwrap();
    let synced = ["sync_file_and_name t", "close t"];
    let expected = [&ACQUIRE[..], &WRITE, &NAME, &synced, &RELEASE].concat();
    assert_eq!(script.calls(), words(&expected));
}

#[test]
fn one_barrier_changes_nothing_of_a_store_that_is_not_full() {
    for durability in [Durability::Process, Durability::File] {
        let (with, without) = (script(), Script::default());
        store(&with, durability).unwrap();
        store(&without, durability).unwrap();
        assert_eq!(with.calls(), without.calls());
    }
}

#[test]
fn a_kernel_without_the_call_syncs_the_file_before_the_rename() {
    let script = script();
    script.fail("write_back t", 0, Errno::NOSYS);
    store(&script, Durability::Full).unwrap();
    let synced = ["sync_file_and_name t", "close t"];
    let expected = [
        &ACQUIRE[..],
        &WRITE,
        &["sync_file t"],
        &NAME,
        &synced,
        &RELEASE,
    ]
    .concat();
    assert_eq!(script.calls(), words(&expected));
}

#[test]
fn a_failure_before_the_rename_removes_the_temporary_file() {
    for (call, before, operation) in [
        ("write t", 0, Operation::Write),
        ("write_back t", 0, Operation::SyncFile),
        ("stat d", 0, Operation::Inspect),
        ("stat l", 1, Operation::CheckLock),
        ("rename t d", 0, Operation::Replace),
    ] {
        let script = script();
        script.fail(call, before, Errno::IO);
        let error = store(&script, Durability::Full).unwrap_err();
        assert_eq!(error.operation(), operation, "{call}");
        assert!(!error.is_applied());
        assert_eq!(made(&script, "unlink t"), 1, "{call}");
        assert_eq!(made(&script, "close t"), 1, "{call}");
        assert_eq!(made(&script, "sync_file_and_name t"), 0, "{call}");
    }
}

#[test]
fn a_failure_after_the_rename_is_replaced_but_not_durable() {
    let script = script();
    script.fail("sync_file_and_name t", 0, Errno::IO);
    let error = store(&script, Durability::Full).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::ReplacedNotDurable(_)
    ));
    assert!(error.is_applied());
    assert_eq!(made(&script, "unlink t"), 0);
    assert_eq!(made(&script, "close t"), 1);
}

#[test]
fn a_batch_is_synced_once_before_the_first_rename() {
    let script = script();
    put_new(&script, 8, Durability::Full).unwrap();
    let calls = script.calls();
    let at = |call: &str| calls.iter().position(|made| made == call).unwrap();
    assert_eq!(made(&script, "sync_file t"), 0);
    assert_eq!(made(&script, "sync_all l"), 1);
    assert_eq!(made(&script, "rename t d"), 8);
    assert_eq!(made(&script, "sync"), 1);
    let last_write = calls.iter().rposition(|made| made == "write t").unwrap();
    assert!(last_write < at("sync_all l") && at("sync_all l") < at("rename t d"));
}

#[test]
fn few_values_and_unsynced_values_are_no_batch() {
    for (count, durability, syncs) in [
        (7, Durability::Full, 7),
        (7, Durability::File, 7),
        (20, Durability::Process, 0),
    ] {
        let script = script();
        put_new(&script, count, durability).unwrap();
        assert_eq!(made(&script, "sync_file t"), syncs);
        assert_eq!(made(&script, "sync_all l"), 0);
    }
    let script = Script::default();
    put_new(&script, 8, Durability::Full).unwrap();
    assert_eq!(made(&script, "sync_file t"), 8);
}

#[test]
fn a_batch_that_cannot_be_synced_changes_nothing() {
    let script = script();
    script.fail("sync_all l", 0, Errno::IO);
    let error = put_new(&script, 9, Durability::Full).unwrap_err();
    assert_eq!(error.operation(), Operation::SyncFile);
    assert!(!error.is_applied());
    assert_eq!(made(&script, "unlink t"), 9);
    assert_eq!(made(&script, "rename t d"), 0);
}
