//! Moving values from one domain to another, under the locks of both.

use userdata_core::file_name::FileName;
use userdata_core::store::{
    Clash, Durability, Refused, StoreError, StoreErrorKind, Transfer, Transferred,
};
use userdata_core::{DomainKey, Store};

use super::mock::{Script, deadline, file, higher, key, words};
use crate::Errno;

const FIRST: [&str; 6] = [
    "create l", "lock l", "fstat l", "stat l", "at_path", "stat L",
];
const SECOND: [&str; 5] = ["create l9", "lock l9", "fstat l9", "stat l9", "at_path"];
const CHECKS: [&str; 2] = ["stat l", "stat l9"];
const RELEASE: [&str; 8] = [
    "stat l9",
    "unlink l9",
    "unlock l9",
    "close l9",
    "stat l",
    "unlink l",
    "unlock l",
    "close l",
];

fn names(of: &DomainKey) -> Vec<FileName> {
    vec![
        file(of, "d", "a"),
        file(of, "d", "b"),
        file(of, "t", "00"),
        file(of, "z", "a"),
    ]
}

/// A script in which one of the domains has two values, and the other has none.
fn from(giver: &DomainKey) -> Script {
    let script = Script::default();
    let there = if *giver == key() { "stat d9" } else { "stat d" };
    script.content(b"value");
    script.names(names(giver)).fail(there, 0, Errno::NOENT);
    script
}

fn transfer(script: &Script, durability: Durability) -> Result<Transferred, StoreError> {
    give(script, key(), higher(), durability)
}

fn give(
    script: &Script,
    from: DomainKey,
    to: DomainKey,
    durability: Durability,
) -> Result<Transferred, StoreError> {
    let all = |_: &_| true;
    let transfer = Transfer::new(from, to, &all).with_durability(durability);
    script
        .store()
        .transfer(&transfer, deadline(), &mut |_, _| Ok(()))
}

fn sequence(parts: &[&[&str]]) -> Vec<String> {
    words(&parts.concat())
}

fn made(script: &Script, call: &str) -> usize {
    script.calls().iter().filter(|made| *made == call).count()
}

#[test]
fn the_lower_key_is_locked_first_whichever_domain_gives() {
    let script = from(&key());
    let moved = transfer(&script, Durability::Full).unwrap();
    assert_eq!(moved.moved.len(), 2);
    let plan = [
        "open c", "open c9", "list", "stat d", "stat d9", "stat d", "stat d9",
    ];
    let synced = ["open d", "sync_file d", "close d"];
    let one = [&CHECKS[..], &["rename d d9"]].concat();
    assert_eq!(
        script.calls(),
        sequence(&[
            &FIRST,
            &SECOND,
            &plan,
            &synced,
            &synced,
            &one,
            &one,
            &["sync"],
            &RELEASE
        ])
    );

    let script = from(&higher());
    give(&script, higher(), key(), Durability::Process).unwrap();
    let plan = [
        "open c9", "open c", "list", "stat d9", "stat d", "stat d9", "stat d",
    ];
    let one = ["stat l9", "stat l", "rename d9 d"];
    assert_eq!(
        script.calls(),
        sequence(&[&FIRST, &SECOND, &plan, &one, &one, &RELEASE])
    );
}

#[test]
fn a_transfer_of_a_domain_to_itself_makes_no_call() {
    let script = from(&key());
    let error = give(&script, key(), key(), Durability::Full).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Unsupported));
    assert_eq!(script.calls(), words(&[]));
}

#[test]
fn a_second_lock_that_is_held_gives_the_first_one_back() {
    let script = from(&key());
    script.fail("lock l9", 0, Errno::AGAIN);
    let error = transfer(&script, Durability::Full).unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    let calls = script.calls();
    assert_eq!(calls[calls.len() - 4..], words(&RELEASE[4..]));
    assert_eq!(made(&script, "list") + made(&script, "unlink l9"), 0);
}

#[test]
fn a_refused_transfer_looks_for_no_value() {
    let script = from(&key());
    let all = |_: &_| true;
    let refuse = &mut |_: &_, _: &_| Err(Refused::NoSuchDomain);
    let transfer = Transfer::new(key(), higher(), &all);
    let transferred = script.store().transfer(&transfer, deadline(), refuse);
    transferred.unwrap_err();
    assert_eq!(
        script.calls(),
        sequence(&[&FIRST, &SECOND, &["open c", "open c9"], &RELEASE])
    );
}

