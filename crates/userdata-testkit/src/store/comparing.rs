//! Compare-and-swap: a change that is made only if the store has the expected value.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use userdata_core::Version;
use userdata_core::store::{Done, Expect, StoreErrorKind};

use super::StoreUnderTest;
use super::steps::{
    assert_differs, change, delete_if, domain, get, put_if, store, try_change, userid,
};

/// After this many tries of one update a thread counts as starved.
const TRIES_MAX: usize = 100_000;

/// A put that expects absence stores the first value and not a second one.
pub fn absence_can_be_expected(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let done = change(&*client, &key, &[put_if(&xl, b"first", Expect::Absent)]);
    assert!(matches!(&*done, [Done::Stored { .. }]), "{done:?}");
    let second = try_change(&*client, &key, &[put_if(&xl, b"second", Expect::Absent)]);
    assert_differs(second, Some(b"first"));
    assert_eq!(
        get(&*client, &key, xl.as_userid()).as_deref(),
        Some(&b"first"[..])
    );
}

/// A put that expects the version of the stored value replaces it, even with the same bytes.
pub fn a_version_can_be_expected(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    store(&*client, &key, &xl, b"first");
    let version = |value| Expect::Version(Version::of(value));
    for (old, new) in [
        (b"first", b"other"),
        (b"other", b"other"),
        (b"other", b"third"),
    ] {
        let done = change(&*client, &key, &[put_if(&xl, new, version(old))]);
        assert!(matches!(&*done, [Done::Stored { .. }]), "{done:?}");
        assert_eq!(
            get(&*client, &key, xl.as_userid()).as_deref(),
            Some(&new[..])
        );
    }
}

/// A put that expects a version changes nothing if another version is stored, or no value; the
/// error has the version that is stored.
pub fn a_stale_version_changes_nothing(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let stale = Expect::Version(Version::of(b"stale"));
    assert_differs(
        try_change(&*client, &key, &[put_if(&xl, b"new", stale)]),
        None,
    );
    assert_eq!(get(&*client, &key, xl.as_userid()), None);
    store(&*client, &key, &xl, b"there");
    for op in [put_if(&xl, b"new", stale), delete_if(xl.as_userid(), stale)] {
        let changed = try_change(&*client, &key, &[op]);
        assert_differs(changed, Some(b"there"));
        assert_eq!(
            get(&*client, &key, xl.as_userid()).as_deref(),
            Some(&b"there"[..])
        );
    }
}

/// A delete compares like a put. A delete that expects absence succeeds if there is no value.
pub fn deletes_compare_too(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let version = |value: &[u8]| Expect::Version(Version::of(value));
    let done = change(&*client, &key, &[delete_if(xl.as_userid(), Expect::Absent)]);
    assert!(matches!(&*done, [Done::NothingToRemove]), "{done:?}");
    assert_differs(
        try_change(
            &*client,
            &key,
            &[delete_if(xl.as_userid(), version(b"gone"))],
        ),
        None,
    );
    store(&*client, &key, &xl, b"there");
    for expect in [Expect::Absent, version(b"stale")] {
        let changed = try_change(&*client, &key, &[delete_if(xl.as_userid(), expect)]);
        assert_differs(changed, Some(b"there"));
    }
    let done = change(
        &*client,
        &key,
        &[delete_if(xl.as_userid(), version(b"there"))],
    );
    assert!(matches!(&*done, [Done::Removed { .. }]), "{done:?}");
    assert_eq!(get(&*client, &key, xl.as_userid()), None);
}

/// Of several clients that store a first value at the same time one succeeds, and the others get an
/// error.
pub fn of_concurrent_first_values_one_is_stored(under_test: &StoreUnderTest) {
    let (key, xl) = (domain(1, 1), userid("xl"));
    for round in 0..8_u8 {
        let made = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..4_u8 {
                let (made, key, xl) = (&made, &key, &xl);
                scope.spawn(move || {
                    let client = under_test.client();
                    let first = put_if(xl, std::slice::from_ref(&number), Expect::Absent);
                    match try_change(&*client, key, &[first]) {
                        Ok(_) => {
                            made.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => match error.kind() {
                            StoreErrorKind::PreconditionFailed { found: Some(_) } => {}
                            other => panic!("a late first value failed as {other:?}"),
                        },
                    }
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 1, "in round {round}");
        change(
            &*under_test.client(),
            &key,
            &[delete_if(xl.as_userid(), Expect::Any)],
        );
    }
}

/// A counter that several threads increment by compare-and-swap, each with its own client, ends at
/// the sum.
pub fn concurrent_updates_lose_nothing(under_test: &StoreUnderTest) {
    const THREADS: u64 = 4;
    const COUNTS: u64 = 25;
    let (key, xl) = (domain(1, 1), userid("xl"));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (key, xl) = (&key, &xl);
            scope.spawn(move || {
                let client = under_test.client();
                for _ in 0..COUNTS {
                    let counted = (0..TRIES_MAX).any(|_| count_up(&*client, key, xl));
                    assert!(counted, "one update is starved by the others");
                }
            });
        }
    });
    let counted = get(&*under_test.client(), &key, xl.as_userid()).map(|bytes| number(&bytes));
    assert_eq!(counted, Some(THREADS * COUNTS));
}

/// Tries once; false if another thread was first.
fn count_up(
    client: &dyn userdata_core::Store,
    key: &userdata_core::DomainKey,
    xl: &userdata_core::WritableUserid,
) -> bool {
    let old = get(client, key, xl.as_userid());
    let expect = old
        .as_deref()
        .map_or(Expect::Absent, |old| Expect::Version(Version::of(old)));
    let next = old.map_or(0, |old| number(&old)) + 1;
    match try_change(
        client,
        key,
        &[put_if(xl, next.to_string().as_bytes(), expect)],
    ) {
        Ok(_) => true,
        Err(error) => match error.kind() {
            StoreErrorKind::PreconditionFailed { .. } | StoreErrorKind::GaveUp { .. } => false,
            other => panic!("an update failed as {other:?}"),
        },
    }
}

fn number(bytes: &[u8]) -> u64 {
    let text = std::str::from_utf8(bytes).expect("the text of a number");
    text.parse().expect("a number")
}
