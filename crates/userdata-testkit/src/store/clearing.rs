//! Clearing: many values removed at once.

use userdata_core::store::{Cleared, Done, Durability, Expect, Keep, Op};
use userdata_core::{DomainKey, Store};
use userdata_core::{Userid, WritableUserid};

use super::StoreUnderTest;
use super::steps::{
    PATIENT, change, clear, contents, delete, domain, get, is_closing, put_if, store, userid,
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