#[test]
fn a_failure_of_a_transfer_gives_both_locks_back() {
    for (call, before, renames) in [
        ("open c", 0, 0),
        ("open c9", 0, 0),
        ("list", 0, 0),
        ("stat d", 0, 0),
        ("stat d", 1, 0),
        ("open d", 1, 0),
        ("sync_file d", 1, 0),
        ("stat l", 1, 0),
        ("rename d d9", 0, 1),
        ("rename d d9", 1, 2),
        ("sync", 0, 2),
    ] {
        let script = from(&key());
        script.fail(call, before, Errno::IO);
        transfer(&script, Durability::Full).unwrap_err();
        assert_eq!(made(&script, "rename d d9"), renames, "{call}");
        let calls = script.calls();
        let released = match call {
            // The comparison on release fails as well.
            "stat l" => words(&["stat l9", "unlink l9", "unlock l9", "close l9", "stat l"]),
            _ => words(&RELEASE),
        };
        let at = calls.len() - released.len() - if call == "stat l" { 2 } else { 0 };
        assert_eq!(calls[at..at + released.len()], released, "{call}");
    }
}

#[test]
fn a_lock_lost_in_the_middle_says_that_a_part_was_moved() {
    for (lock, moved) in [("stat l", false), ("stat l9", false), ("stat l", true)] {
        let script = from(&key());
        script.replace(lock, if moved { 2 } else { 1 });
        let error = transfer(&script, Durability::Full).unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::LockLost { applied } if *applied == moved),
            "{error:?}"
        );
        assert_eq!(made(&script, "rename d d9"), usize::from(moved));
        // The lock file under that name belongs to another process, and stays.
        assert_eq!(made(&script, &lock.replace("stat", "unlink")), 0);
    }
    let script = from(&key());
    script.fail("rename d d9", 1, Errno::NOENT);
    let error = transfer(&script, Durability::Full).unwrap_err();
    assert!(error.is_applied(), "{error:?}");
}

#[test]
fn a_failure_in_the_middle_says_that_a_part_was_moved() {
    for (before, moved) in [(0, false), (1, true)] {
        let script = from(&key());
        script.fail("rename d d9", before, Errno::IO);
        let error = transfer(&script, Durability::Full).unwrap_err();
        assert!(matches!(error.kind(), StoreErrorKind::Failed(_)));
        assert_eq!(error.is_applied(), moved, "{error}");
        assert_eq!(error.to_string().contains("after a part"), moved);
    }
}

#[test]
fn a_transfer_that_is_made_again_syncs_the_names() {
    let script = Script::default();
    let moved = transfer(&script, Durability::Full).unwrap();
    assert_eq!(moved.moved, []);
    assert_eq!(made(&script, "sync"), 1);
    let script = Script::default();
    transfer(&script, Durability::File).unwrap();
    assert_eq!(made(&script, "sync"), 0);
}

#[test]
fn a_value_removed_meanwhile_is_passed_over() {
    let script = from(&key());
    script.fail("stat d", 1, Errno::NOENT);
    let moved = transfer(&script, Durability::Process).unwrap();
    assert_eq!(moved.moved.len(), 1);
    assert_eq!(made(&script, "rename d d9"), 1);
}

#[test]
fn values_are_compared_unless_they_are_to_be_replaced() {
    let read = |script: &Script| made(script, "read d") + made(script, "read d9");
    let all = |_: &_| true;
    let plain = Transfer::new(key(), higher(), &all);
    for (clash, reads) in [(Clash::Replace, 0), (Clash::Refuse, 4), (Clash::Keep, 4)] {
        let script = Script::default();
        script.names(names(&key())).content(b"equal");
        let transfer = plain.with_clash(clash);
        let moved = script
            .store()
            .transfer(&transfer, deadline(), &mut |_, _| Ok(()));
        assert_eq!(moved.unwrap().moved.len(), 2);
        assert_eq!(read(&script), reads, "{clash:?}");
    }
}
