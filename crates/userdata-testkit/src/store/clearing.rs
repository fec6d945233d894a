//! Clearing: many values removed at once.

use std::time::Duration;

use userdata_core::store::{Cleared, Done, Durability, Expect, Keep, Op, Refused, State};
use userdata_core::{DomainKey, Store};
use userdata_core::{Userid, WritableUserid};

use super::StoreUnderTest;
use super::steps::{
    PATIENT, assert_refused, change, clear, contents, delete, domain, get, is_closing, put, put_if,
    store, userid,
};

/// Clears with one op, and panics if it fails.
#[track_caller]
pub(super) fn clear_all(client: &dyn Store, key: &DomainKey, keep: Keep) -> Cleared {
    let durability = Durability::Full;
    match change(client, key, &[Op::Clear { keep, durability }]).pop() {
        Some(Done::Cleared(cleared)) => {
            assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
            assert!(cleared.durability >= durability);
            cleared
        }
        other => panic!("a clear answered {other:?}"),
    }
}

/// Stores a value under each userid, and returns the userids in order.
#[track_caller]
pub(super) fn fill(client: &dyn Store, key: &DomainKey, userids: &[WritableUserid]) -> Vec<Userid> {
    for userid in userids {
        store(client, key, userid, b"value");
    }
    let mut stored: Vec<Userid> = userids.iter().cloned().map(Userid::from).collect();
    stored.sort();
    stored
}

/// Keeping the essential keeps libxl's own record of a domain and removes every other value. The
/// removed userids are reported in order.
pub fn keeping_the_essential_keeps_libxl_json_alone(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let json = WritableUserid::libxl_json();
    store(&*client, &key, &json, b"{}\0");
    let stored = fill(
        &*client,
        &key,
        &["xl", "libvirt-xml", "a", "libxl-json2"].map(userid),
    );
    let cleared = clear_all(&*client, &key, Keep::Essential);
    assert_eq!(cleared.removed, stored);
    assert_eq!(
        get(&*client, &key, json.as_userid()).as_deref(),
        Some(&b"{}\0"[..])
    );
    assert_eq!(contents(&*client).len(), 1);
}

/// Keeping nothing removes every value.
pub fn keeping_nothing_removes_every_value(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let stored = fill(
        &*client,
        &key,
        &["xl", "libxl-json", "a", "", "*", "a b"].map(userid),
    );
    let cleared = clear_all(&*client, &key, Keep::Nothing);
    assert_eq!(cleared.removed, stored);
    assert_eq!(client.list(&key).expect("a list is had"), []);
    assert!(contents(&*client).is_empty());
}

/// Clearing a domain without values removes nothing and succeeds.
pub fn clearing_nothing_removes_nothing(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    for keep in [Keep::Essential, Keep::Nothing] {
        let cleared = clear_all(&*client, &key, keep);
        assert_eq!(cleared.removed, []);
        assert_eq!(cleared.others, []);
    }
}

/// A value that the same change puts after a clear is the only one afterwards.
pub fn a_value_can_be_put_behind_a_clear(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (xl, other) = (userid("xl"), userid("other"));
    for keep in [Keep::Essential, Keep::Nothing] {
        store(&*client, &key, &xl, b"old");
        store(&*client, &key, &other, b"old");
        let ops = [
            clear(keep),
            put_if(&xl, b"new", Expect::Absent),
            delete(other.as_userid()),
        ];
        let done = change(&*client, &key, &ops);
        assert!(
            matches!(
                &*done,
                [Done::Cleared(_), Done::Stored { .. }, Done::NothingToRemove]
            ),
            "{done:?}"
        );
        assert_eq!(
            get(&*client, &key, xl.as_userid()).as_deref(),
            Some(&b"new"[..])
        );
        assert_eq!(contents(&*client).len(), 1);
    }
}

/// A clear by another client removes the values of a domain with a closing mark, and leaves the
/// mark in force.
pub fn a_clear_leaves_a_mark_that_is_held(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let mark = client
        .close(&key, PATIENT, &mut |_| Ok(()))
        .expect("a mark is made");
    let other = under_test.client();
    for keep in [Keep::Essential, Keep::Nothing] {
        let stored = fill(&*other, &key, &["xl", "a"].map(userid));
        assert_eq!(clear_all(&*other, &key, keep).removed, stored);
        assert!(
            is_closing(&*other, &key),
            "a clear removed a mark that is held"
        );
    }
    mark.reopen(PATIENT).expect("a domain is reopened");
    assert!(!is_closing(&*other, &key));
}

/// A change that is admitted before the clear of another client is not made behind it, whether the
/// domain has values, had some or never had any, and whether a value was stored since. In an engine
/// with locks the clear is busy, and the change is made.
pub fn a_change_admitted_before_a_clear_is_not_made_behind_it(under_test: &StoreUnderTest) {
    let (client, other) = (under_test.client(), under_test.client());
    let xl = userid("xl");
    for (number, (stored, emptied, again)) in (1..).zip([
        (false, false, false),
        (false, false, true),
        (true, false, false),
        (true, false, true),
        (true, true, false),
        (true, true, true),
    ]) {
        let key = domain(number, number.into());
        if stored {
            store(&*client, &key, &xl, b"old");
        }
        if emptied {
            clear_all(&*client, &key, Keep::Nothing);
        }
        let mut cleared = None;
        let mut admit = |_: &State| match cleared {
            None => {
                let ops = [clear(Keep::Nothing)];
                let done = other.change(&key, Duration::ZERO, &mut |_| Ok(()), &ops);
                if done.is_ok() && again {
                    store(&*other, &key, &xl, b"again");
                }
                cleared = Some(done.is_ok());
                Ok(())
            }
            // The domain is gone, as the clear has found.
            Some(true) => Err(Refused::NoSuchDomain),
            Some(false) => Ok(()),
        };
        let changed = client.change(&key, PATIENT, &mut admit, &[put(&xl, b"late")]);
        let found = get(&*client, &key, xl.as_userid());
        if cleared == Some(true) {
            assert_refused(changed, &Refused::NoSuchDomain);
            let wanted = again.then(|| b"again".to_vec());
            assert!(found == wanted, "a change is made behind a clear");
        } else {
            changed.expect("a change that was admitted first is made");
            assert_eq!(found.as_deref(), Some(&b"late"[..]));
        }
    }
}
