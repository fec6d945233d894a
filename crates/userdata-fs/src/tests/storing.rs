//! Storing and removing one value.

use userdata_core::store::{
    Done, Durability, Expect, Operation, Refused, StoreError, StoreErrorKind,
};
use userdata_core::value::NonEmpty;
use userdata_core::{Store, Version};

use super::mock::{Script, deadline, key, put, userid, words};
use crate::Errno;

const ACQUIRE: [&str; 6] = [
    "create l", "lock l", "fstat l", "stat l", "at_path", "stat L",
];
const RELEASE: [&str; 4] = ["stat l", "unlink l", "unlock l", "close l"];

fn store(script: &Script, durability: Durability) -> Result<Vec<Done>, StoreError> {
    script.store().change(
        &key(),
        deadline(),
        &mut |_| Ok(()),
        &[put(&userid(), durability)],
    )
}

fn sequence(parts: &[&[&str]]) -> Vec<String> {
    words(&parts.concat())
}

#[test]
fn a_durable_store_syncs_file_then_renames_then_syncs_directory() {
    let script = Script::default();
    let done = store(&script, Durability::Full).unwrap();
    assert!(matches!(
        done[..],
        [Done::Stored {
            durability: Durability::Full,
            displaced: None
        }]
    ));
    let write = [
        "open c",
        "random",
        "create t",
        "write t",
        "sync_file t",
        "close t",
    ];
    let replace = ["stat d", "stat l", "rename t d", "sync"];
    assert_eq!(
        script.calls(),
        sequence(&[&ACQUIRE, &write, &replace, &RELEASE])
    );
}

#[test]
fn a_store_syncs_no_more_than_was_asked_for() {
    for (durability, synced) in [(Durability::Process, false), (Durability::File, true)] {
        let script = Script::default();
        let done = store(&script, durability).unwrap();
        assert!(
            matches!(done[..], [Done::Stored { durability: reached, .. }] if reached == durability)
        );
        let calls = script.calls();
        assert_eq!(calls.contains(&"sync_file t".to_owned()), synced);
        assert!(!calls.contains(&"sync".to_owned()));
    }
}

#[test]
fn admission_is_asked_under_the_lock_before_any_write() {
    let script = Script::default();
    let seen = script.clone();
    let error = script
        .store()
        .change(
            &key(),
            deadline(),
            &mut |state| {
                assert!(!state.closing);
                assert_eq!(seen.calls(), sequence(&[&ACQUIRE, &["open c"]]));
                Err(Refused::NoSuchDomain)
            },
            &[put(&userid(), Durability::Full)],
        )
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::Refused(Refused::NoSuchDomain)
    ));
    assert_eq!(script.calls(), sequence(&[&ACQUIRE, &["open c"], &RELEASE]));
}

/// Which calls follow a failed one, for every call of a durable store.
#[test]
fn after_a_failure_at_each_single_call_only_the_clean_up_follows() {
    let cleanup = ["unlink t", "stat l", "unlink l", "unlock l", "close l"];
    let closed = [&["close t"][..], &cleanup].concat();
    for (call, before, operation, follows) in [
        // A file under the lock's name that can't be opened is looked at, to say what it is.
        ("create l", 0, Operation::Lock, &["stat l"][..]),
        ("lock l", 0, Operation::Lock, &["unlock l", "close l"]),
        ("fstat l", 0, Operation::Lock, &["unlock l", "close l"]),
        ("stat l", 0, Operation::Lock, &["unlock l", "close l"]),
        ("at_path", 0, Operation::Lock, &RELEASE),
        ("stat L", 0, Operation::CheckLock, &RELEASE),
        ("open c", 0, Operation::Mark, &RELEASE),
        ("random", 0, Operation::Create, &RELEASE),
        ("create t", 0, Operation::Create, &RELEASE),
        ("write t", 0, Operation::Write, &closed),
        ("sync_file t", 0, Operation::SyncFile, &closed),
        ("close t", 0, Operation::Close, &cleanup),
        ("stat d", 0, Operation::Inspect, &cleanup),
        (
            "stat l",
            1,
            Operation::CheckLock,
            &["unlink t", "stat l", "unlock l", "close l"],
        ),
        (
            "rename t d",
            0,
            Operation::Replace,
            &[&["stat d"][..], &cleanup].concat(),
        ),
        ("sync", 0, Operation::SyncDirectory, &RELEASE),
        ("stat l", 2, Operation::Unlock, &["unlock l", "close l"]),
        ("unlink l", 0, Operation::Unlock, &["unlock l", "close l"]),
    ] {
        let script = Script::default();
        script.fail(call, before, Errno::IO);
        let error = store(&script, Durability::Full).unwrap_err();
        assert_eq!(error.operation(), operation, "{call}");
        assert_eq!(error.left_behind(), None, "{call}");
        let calls = script.calls();
        let failed = calls
            .iter()
            .enumerate()
            .filter(|(_, c)| *c == call)
            .nth(before)
            .unwrap()
            .0;
        assert_eq!(calls[failed + 1..], words(follows), "after {call}");
        let is_third_outcome = matches!(
            error.kind(),
            StoreErrorKind::ReplacedNotDurable(_) | StoreErrorKind::LockLeft(_)
        );
        let replaced = calls[..failed].contains(&"rename t d".to_owned());
        assert_eq!(is_third_outcome, replaced, "{call}: {error:?}");
    }
    // The two that no outcome depends on: what they release is released by the close.
    for call in ["unlock l", "close l"] {
        let script = Script::default();
        script.fail(call, 0, Errno::IO);
        store(&script, Durability::Full).unwrap();
    }
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    for (call, errno) in [
        ("sync_file t", Errno::IO),
        ("sync_file t", Errno::INTR),
        ("sync", Errno::INTR),
    ] {
        let script = Script::default();
        script.fail(call, 0, errno);
        store(&script, Durability::Full).unwrap_err();
        assert_eq!(
            script.calls().iter().filter(|made| *made == call).count(),
            1
        );
    }
}

