//! Putting values for many domains: the result of each is its own.

use std::time::Duration;

use userdata_core::store::{Durability, Put, PutEach, Refused, StoreErrorKind};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store, WritableUserid};

use super::StoreUnderTest;
use super::sharing::while_a_change_is_under_way;
use super::steps::{PATIENT, assert_refused, contents, domain, get, store, userid};

/// More than a store is likely to change at once.
const MANY: u16 = 70;

fn keys(count: u16) -> Vec<DomainKey> {
    (1..=count)
        .map(|number| domain(number, number.into()))
        .collect()
}

const fn value<'a>(userid: &'a WritableUserid, bytes: &'a [u8]) -> Put<'a> {
    let data = NonEmpty::new(bytes).expect("a value has at least one byte");
    Put::new(userid, data)
}

fn read(client: &dyn Store, key: &DomainKey, userid: &WritableUserid) -> Option<Vec<u8>> {
    get(client, key, userid.as_userid())
}

/// The values of many domains are put, at least as durably as asked for, whether they are new,
/// replace others, or are there already.
pub fn values_of_many_domains_are_put(under_test: &StoreUnderTest) {
    let (client, keys) = (under_test.client(), keys(MANY));
    let (a, b) = (userid("a"), userid("b"));
    let levels = [Durability::Process, Durability::File, Durability::Full];
    for (round, durability) in (0_u8..).zip(levels) {
        let bytes = [round; 100];
        let values = [value(&a, &bytes), value(&b, b"the same")];
        let puts: Vec<_> = keys.iter().map(|key| PutEach::new(*key, &values)).collect();
        let results = client.put_each(&puts, PATIENT, durability, &mut |_, _| Ok(()));
        assert_eq!(results.len(), keys.len());
        for (key, result) in keys.iter().zip(results) {
            let done = result.expect("values are put for each of many domains");
            assert!(done.durability >= durability);
            assert_eq!(done.stored.len() + done.unchanged.len(), 2);
            assert_eq!(done.unchanged.len(), usize::from(round > 0));
            assert_eq!(read(&*client, key, &a).as_deref(), Some(&bytes[..]));
            assert_eq!(read(&*client, key, &b).as_deref(), Some(&b"the same"[..]));
        }
    }
    assert_eq!(contents(&*client).len(), 2 * keys.len());
}

/// A domain that the admission refuses keeps its values, and the others get theirs.
pub fn a_refusal_of_a_put_is_that_of_one_domain(under_test: &StoreUnderTest) {
    let (client, keys, xl) = (under_test.client(), keys(5), userid("xl"));
    let refused = domain(3, 3);
    store(&*client, &refused, &xl, b"old");
    let values = [value(&xl, b"new")];
    let puts: Vec<_> = keys.iter().map(|key| PutEach::new(*key, &values)).collect();
    let mut admit = |key: &DomainKey, _: &_| match *key == refused {
        true => Err(Refused::BeingDestroyed),
        false => Ok(()),
    };
    let results = client.put_each(&puts, PATIENT, Durability::Full, &mut admit);
    for (key, result) in keys.iter().zip(results) {
        let there = read(&*client, key, &xl);
        if *key == refused {
            assert_refused(result, &Refused::BeingDestroyed);
            assert_eq!(there.as_deref(), Some(&b"old"[..]));
        } else {
            assert_eq!(result.expect("the others are put").stored.len(), 1);
            assert_eq!(there.as_deref(), Some(&b"new"[..]));
        }
    }
}

/// If the values of one domain can't be put, it keeps all of its own, and the others get theirs.
pub fn values_that_cannot_be_put_are_those_of_one_domain(under_test: &StoreUnderTest) {
    let (client, keys) = (under_test.client(), keys(3));
    let (a, b) = (userid("a"), userid("b"));
    let good = [value(&a, b"1"), value(&b, b"2")];
    let twice = [value(&a, b"1"), value(&a, b"2")];
    let puts: Vec<_> = keys
        .iter()
        .zip([&good, &twice, &good])
        .map(|(key, values)| PutEach::new(*key, values))
        .collect();
    let results = client.put_each(&puts, PATIENT, Durability::Process, &mut |_, _| Ok(()));
    let made: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(made, [true, false, true]);
    let failed = results.into_iter().filter_map(Result::err);
    for error in failed {
        assert!(matches!(error.kind(), StoreErrorKind::Unsupported));
    }
    assert_eq!(contents(&*client).len(), 4);
}

/// If a domain is named several times, its values are put in that order.
pub fn a_domain_that_is_named_twice_has_the_later_values(under_test: &StoreUnderTest) {
    let (client, key, other) = (under_test.client(), domain(1, 1), domain(2, 2));
    let xl = userid("xl");
    let values = [b"first", b"other", b"third", b"later"].map(|bytes| [value(&xl, bytes)]);
    let puts: Vec<_> = [key, other, key, key]
        .into_iter()
        .zip(&values)
        .map(|(key, values)| PutEach::new(key, values))
        .collect();
    for result in client.put_each(&puts, PATIENT, Durability::Process, &mut |_, _| Ok(())) {
        assert_eq!(result.expect("each is put").stored.len(), 1);
    }
    assert_eq!(read(&*client, &key, &xl).as_deref(), Some(&b"later"[..]));
    assert_eq!(read(&*client, &other, &xl).as_deref(), Some(&b"other"[..]));
}

/// A domain that another client keeps until the timeout is reported as busy, and the others get
/// their values. An engine without locks puts those of all.
pub fn a_domain_that_is_held_does_not_stop_the_puts(under_test: &StoreUnderTest) {
    let (keys, held, xl) = (keys(3), domain(2, 2), userid("xl"));
    let (changed, ()) = while_a_change_is_under_way(under_test, &held, || {
        let client = under_test.client();
        let values = [value(&xl, b"new")];
        let puts: Vec<_> = keys.iter().map(|key| PutEach::new(*key, &values)).collect();
        let results = client.put_each(&puts, Duration::ZERO, Durability::Process, &mut |_, _| {
            Ok(())
        });
        for (key, result) in keys.iter().zip(results) {
            match result {
                Ok(_) => assert!(read(&*client, key, &xl).is_some()),
                Err(error) => assert!(*key == held && error.is_busy(), "{key}: {error:?}"),
            }
        }
    });
    // The change itself may meet the other one, in an engine without locks.
    let _ = changed;
    let client = under_test.client();
    for key in keys.iter().filter(|key| **key != held) {
        assert_eq!(read(&*client, key, &xl).as_deref(), Some(&b"new"[..]));
    }
}
