//! Putting several values, all of them or none.

use userdata_core::store::{
    Clash, Done, Durability, Op, Operation, Put, StoreError, StoreErrorKind, StoredAll,
};
use userdata_core::value::NonEmpty;
use userdata_core::{Store, WritableUserid};

use super::mock::{Script, deadline, key, words};
use crate::Errno;

const ACQUIRE: [&str; 7] = [
    "create l", "lock l", "fstat l", "stat l", "at_path", "stat L", "open c",
];
const STAGE: [&str; 5] = ["random", "create t", "write t", "sync_file t", "close t"];
const SECOND: [&str; 2] = ["random", "link d t"];
const NAME: [&str; 2] = ["stat l", "rename t d"];
const RELEASE: [&str; 4] = ["stat l", "unlink l", "unlock l", "close l"];

/// Puts two values with the same bytes.
fn put_two(script: &Script, clash: Clash, durability: Durability) -> Result<StoredAll, StoreError> {
    put_under(script, ["a", "b"], clash, durability)
}

fn put_under(
    script: &Script,
    userids: [&str; 2],
    clash: Clash,
    durability: Durability,
) -> Result<StoredAll, StoreError> {
    let userids = userids.map(|name| WritableUserid::new(name).unwrap());
    let data = NonEmpty::new(b"new").unwrap();
    let values: Vec<_> = userids
        .iter()
        .map(|userid| Put::new(userid, data))
        .collect();
    let op = Op::PutAll {
        values: &values,
        clash,
        durability,
    };
    let mut done = script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &[op])?;
    match done.pop() {
        Some(Done::StoredAll(stored)) => Ok(stored),
        other => panic!("{other:?}"),
    }
}

fn sequence(parts: &[&[&str]]) -> Vec<String> {
    words(&parts.concat())
}

fn made(script: &Script, call: &str) -> usize {
    script.calls().iter().filter(|made| *made == call).count()
}

/// A script without old values, so that no file gets a second name.
fn empty() -> Script {
    Script::default()
}

/// A script with other values under both names.
fn filled() -> Script {
    let script = Script::default();
    script.content(b"old");
    script
}

#[test]
fn all_is_written_and_synced_before_the_first_rename() {
    let script = empty();
    let done = put_two(&script, Clash::Refuse, Durability::Full).unwrap();
    assert_eq!(done.stored.len(), 2);
    assert_eq!(
        script.calls(),
        sequence(&[
            &ACQUIRE,
            &["open d", "open d"],
            &STAGE,
            &STAGE,
            &NAME,
            &NAME,
            &["sync"],
            &RELEASE,
        ])
    );
}

#[test]
fn what_is_replaced_has_a_second_name_until_all_is_done() {
    let script = filled();
    put_two(&script, Clash::Replace, Durability::Full).unwrap();
    let read = ["open d", "fstat d", "read d", "close d"];
    assert_eq!(
        script.calls(),
        sequence(&[
            &ACQUIRE,
            &read,
            &read,
            &STAGE,
            &SECOND,
            &STAGE,
            &SECOND,
            &NAME,
            &NAME,
            &["unlink t", "unlink t", "sync"],
            &RELEASE,
        ])
    );
}

#[test]
fn without_links_what_is_replaced_is_copied() {
    for errno in [Errno::PERM, Errno::OPNOTSUPP, Errno::MLINK] {
        let script = filled();
        script.fail("link d t", 0, errno);
        put_two(&script, Clash::Replace, Durability::Full).unwrap();
        // Both values and both copies are written and synced, and the copies go.
        assert_eq!(made(&script, "create t"), 4);
        assert_eq!(made(&script, "sync_file t"), 4);
        assert_eq!(made(&script, "rename t d"), 2);
        assert_eq!(made(&script, "unlink t"), 2);
    }
}

#[test]
fn values_that_are_put_together_are_synced_as_asked_for() {
    for (durability, files, names) in [
        (Durability::Process, 0, 0),
        (Durability::File, 2, 0),
        (Durability::Full, 2, 1),
    ] {
        let script = empty();
        let done = put_two(&script, Clash::Refuse, durability).unwrap();
        assert_eq!(done.durability, durability);
        assert_eq!(made(&script, "sync_file t"), files);
        assert_eq!(made(&script, "sync"), names);
    }
}

