//! Putting values for many domains: the order of the calls.

use std::time::Duration;

use userdata_core::store::{
    Durability, Operation, Put, PutEach, Refused, StoreError, StoreErrorKind, StoredAll,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Uuid, WritableUserid};

use super::mock::{Script, key};
use crate::{Errno, Promises};

fn script() -> Script {
    let script = Script::default();
    script.promise(Promises::ALL);
    script
}

fn keys() -> Vec<DomainKey> {
    let key = |number| DomainKey::new(Domid::new(number).unwrap(), Uuid::from_u128(0x55));
    (1..=8).map(key).collect()
}

/// Puts one value for each of eight domains, of which `refused` is not admitted.
fn put(
    script: &Script,
    durability: Durability,
    refused: Option<DomainKey>,
) -> Vec<Result<StoredAll, StoreError>> {
    let userid = WritableUserid::new("xl").unwrap();
    let values = [Put::new(&userid, NonEmpty::new(b"new").unwrap())];
    let puts: Vec<_> = keys()
        .into_iter()
        .map(|key| PutEach::new(key, &values))
        .collect();
    let mut admit = |key: &_, _: &_| match Some(*key) == refused {
        true => Err(Refused::NoSuchDomain),
        false => Ok(()),
    };
    let timeout = Duration::from_millis(20);
    script
        .store()
        .put_each(&puts, timeout, durability, &mut admit)
}

/// The calls, whichever domain they are for.
fn calls(script: &Script) -> Vec<String> {
    let calls = script.calls();
    let stripped = calls
        .iter()
        .map(|call| call.replace(|c: char| c.is_ascii_digit(), ""));
    stripped.collect()
}

fn made(script: &Script, call: &str) -> usize {
    calls(script).iter().filter(|made| *made == call).count()
}

/// Where the first and the last call with this text are.
fn span(script: &Script, call: &str) -> (usize, usize) {
    let calls = calls(script);
    let is_it = |made: &String| made == call;
    let first = calls.iter().position(is_it).unwrap();
    (first, calls.iter().rposition(is_it).unwrap())
}

#[test]
fn many_domains_are_synced_once_before_the_first_rename() {
    let script = script();
    let results = put(&script, Durability::Full, None);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(made(&script, "sync_file t"), 0);
    assert_eq!(made(&script, "sync_all l"), 1);
    assert_eq!(made(&script, "rename t d"), 8);
    assert_eq!(made(&script, "sync"), 1);
    let order = ["lock l", "write t", "sync_all l", "rename t d", "sync"];
    let spans = order.map(|call| span(&script, call));
    assert!(spans.is_sorted_by(|before, after| before.1 < after.0));
    // Every lock is held until all is durable.
    assert!(span(&script, "sync").1 < span(&script, "unlock l").0);
    assert_eq!(made(&script, "unlock l"), 8);
}

#[test]
fn without_the_promise_each_file_is_synced_before_its_rename() {
    let script = Script::default();
    let results = put(&script, Durability::Full, None);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(made(&script, "sync_all l"), 0);
    assert_eq!(made(&script, "sync_file t"), 8);
    assert!(span(&script, "sync_file t").1 < span(&script, "rename t d").0);
    assert_eq!(made(&script, "sync"), 1);
}

#[test]
fn unsynced_values_of_many_domains_are_not_synced() {
    let script = script();
    let results = put(&script, Durability::Process, None);
    assert!(results.iter().all(Result::is_ok));
    for call in ["sync_all l", "sync_file t", "sync"] {
        assert_eq!(made(&script, call), 0, "{call}");
    }
}

#[test]
fn a_refused_domain_is_unlocked_and_the_others_are_put() {
    let script = script();
    let refused = keys()[2];
    let results = put(&script, Durability::Full, Some(refused));
    let made_of: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(
        made_of,
        [true, true, false, true, true, true, true, true],
        "{results:?}"
    );
    assert_eq!(made(&script, "rename t d"), 7);
    assert_eq!(made(&script, "unlock l"), 8);
}

#[test]
fn a_domain_whose_lock_is_not_free_is_put_after_the_others() {
    let script = script();
    script.fail_once("lock l3", Errno::AGAIN);
    let results = put(&script, Durability::Full, None);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    // No pause was made while other locks were held.
    let calls = script.calls();
    assert!(!calls.iter().any(|call| call.starts_with("pause")));
    assert_eq!(made(&script, "lock l"), 9);
    assert_eq!(made(&script, "rename t d"), 8);
    let (first_unlock, last_lock) = (span(&script, "unlock l").0, span(&script, "lock l").1);
    assert!(first_unlock < last_lock);
}

#[test]
fn many_domains_that_cannot_be_synced_keep_their_values() {
    let script = script();
    script.fail("sync_all l1", 0, Errno::IO);
    for result in put(&script, Durability::Full, None) {
        let error = result.unwrap_err();
        assert_eq!(error.operation(), Operation::SyncFile);
        assert!(!error.is_applied());
    }
    assert_eq!(made(&script, "rename t d"), 0);
    assert_eq!(made(&script, "unlink t"), 8);
    assert_eq!(made(&script, "unlock l"), 8);
}

#[test]
fn a_directory_that_cannot_be_synced_is_told_for_each_domain() {
    let script = script();
    script.fail("sync", 0, Errno::IO);
    for result in put(&script, Durability::Full, None) {
        let error = result.unwrap_err();
        let kind = error.kind();
        assert!(matches!(kind, StoreErrorKind::ReplacedNotDurable(_)));
        assert!(error.is_applied());
    }
}

#[test]
fn a_value_that_cannot_be_written_fails_its_own_domain() {
    let script = script();
    script.fail_once("write t3", Errno::IO);
    let results = put(&script, Durability::Full, None);
    let failed: Vec<_> = results
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].operation(), Operation::Write);
    assert_eq!(made(&script, "rename t d"), 7);
}

#[test]
fn one_domain_is_put_as_by_a_change() {
    let userid = WritableUserid::new("xl").unwrap();
    let values = [Put::new(&userid, NonEmpty::new(b"new").unwrap())];
    let (each, alone) = (script(), script());
    let put = PutEach::new(key(), &values);
    let (timeout, durability) = (Duration::from_millis(20), Durability::Full);
    let results = each
        .store()
        .put_each(&[put], timeout, durability, &mut |_, _| Ok(()));
    assert!(matches!(&*results, [Ok(_)]));
    put.put_alone(&alone.store(), timeout, durability, &mut |_, _| Ok(()))
        .unwrap();
    assert_eq!(each.calls(), alone.calls());
}
