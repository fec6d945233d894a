//! Removing everything of a domain.

use userdata_core::Store;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{Cleared, Done, Durability, Keep, Op, StoreError, StoreErrorKind};

use super::mock::{Script, deadline, key, words};
use crate::Errno;

fn names() -> Vec<FileName> {
    let name = |kind: &str, rest: &str| {
        let name = format!("userdata-{kind}.{}.{rest}", key());
        FileName::parse(NameFormat::Libxl, name.as_bytes()).unwrap()
    };
    vec![
        name("d", "libxl-json"),
        name("d", "xl"),
        name("l", "domain-userdata-lock"),
        name("l", "qmp-socket-lock"),
        name("n", "xl"),
        name("t", "00"),
        name("z", "whatever"),
    ]
}

fn clear(script: &Script, keep: Keep) -> Result<Cleared, StoreError> {
    script.names(names());
    let op = [Op::Clear {
        keep,
        durability: Durability::Full,
    }];
    let mut done = script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &op)?;
    match done.pop() {
        Some(Done::Cleared(cleared)) => Ok(cleared),
        other => panic!("{other:?}"),
    }
}

fn body(script: &Script) -> Vec<String> {
    let calls = script.calls();
    // Without acquiring the lock, looking for the marker, and releasing the lock.
    calls[7..calls.len() - 4].to_vec()
}

#[test]
fn everything_goes_and_other_locks_only_under_their_own_flock() {
    let script = Script::default();
    let cleared = clear(&script, Keep::Nothing).unwrap();
    assert_eq!(
        cleared
            .removed
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["libxl-json", "xl"]
    );
    assert_eq!((cleared.others.len(), cleared.failed.len()), (4, 0));
    let other = [
        "open_lock l",
        "lock l",
        "fstat l",
        "stat l",
        "unlink l",
        "unlock l",
        "close l",
    ];
    let calls = [
        &["list", "stat l", "unlink d", "unlink d"][..],
        &other,
        &["unlink n", "unlink t", "unlink z", "sync"],
    ];
    assert_eq!(body(&script), words(&calls.concat()));
}

#[test]
fn a_living_domain_keeps_its_libxl_json_and_its_locks() {
    let script = Script::default();
    let cleared = clear(&script, Keep::Essential).unwrap();
    assert_eq!(
        cleared
            .removed
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["xl"]
    );
    let calls = [
        "list", "stat l", "unlink d", "unlink n", "unlink t", "unlink z", "sync",
    ];
    assert_eq!(body(&script), words(&calls));
}

#[test]
fn after_a_failure_the_rest_is_removed_and_each_failure_reported() {
    let script = Script::default();
    script
        .fail("unlink d", 1, Errno::IO)
        .fail("unlink n", 0, Errno::PERM);
    let cleared = clear(&script, Keep::Nothing).unwrap();
    assert_eq!((cleared.removed.len(), cleared.others.len()), (1, 3));
    let [first, second] = &cleared.failed[..] else {
        panic!("{cleared:?}")
    };
    assert!(first.file().ends_with(b".xl") && matches!(first.kind(), StoreErrorKind::Failed(_)));
    assert!(matches!(second.kind(), StoreErrorKind::NotPermitted(_)));
}

#[test]
fn a_value_and_a_lock_file_that_stay_are_both_reported() {
    let script = Script::default();
    script
        .fail("unlink d", 1, Errno::IO)
        .fail("stat l", 3, Errno::IO);
    let cleared = clear(&script, Keep::Nothing).unwrap();
    let [first, second] = &cleared.failed[..] else {
        panic!("{cleared:?}")
    };
    assert!(first.file().ends_with(b".xl"));
    assert!(matches!(second.kind(), StoreErrorKind::LockLeft(_)));
}

#[test]
fn the_lock_file_of_another_program_that_holds_it_stays() {
    let script = Script::default();
    script.fail("lock l", 1, Errno::AGAIN);
    let cleared = clear(&script, Keep::Nothing).unwrap();
    assert!(
        matches!(cleared.failed[..], [ref error] if matches!(error.kind(), StoreErrorKind::Held))
    );
    let unlinks = script
        .calls()
        .iter()
        .filter(|call| *call == "unlink l")
        .count();
    assert_eq!(unlinks, 1, "only our own lock on release");
}

#[test]
fn a_removal_that_is_not_durable_is_reported() {
    let script = Script::default();
    script.fail("sync", 0, Errno::IO);
    let cleared = clear(&script, Keep::Nothing).unwrap();
    assert_eq!(cleared.durability, Durability::Process);
    let [failure] = cleared.failed.as_slice() else {
        panic!("{:?}", cleared.failed)
    };
    assert!(matches!(
        failure.kind(),
        StoreErrorKind::RemovedNotDurable(_)
    ));
}

#[test]
fn nothing_is_removed_under_a_lock_that_was_broken() {
    let script = Script::default();
    script.replace("stat l", 1);
    let error = clear(&script, Keep::Nothing).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: false }
    ));
    assert!(!script.calls().iter().any(|call| call.starts_with("unlink")));
}
