//! Closing: the mark on a domain that is being destroyed.

use userdata_core::store::{ClosingMark, Durability, Refused};
use userdata_core::{DomainKey, Store, Userid, WritableUserid};

use super::StoreUnderTest;
use super::clearing::fill;
use super::steps::{PATIENT, assert_refused, contents, domain, get, is_closing, store, userid};

#[track_caller]
fn close(client: &dyn Store, key: &DomainKey) -> Box<dyn ClosingMark> {
    let mut seen = None;
    let mut admit = |state: &userdata_core::store::State| {
        seen = Some(state.closing);
        Ok(())
    };
    let mark = client
        .close(key, PATIENT, &mut admit)
        .expect("a mark is made");
    assert_eq!(
        seen,
        Some(false),
        "a new mark is reported to its own admission"
    );
    mark
}

/// While a mark exists, every change by any client gets to know it, and may be refused because of
/// it.
pub fn a_mark_is_seen_by_every_change(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let other = under_test.client();
    assert!(!is_closing(&*other, &key));
    let mark = close(&*client, &key);
    for client in [&*client, &*other, &*under_test.client()] {
        assert!(is_closing(client, &key));
        let mut admit = |state: &userdata_core::store::State| match state.closing {
            true => Err(Refused::BeingDestroyed),
            false => Ok(()),
        };
        let ops = [super::steps::put(&xl, b"value")];
        let changed = client.change(&key, PATIENT, &mut admit, &ops);
        assert_refused(changed, &Refused::BeingDestroyed);
    }
    assert!(contents(&*other).is_empty());
    drop(mark);
}

/// A mark only informs: values can be read, and changed by a caller that admits the change.
pub fn values_can_be_read_and_changed_under_a_mark(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    store(&*client, &key, &xl, b"old");
    let mark = close(&*client, &key);
    assert_eq!(
        get(&*client, &key, xl.as_userid()).as_deref(),
        Some(&b"old"[..])
    );
    store(&*client, &key, &xl, b"new");
    assert_eq!(
        get(&*client, &key, xl.as_userid()).as_deref(),
        Some(&b"new"[..])
    );
    assert_eq!(client.list(&key).expect("a list is had").len(), 1);
    drop(mark);
}

/// A refused mark is not made, and nothing else changes.
pub fn a_mark_that_is_refused_is_not_made(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    store(&*client, &key, &xl, b"value");
    let before = contents(&*client);
    let closed = client.close(&key, PATIENT, &mut |_| Err(Refused::NoSuchDomain));
    assert_refused(closed, &Refused::NoSuchDomain);
    assert!(!is_closing(&*client, &key));
    assert!(contents(&*client) == before);
}

/// If a client closes a domain that another client has closed, its admission sees the first mark,
/// and the call is refused even if it admits. The first mark stays.
pub fn a_domain_is_closed_once_at_a_time(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let first = close(&*client, &key);
    for client in [&*client, &*under_test.client()] {
        let mut seen = None;
        let mut admit = |state: &userdata_core::store::State| {
            seen = Some(state.closing);
            Ok(())
        };
        let second = client.close(&key, PATIENT, &mut admit);
        assert_refused(second, &Refused::BeingDestroyed);
        assert_eq!(seen, Some(true));
        assert!(
            is_closing(client, &key),
            "the second client removed the first mark"
        );
    }
    first.reopen(PATIENT).expect("a domain is reopened");
    close(&*client, &key)
        .reopen(PATIENT)
        .expect("a domain is reopened");
}

/// A dropped mark is void at once, leaves all data, and does not block the next mark.
pub fn a_mark_that_is_dropped_is_void_and_leaves_all_data(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    fill(&*client, &key, &["xl", "libxl-json"].map(userid));
    let before = contents(&*client);
    drop(close(&*client, &key));
    assert!(!is_closing(&*client, &key));
    assert!(!is_closing(&*under_test.client(), &key));
    assert!(contents(&*client) == before);
    drop(close(&*under_test.client(), &key));
}

/// A reopened domain keeps every byte, and nothing is left of the mark.
pub fn a_domain_that_is_reopened_keeps_its_data(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    fill(&*client, &key, &["xl", "libxl-json"].map(userid));
    let (before, records) = (contents(&*client), scanned(&*client));
    let mark = close(&*client, &key);
    mark.reopen(PATIENT).expect("a domain is reopened");
    assert!(!is_closing(&*client, &key));
    assert!(contents(&*client) == before);
    assert_eq!(scanned(&*client), records);
}

/// Clearing a closed domain removes all of its values, `libxl-json` included, and the mark. Other
/// domains keep their values, and a domain with the same key starts empty and open.
pub fn clearing_a_closed_domain_removes_all_of_it_and_the_mark(under_test: &StoreUnderTest) {
    let (client, key, other) = (under_test.client(), domain(1, 1), domain(2, 2));
    let stored = fill(&*client, &key, &["xl", "libxl-json", "", "a b"].map(userid));
    fill(&*client, &other, &["xl"].map(userid));
    let mark = close(&*client, &key);
    let cleared = mark
        .clear(PATIENT, Durability::Full, &mut |_| Ok(()))
        .expect("a closed domain is cleared");
    assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
    assert!(cleared.durability >= Durability::Full);
    assert_eq!(cleared.removed, stored);
    assert_eq!(client.list(&key).expect("a list is had"), []);
    let left: Vec<_> = contents(&*client)
        .into_keys()
        .map(|(owner, _)| owner.uuid)
        .collect();
    assert_eq!(left, [other.uuid]);
    assert_eq!(
        scanned(&*client),
        1,
        "more is left than the value of another domain"
    );
    assert!(!is_closing(&*client, &key));
    let xl = userid("xl");
    store(&*client, &key, &xl, b"again");
    assert_eq!(
        get(&*client, &key, xl.as_userid()).as_deref(),
        Some(&b"again"[..])
    );
}

