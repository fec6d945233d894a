//! Reading and listing.

use userdata_core::store::{Condition, StoreErrorKind};
use userdata_core::{Store, Userid};

use super::mock::{Script, key, words};
use crate::Errno;

fn xl() -> Userid {
    Userid::new("xl").unwrap()
}

#[test]
fn a_read_is_four_calls_and_no_lock() {
    let script = Script::default();
    script.content(b"value");
    let value = script.store().get(&key(), &xl()).unwrap().unwrap();
    assert_eq!(value.as_bytes(), b"value");
    assert_eq!(
        script.calls(),
        words(&["open d", "fstat d", "read d", "close d"])
    );
}

#[test]
fn only_enoent_reads_as_no_value() {
    let script = Script::default();
    assert!(script.store().get(&key(), &xl()).unwrap().is_none());
    for errno in [
        Errno::ACCESS,
        Errno::IO,
        Errno::MFILE,
        Errno::NOTDIR,
        Errno::NOMEM,
        Errno::STALE,
        Errno::NAMETOOLONG,
    ] {
        let script = Script::default();
        script.fail("open d", 0, errno);
        script.store().get(&key(), &xl()).unwrap_err();
        let script = Script::default();
        script.fail("stat d", 0, errno);
        script.store().stat(&key(), &xl()).unwrap_err();
    }
}

#[test]
fn a_read_that_fails_closes_the_file() {
    for call in ["fstat d", "read d"] {
        let script = Script::default();
        script.content(b"value").fail(call, 0, Errno::IO);
        let error = script.store().get(&key(), &xl()).unwrap_err();
        assert!(matches!(error.kind(), StoreErrorKind::Failed(_)));
        assert_eq!(script.calls().last().unwrap(), "close d");
    }
}

#[test]
fn a_read_that_is_interrupted_is_repeated_within_a_bound() {
    let script = Script::default();
    script.content(b"value").fail("read d", 0, Errno::INTR);
    script.store().get(&key(), &xl()).unwrap_err();
    assert_eq!(
        script
            .calls()
            .iter()
            .filter(|call| *call == "read d")
            .count(),
        64
    );
}

#[test]
fn a_value_over_the_limit_is_not_read() {
    let script = Script::default();
    script.content(b"value");
    let error = script
        .store()
        .with_value_max(4)
        .get(&key(), &xl())
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LimitExceeded { limit: 4, size: 5 }
    ));
    assert_eq!(script.calls(), words(&["open d", "fstat d", "close d"]));
}

#[test]
fn an_empty_value_is_an_error_of_its_own() {
    let script = Script::default();
    script.content(b"");
    let store = script.store();
    let error = store.get(&key(), &xl()).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Empty));
    let entry = store.stat(&key(), &xl()).unwrap().unwrap();
    assert_eq!(entry.condition, Condition::Empty);
}

#[test]
fn a_listing_that_fails_is_not_an_empty_list() {
    let script = Script::default();
    script.fail("list", 0, Errno::IO);
    let store = script.store();
    store.list(&key()).unwrap_err();
    store
        .scan(&mut |_| std::ops::ControlFlow::Continue(()))
        .unwrap_err();
}