#[test]
fn unchanged_values_are_made_as_durable_as_asked_for() {
    for (durability, files, names) in [
        (Durability::Process, 0, 0),
        (Durability::File, 2, 0),
        (Durability::Full, 2, 1),
    ] {
        let script = Script::default();
        script.content(b"new");
        let done = put_two(&script, Clash::Refuse, durability).unwrap();
        assert_eq!(done.unchanged.len(), 2);
        assert_eq!(made(&script, "create t"), 0);
        assert_eq!(made(&script, "sync_file d"), files);
        assert_eq!(made(&script, "sync"), names);
    }
    // After a failed sync the same file must not be synced again, so the value is written to a new
    // one.
    let script = Script::default();
    script.content(b"new").fail("sync_file d", 1, Errno::IO);
    let done = put_two(&script, Clash::Refuse, Durability::Full).unwrap();
    assert_eq!((done.unchanged.len(), done.stored.len()), (1, 1));
    assert_eq!(made(&script, "sync_file t"), 1);
}

#[test]
fn a_clash_is_found_before_anything_is_written() {
    let script = filled();
    let error = put_two(&script, Clash::Refuse, Durability::Full).unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(made(&script, "create t"), 0);
    let script = filled();
    let done = put_two(&script, Clash::Keep, Durability::Full).unwrap();
    assert_eq!(done.kept.len(), 2);
    assert_eq!(made(&script, "create t"), 0);
}

#[test]
fn two_values_of_one_userid_are_refused_before_the_lock() {
    let script = empty();
    let put = put_under(&script, ["a", "a"], Clash::Replace, Durability::Full);
    let error = put.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Unsupported));
    assert_eq!(error.operation(), Operation::Admit);
    assert_eq!(script.calls(), words(&[]));
}

#[test]
fn after_a_failure_nothing_is_named_and_nothing_left() {
    // The last number counts the temporary files and second names that are to be removed.
    for (call, before, removed) in [
        ("random", 0, 0),
        ("create t", 0, 0),
        ("write t", 0, 1),
        ("sync_file t", 0, 1),
        ("close t", 0, 1),
        ("random", 1, 1),
        ("link d t", 0, 1),
        ("random", 2, 2),
        ("create t", 1, 2),
        ("write t", 1, 3),
        ("close t", 1, 3),
        ("link d t", 1, 3),
        ("stat l", 1, 4),
        ("rename t d", 0, 4),
    ] {
        let script = filled();
        script.fail(call, before, Errno::IO);
        let error = put_two(&script, Clash::Replace, Durability::Full).unwrap_err();
        assert!(!error.is_applied(), "{error:?}");
        assert_eq!(error.left_behind(), None, "{call}");
        assert_eq!(made(&script, "unlink t"), removed, "{call} {before}");
        let renamed = usize::from(call == "rename t d");
        assert_eq!(made(&script, "rename t d"), renamed, "{call} {before}");
    }
}

#[test]
fn a_value_without_a_name_has_the_named_ones_restored() {
    let script = filled();
    script.fail("stat l", 2, Errno::IO);
    let error = put_two(&script, Clash::Replace, Durability::Full).unwrap_err();
    assert_eq!(error.operation(), Operation::CheckLock);
    assert_eq!(error.left_behind(), None);
    let calls = script.calls();
    let failed = calls.iter().rposition(|call| call == "rename t d").unwrap();
    // First the old value gets its name back, durably. Then the temporary file and the second name
    // of the second value are removed.
    let back = ["rename t d", "sync", "unlink t", "unlink t"];
    assert_eq!(calls[failed..failed + 4], words(&back));
    assert_eq!(made(&script, "rename t d"), 2);

    let script = empty();
    script.fail("stat l", 2, Errno::IO);
    put_two(&script, Clash::Replace, Durability::Full).unwrap_err();
    assert_eq!(made(&script, "unlink d"), 1);
}

#[test]
fn a_value_that_cannot_be_restored_is_named() {
    let script = empty();
    script
        .fail("stat l", 2, Errno::IO)
        .fail("unlink d", 0, Errno::ROFS);
    let error = put_two(&script, Clash::Replace, Durability::Full).unwrap_err();
    assert!(error.left_behind().unwrap().starts_with(b"userdata-d.5."));
}

#[test]
fn a_lock_lost_in_the_middle_restores_nothing() {
    for named in [0, 1] {
        let script = filled();
        script.replace("stat l", 1 + named);
        let error = put_two(&script, Clash::Replace, Durability::Full).unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::LockLost { applied } if *applied == (named > 0)),
            "{error:?}"
        );
        // A value that another process has stored since stays, and no file of this one is left.
        assert_eq!(made(&script, "rename t d"), named);
        assert_eq!(made(&script, "unlink t"), 4 - named);
        assert_eq!(made(&script, "unlink l"), 0);
    }
}

#[test]
fn names_that_are_not_durable_are_said_to_be_so() {
    let script = empty();
    script.fail("sync", 0, Errno::IO);
    let error = put_two(&script, Clash::Refuse, Durability::Full).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::ReplacedNotDurable(_)
    ));
}