/// If the clear of a closed domain is refused, because the domain exists again, the mark goes and
/// every value stays.
pub fn a_refused_clear_removes_the_mark_alone(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    fill(&*client, &key, &["xl", "libxl-json"].map(userid));
    let (before, records) = (contents(&*client), scanned(&*client));
    let mark = close(&*client, &key);
    let refused = mark.clear(PATIENT, Durability::Full, &mut |state| {
        assert!(
            !state.closing,
            "the mark that is cleared is the caller's own"
        );
        Err(Refused::ExistsAgain)
    });
    assert_refused(refused, &Refused::ExistsAgain);
    assert!(contents(&*client) == before);
    assert_eq!(scanned(&*client), records);
    assert!(!is_closing(&*client, &key));
}

/// A mark exists as long as its process, even if the client that made it is dropped.
pub fn a_mark_outlives_the_client_that_made_it(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let stored: Vec<Userid> = fill(&*client, &key, &["xl"].map(userid));
    let mark = close(&*client, &key);
    drop(client);
    let other = under_test.client();
    assert!(is_closing(&*other, &key));
    let cleared = mark
        .clear(PATIENT, Durability::Process, &mut |_| Ok(()))
        .expect("a closed domain is cleared");
    assert_eq!(cleared.removed, stored);
    assert!(!is_closing(&*other, &key));
}

/// A mark does not concern a domain with another domid or another uuid.
pub fn a_mark_is_for_one_domain(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let mark = close(&*client, &domain(5, 5));
    for other in [domain(5, 6), domain(50, 6), under_test.domain_zero()] {
        assert!(!is_closing(&*client, &other), "{other}");
    }
    if under_test.tells_domids_apart() {
        assert!(!is_closing(&*client, &domain(6, 5)));
    }
    drop(mark);
}

/// A lost mark tells of a value that was stored after the mark remembered the data, and does not
/// clear that value until the mark has remembered it, too. Under a mark that is not lost nothing is
/// stored: the mark tells of nothing, and clears.
pub fn a_mark_that_was_lost_tells_of_newer_values_and_keeps_them(under_test: &StoreUnderTest) {
    let (client, other, xl) = (under_test.client(), under_test.client(), userid("xl"));
    for (key, remembers_again) in [(domain(1, 1), true), (domain(2, 2), false)] {
        let mut mark = close(&*client, &key);
        store(&*client, &key, &xl, b"old");
        assert!(!is_changed(&*mark), "told although nothing was remembered");
        mark.remember(PATIENT).expect("the data is remembered");
        assert!(!is_stored(&*other, &key, &xl), "stored under a mark");
        store(&*other, &domain(3, 3), &xl, b"of another domain");
        assert!(!is_changed(&*mark), "told although nothing was stored");
        let is_lost = under_test.lose_marks();
        assert!(!is_changed(&*mark), "told of the loss alone");
        assert_eq!(is_stored(&*other, &key, &xl), is_lost);
        assert_eq!(is_changed(&*mark), is_lost);
        if is_lost && remembers_again {
            mark.remember(PATIENT).expect("the data is remembered");
            assert!(!is_changed(&*mark), "told of what is remembered");
        }
        let cleared = mark.clear(PATIENT, Durability::Process, &mut |_| Ok(()));
        if is_lost && !remembers_again {
            assert_refused(cleared, &Refused::Changed);
            let left = get(&*other, &key, xl.as_userid());
            assert_eq!(left.as_deref(), Some(&b"new"[..]));
        } else {
            let cleared = cleared.expect("a closed domain is cleared");
            assert_eq!(cleared.removed, [xl.as_userid().clone()]);
        }
    }
}

#[track_caller]
fn is_changed(mark: &dyn ClosingMark) -> bool {
    mark.is_changed(PATIENT).expect("the data is read")
}

/// Stores a new value unless the domain is closing. Whether it was stored.
#[track_caller]
fn is_stored(client: &dyn Store, key: &DomainKey, userid: &WritableUserid) -> bool {
    let mut closing = false;
    let mut admit = |state: &userdata_core::store::State| {
        closing = state.closing;
        match closing {
            true => Err(Refused::BeingDestroyed),
            false => Ok(()),
        }
    };
    let ops = [super::steps::put(userid, b"new")];
    let changed = client.change(key, PATIENT, &mut admit, &ops);
    if closing {
        assert_refused(changed, &Refused::BeingDestroyed);
    } else {
        changed.expect("an admitted change is made");
    }
    !closing
}

/// The number of records of any kind.
#[track_caller]
fn scanned(client: &dyn Store) -> usize {
    let mut records = 0;
    let scanned = client.scan(&mut |_| {
        records += 1;
        std::ops::ControlFlow::Continue(())
    });
    scanned.expect("a store is scanned");
    records
}
