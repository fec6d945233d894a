//! Admission: the caller's decision under the lock, and its consequences.

use std::panic::{AssertUnwindSafe, catch_unwind};

use userdata_core::Version;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};
use userdata_core::store::{Done, Expect, Keep, Refused, StoreErrorKind};

use super::StoreUnderTest;
use super::steps::{
    PATIENT, assert_differs, assert_refused, change, clear, contents, delete, domain, get, put,
    put_if, store, try_change, userid,
};

/// A refused change returns the caller's refusal and changes nothing, whatever its ops are.
pub fn a_refused_change_changes_nothing(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (xl, new) = (userid("xl"), userid("new"));
    store(&*client, &key, &xl, b"value");
    let before = contents(&*client);
    let refusals: [fn() -> Refused; 3] = [
        || Refused::NoSuchDomain,
        || Refused::BeingDestroyed,
        || {
            let kind = HypervisorErrorKind::Malformed {
                what: "no answer".to_owned(),
            };
            Refused::Unknown(HypervisorError::new("look up domain 1", kind))
        },
    ];
    for refusal in refusals {
        for ops in [
            &[put(&xl, b"other")][..],
            &[put(&new, b"value")],
            &[delete(xl.as_userid())],
            &[clear(Keep::Essential)],
            &[clear(Keep::Nothing)],
            &[
                put(&new, b"value"),
                delete(xl.as_userid()),
                clear(Keep::Nothing),
            ],
            &[],
        ] {
            let changed = client.change(&key, PATIENT, &mut |_| Err(refusal()), ops);
            assert_refused(changed, &refusal());
            assert!(contents(&*client) == before, "after {ops:?}");
        }
    }
    // No lock is left that would block other changes.
    store(&*client, &key, &xl, b"other");
}

/// A change without ops asks for admission too, and can be refused.
pub fn a_change_of_nothing_is_admitted_too(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let mut asked = 0;
    let mut admit = |state: &userdata_core::store::State| {
        asked += 1;
        assert!(!state.closing);
        Ok(())
    };
    let done = client
        .change(&key, PATIENT, &mut admit, &[])
        .expect("a change of nothing is made");
    assert!(done.is_empty());
    assert!(asked > 0);
    assert!(contents(&*client).is_empty());
}

/// Ops are tried after the admission only: a refused caller does not learn that a comparison would
/// have failed.
pub fn admission_is_asked_before_an_op_is_tried(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let stale = put_if(&xl, b"new", Expect::Version(Version::of(b"stale")));
    let mut asked = false;
    let mut admit = |_: &userdata_core::store::State| {
        asked = true;
        Err(Refused::NoSuchDomain)
    };
    let changed = client.change(&key, PATIENT, &mut admit, &[stale]);
    assert_refused(changed, &Refused::NoSuchDomain);
    assert!(asked);
}

/// The ops of a change are applied one after another, and each has its own answer.
pub fn ops_are_applied_in_order(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (a, b) = (userid("a"), userid("b"));
    let ops = [
        delete(a.as_userid()),
        put_if(&a, b"1", Expect::Absent),
        put_if(&a, b"2", Expect::Version(Version::of(b"1"))),
        put(&b, b"3"),
        delete(b.as_userid()),
        put_if(&b, b"4", Expect::Absent),
        delete(a.as_userid()),
    ];
    let done = change(&*client, &key, &ops);
    assert!(
        matches!(
            &*done,
            [
                Done::NothingToRemove,
                Done::Stored { .. },
                Done::Stored { .. },
                Done::Stored { .. },
                Done::Removed { .. },
                Done::Stored { .. },
                Done::Removed { .. },
            ]
        ),
        "{done:?}"
    );
    assert_eq!(get(&*client, &key, a.as_userid()), None);
    assert_eq!(
        get(&*client, &key, b.as_userid()).as_deref(),
        Some(&b"4"[..])
    );
}

/// The ops before one that fails stay applied; the ops after it are not tried.
pub fn an_op_that_fails_stops_those_behind_it(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (a, b, c) = (userid("a"), userid("b"), userid("c"));
    store(&*client, &key, &b, b"there");
    store(&*client, &key, &c, b"kept");
    let ops = [
        put(&a, b"1"),
        put_if(&b, b"2", Expect::Absent),
        delete(c.as_userid()),
        put(&a, b"3"),
    ];
    assert_differs(try_change(&*client, &key, &ops), Some(b"there"));
    assert_eq!(
        get(&*client, &key, a.as_userid()).as_deref(),
        Some(&b"1"[..])
    );
    assert_eq!(
        get(&*client, &key, b.as_userid()).as_deref(),
        Some(&b"there"[..])
    );
    assert_eq!(
        get(&*client, &key, c.as_userid()).as_deref(),
        Some(&b"kept"[..])
    );
}

/// If the caller's code panics during the admission, nothing changes, and no lock stays held.
pub fn a_panic_while_admitting_changes_nothing_and_leaves_no_lock(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    store(&*client, &key, &xl, b"value");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut admit = |_: &userdata_core::store::State| -> Result<(), Refused> {
            std::panic::resume_unwind(Box::new("a panic on purpose"))
        };
        client.change(&key, PATIENT, &mut admit, &[delete(xl.as_userid())])
    }));
    assert!(panicked.is_err(), "a panic is swallowed");
    for client in [client, under_test.client()] {
        assert_eq!(
            get(&*client, &key, xl.as_userid()).as_deref(),
            Some(&b"value"[..])
        );
        let now = std::time::Duration::ZERO;
        let changed = client.change(&key, now, &mut |_| Ok(()), &[put(&xl, b"value")]);
        match changed {
            Ok(_) => {}
            Err(error) => match error.kind() {
                StoreErrorKind::DeadlinePassed { .. } => panic!("the lock outlives a panic"),
                other => panic!("a change after a panic failed as {other:?}"),
            },
        }
    }
}
