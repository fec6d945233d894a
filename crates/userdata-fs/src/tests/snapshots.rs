//! Reading all values of a domain under its lock.

use std::ops::ControlFlow;

use userdata_core::Store;
use userdata_core::store::{StoreError, StoreErrorKind};

use super::mock::{Script, deadline, file, key, words};
use crate::Errno;

const ACQUIRE: [&str; 6] = [
    "create l", "lock l", "fstat l", "stat l", "at_path", "stat L",
];
const READ: [&str; 4] = ["open d", "fstat d", "read d", "close d"];
const RELEASE: [&str; 4] = ["stat l", "unlink l", "unlock l", "close l"];

fn script() -> Script {
    let script = Script::default();
    let of = |kind, rest| file(&key(), kind, rest);
    script
        .names(vec![
            of("d", "a"),
            of("d", "b"),
            of("t", "00"),
            of("z", "c"),
        ])
        .content(b"value");
    script
}

fn snapshot(script: &Script) -> Result<Vec<String>, StoreError> {
    let mut shown = Vec::new();
    script
        .store()
        .snapshot(&key(), deadline(), &|_| true, &mut |userid, _| {
            shown.push(userid.to_string());
            ControlFlow::Continue(())
        })?;
    Ok(shown)
}

#[test]
fn values_are_read_between_two_looks_at_the_lock() {
    let script = script();
    assert_eq!(snapshot(&script).unwrap(), ["a", "b"]);
    let calls = [&ACQUIRE[..], &["list"], &READ, &READ, &["stat l"], &RELEASE];
    assert_eq!(script.calls(), words(&calls.concat()));
}

#[test]
fn a_lock_broken_while_values_are_read_fails_the_snapshot() {
    let script = script();
    script.replace("stat l", 1);
    let error = snapshot(&script).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: false }
    ));
    assert!(!script.calls().contains(&"unlink l".to_owned()));
}

#[test]
fn a_lock_file_that_stays_does_a_snapshot_no_harm() {
    let script = script();
    script.fail("unlink l", 0, Errno::IO);
    assert_eq!(snapshot(&script).unwrap(), ["a", "b"]);
}

#[test]
fn after_a_failure_of_a_snapshot_the_lock_is_given_back() {
    for call in ["list", "open d", "fstat d", "read d"] {
        let script = script();
        script.fail(call, 0, Errno::IO);
        snapshot(&script).unwrap_err();
        let calls = script.calls();
        assert_eq!(calls[calls.len() - 4..], words(&RELEASE), "{call}");
    }
}