#[test]
fn a_temporary_file_that_can_not_be_removed_is_reported() {
    let script = Script::default();
    script
        .fail("write t", 0, Errno::NOSPC)
        .fail("unlink t", 0, Errno::ROFS);
    let error = store(&script, Durability::Process).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::NoSpace(_)));
    let left = error.left_behind().unwrap();
    assert!(left.starts_with(b"userdata-t.5."), "{error}");
}

#[test]
fn a_random_name_that_is_taken_is_drawn_again_within_a_bound() {
    let script = Script::default();
    script.fail("create t", 0, Errno::EXIST);
    let error = store(&script, Durability::Process).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::GaveUp { tries: 8 }));
    assert_eq!(
        script
            .calls()
            .iter()
            .filter(|call| *call == "random")
            .count(),
        8
    );
}

#[test]
fn a_lock_broken_before_the_rename_stops_the_store() {
    let script = Script::default();
    script.replace("stat l", 1);
    let error = store(&script, Durability::Full).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: false }
    ));
    let calls = script.calls();
    assert!(!calls.contains(&"rename t d".to_owned()));
    // The lock file under the name is another's and stays.
    assert!(!calls.contains(&"unlink l".to_owned()));
    assert!(calls.contains(&"unlink t".to_owned()));
}

#[test]
fn a_missing_temporary_file_means_that_the_lock_was_lost() {
    let script = Script::default();
    script.fail("rename t d", 0, Errno::NOENT);
    let error = store(&script, Durability::Full).unwrap_err();
    assert_eq!(error.operation(), Operation::Replace);
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: false }
    ));
    assert_eq!(error.left_behind(), None);
}

#[test]
fn a_lock_broken_after_the_rename_is_reported_as_lost() {
    let script = Script::default();
    script.replace("stat l", 2);
    let error = store(&script, Durability::Full).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: true }
    ));
    assert!(!script.calls().contains(&"unlink l".to_owned()));
}

#[test]
fn a_lock_broken_at_the_last_moment_is_reported_as_lost() {
    let script = Script::default();
    script.fail("unlink l", 0, Errno::NOENT);
    let error = store(&script, Durability::Full).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: true }
    ));
}

#[test]
fn an_unexpected_version_is_found_before_anything_is_written() {
    let script = Script::default();
    script.content(b"old");
    let (userid, expect) = (userid(), Expect::Version(Version::of(b"older")));
    let op = userdata_core::store::Op::Put {
        userid: &userid,
        data: NonEmpty::new(b"new").unwrap(),
        expect,
        durability: Durability::Full,
    };
    let error = script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &[op])
        .unwrap_err();
    let found = Some(Version::of(b"old"));
    assert!(
        matches!(error.kind(), StoreErrorKind::PreconditionFailed { found: f } if *f == found),
        "{error:?}",
    );
    let compare = ["open c", "open d", "fstat d", "read d", "close d"];
    assert_eq!(script.calls(), sequence(&[&ACQUIRE, &compare, &RELEASE]));
}

#[test]
fn a_durable_removal_syncs_the_directory_after_the_unlink() {
    let script = Script::default();
    let userid = userid();
    let op = userdata_core::store::Op::Delete {
        userid: userid.as_userid(),
        expect: Expect::Any,
        durability: Durability::Full,
    };
    let done = script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &[op])
        .unwrap();
    assert!(matches!(
        done[..],
        [Done::Removed {
            durability: Durability::Full
        }]
    ));
    let remove = ["open c", "stat l", "unlink d", "sync"];
    assert_eq!(script.calls(), sequence(&[&ACQUIRE, &remove, &RELEASE]));
}

#[test]
fn a_value_over_the_limit_is_refused_before_the_lock_is_taken() {
    let script = Script::default();
    let store = script.store().with_value_max(2);
    let error = store
        .change(
            &key(),
            deadline(),
            &mut |_| Ok(()),
            &[put(&userid(), Durability::Full)],
        )
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LimitExceeded { limit: 2, size: 3 }
    ));
    assert_eq!(script.calls(), words(&[]));
}
