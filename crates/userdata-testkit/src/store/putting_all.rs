//! Putting several values, all of them or none.

use std::sync::Barrier;
use std::thread;

use userdata_core::store::{
    Clash, Done, Durability, Keep, Op, Put, Refused, StoreError, StoreErrorKind, StoredAll,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store, Userid, WritableUserid};

use super::StoreUnderTest;
use super::steps::{
    PATIENT, assert_differs, assert_refused, change, clear, contents, delete, domain, get, put,
    store, try_change, userid,
};

/// Values by their userids.
struct Values(Vec<(WritableUserid, Vec<u8>)>);

impl Values {
    fn new(values: &[(&str, &[u8])]) -> Self {
        let values = values.iter();
        let owned = values.map(|(name, bytes)| (userid(name), bytes.to_vec()));
        Self(owned.collect())
    }

    fn puts(&self) -> Vec<Put<'_>> {
        let values = self.0.iter();
        let puts = values.map(|(userid, bytes)| {
            let data = NonEmpty::new(bytes).expect("a value has at least one byte");
            Put::new(userid, data)
        });
        puts.collect()
    }
}

const fn all<'a>(values: &'a [Put<'a>], clash: Clash) -> Op<'a> {
    Op::PutAll {
        values,
        clash,
        durability: Durability::Process,
    }
}

/// Puts all of the values in one change that is admitted.
fn try_put_all(
    client: &dyn Store,
    key: &DomainKey,
    values: &Values,
    clash: Clash,
) -> Result<StoredAll, StoreError> {
    let puts = values.puts();
    let mut done = try_change(client, key, &[all(&puts, clash)])?;
    match (done.pop(), done.pop()) {
        (Some(Done::StoredAll(stored)), None) => Ok(stored),
        other => panic!("putting several values answered {other:?}"),
    }
}

#[track_caller]
fn put_all(client: &dyn Store, key: &DomainKey, values: &Values, clash: Clash) -> StoredAll {
    try_put_all(client, key, values, clash).expect("several values are put")
}

fn names(userids: &[Userid]) -> Vec<String> {
    userids.iter().map(ToString::to_string).collect()
}

/// All values are put, whether they are new or replace others, and are named in the order in which
/// they were given.
pub fn all_values_are_put(under_test: &StoreUnderTest) {
    let (client, key, other) = (under_test.client(), domain(1, 1), domain(1, 2));
    store(&*client, &other, &userid("b"), b"another domain's");
    store(&*client, &key, &userid("b"), b"old");
    store(&*client, &key, &userid("z"), b"stays");
    let values = Values::new(&[("c", b"\0"), ("a", &[9; 4097]), ("b", b"new")]);
    let done = put_all(&*client, &key, &values, Clash::Replace);
    assert_eq!(names(&done.stored), ["c", "a", "b"]);
    assert_eq!((done.unchanged, done.kept), (vec![], vec![]));
    for client in [&client, &under_test.client()] {
        for (userid, bytes) in &values.0 {
            assert_eq!(
                get(&**client, &key, userid.as_userid()).as_ref(),
                Some(bytes)
            );
        }
        assert_eq!(contents(&**client).len(), 5);
    }
    let there = get(&*client, &other, userid("b").as_userid());
    assert_eq!(there.as_deref(), Some(&b"another domain's"[..]));
}

/// A value that is there with the same bytes does not clash, and is named as unchanged.
pub fn an_equal_value_is_unchanged(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let values = Values::new(&[("b", b"2"), ("a", b"1"), ("c", b"3")]);
    for clash in [Clash::Refuse, Clash::Replace, Clash::Keep] {
        change(&*client, &key, &[delete(userid("c").as_userid())]);
        store(&*client, &key, &userid("a"), b"1");
        store(&*client, &key, &userid("b"), b"2");
        let done = put_all(&*client, &key, &values, clash);
        assert_eq!(names(&done.stored), ["c"]);
        assert_eq!(names(&done.unchanged), ["b", "a"]);
        assert_eq!(done.kept, []);
        let again = put_all(&*client, &key, &values, clash);
        assert_eq!(names(&again.unchanged), ["b", "a", "c"]);
        assert_eq!((again.stored, again.kept), (vec![], vec![]));
        assert_eq!(contents(&*client).len(), 3);
    }
}

/// If a different value is there, a change that refuses this puts no value, neither one before it
/// nor one after it. The changes before it stay.
pub fn a_clash_that_is_refused_puts_nothing(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    store(&*client, &key, &userid("b"), b"other");
    store(&*client, &key, &userid("e"), b"5");
    let before = contents(&*client);
    let values = Values::new(&[("e", b"5"), ("a", b"1"), ("b", b"2"), ("c", b"3")]);
    assert_differs(
        try_put_all(&*client, &key, &values, Clash::Refuse),
        Some(b"other"),
    );
    assert!(contents(&*client) == before);
    let (puts, first) = (values.puts(), userid("first"));
    let ops = [
        put(&first, b"1"),
        all(&puts, Clash::Refuse),
        delete(first.as_userid()),
    ];
    assert_differs(try_change(&*client, &key, &ops), Some(b"other"));
    let there = get(&*client, &key, first.as_userid());
    assert_eq!(there.as_deref(), Some(&b"1"[..]));
    assert_eq!(contents(&*client).len(), before.len() + 1);
}

/// If a different value is there, it is replaced or kept as the change says, and the others are put
/// all the same.
pub fn a_clash_replaces_or_keeps_as_the_change_says(under_test: &StoreUnderTest) {
    let (client, key, b) = (under_test.client(), domain(1, 1), userid("b"));
    store(&*client, &key, &b, b"other");
    let values = Values::new(&[("a", b"1"), ("b", b"2"), ("c", b"3")]);
    let done = put_all(&*client, &key, &values, Clash::Keep);
    assert_eq!(names(&done.stored), ["a", "c"]);
    assert_eq!(names(&done.kept), ["b"]);
    assert_eq!(done.unchanged, []);
    let there = get(&*client, &key, b.as_userid());
    assert_eq!(there.as_deref(), Some(&b"other"[..]));
    let done = put_all(&*client, &key, &values, Clash::Replace);
    assert_eq!(names(&done.stored), ["b"]);
    assert_eq!(names(&done.unchanged), ["a", "c"]);
    assert_eq!(done.kept, []);
    let there = get(&*client, &key, b.as_userid());
    assert_eq!(there.as_deref(), Some(&b"2"[..]));
}

/// One value above the limit refuses all of them.
pub fn a_value_above_the_limit_puts_nothing(under_test: &StoreUnderTest) {
    let Some(limit) = under_test.value_max() else {
        return;
    };
    let (client, key) = (under_test.client(), domain(1, 1));
    store(&*client, &key, &userid("a"), b"old");
    let before = contents(&*client);
    let above = vec![1; usize::try_from(limit + 1).expect("the limit fits into memory")];
    let values = Values::new(&[("a", b"new"), ("b", &above), ("c", b"3")]);
    let error = try_put_all(&*client, &key, &values, Clash::Replace)
        .expect_err("a value above the limit is put");
    assert!(
        matches!(error.kind(), StoreErrorKind::LimitExceeded { limit: found, size }
            if *found == limit && *size == limit + 1),
        "{error:?}"
    );
    assert!(contents(&*client) == before);
}

/// A refused change puts none of the values.
pub fn a_refusal_puts_nothing(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    store(&*client, &key, &userid("a"), b"old");
    let before = contents(&*client);
    let values = Values::new(&[("a", b"new"), ("b", b"2")]);
    let puts = values.puts();
    for clash in [Clash::Refuse, Clash::Replace, Clash::Keep] {
        let refuse = &mut |_: &_| Err(Refused::BeingDestroyed);
        let changed = client.change(&key, PATIENT, refuse, &[all(&puts, clash)]);
        assert_refused(changed, &Refused::BeingDestroyed);
        assert!(contents(&*client) == before);
    }
}

/// A change may put an empty list of values, which changes nothing.
pub fn no_values_can_be_put(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    store(&*client, &key, &userid("a"), b"old");
    let before = contents(&*client);
    let done = put_all(&*client, &key, &Values::new(&[]), Clash::Refuse);
    assert_eq!(
        (done.stored, done.unchanged, done.kept),
        (vec![], vec![], vec![])
    );
    assert!(contents(&*client) == before);
}

/// Two values of one userid are unsupported, even equal ones. Nothing of the whole change is made.
pub fn two_values_of_one_userid_are_unsupported(under_test: &StoreUnderTest) {
    let (client, key, first) = (under_test.client(), domain(1, 1), userid("first"));
    store(&*client, &key, &userid("a"), b"old");
    let before = contents(&*client);
    for values in [
        Values::new(&[("a", b"1"), ("b", b"2"), ("a", b"3")]),
        Values::new(&[("b", b"1"), ("b", b"1")]),
    ] {
        for clash in [Clash::Refuse, Clash::Replace, Clash::Keep] {
            let puts = values.puts();
            let ops = [put(&first, b"1"), all(&puts, clash)];
            let error = try_change(&*client, &key, &ops).expect_err("one userid has two values");
            assert!(
                matches!(error.kind(), StoreErrorKind::Unsupported),
                "{error:?}"
            );
            assert!(contents(&*client) == before);
        }
    }
}

/// Values that are put together see the ops before them in the change, and the ops after them see
/// these values.
pub fn values_are_put_among_other_changes(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (a, b) = (userid("a"), userid("b"));
    store(&*client, &key, &a, b"old");
    let values = Values::new(&[("a", b"1"), ("b", b"2")]);
    let puts = values.puts();
    let ops = [
        delete(a.as_userid()),
        all(&puts, Clash::Refuse),
        delete(b.as_userid()),
        all(&puts, Clash::Refuse),
    ];
    let done = change(&*client, &key, &ops);
    match &*done {
        [
            Done::Removed { .. },
            Done::StoredAll(first),
            Done::Removed { .. },
            Done::StoredAll(second),
        ] => {
            assert_eq!(names(&first.stored), ["a", "b"]);
            assert_eq!(names(&second.stored), ["b"]);
            assert_eq!(names(&second.unchanged), ["a"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(contents(&*client).len(), 2);
}

/// Values are put together at least as durably as asked for, unchanged ones included.
pub fn values_are_put_as_durably_as_asked_for(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let values = Values::new(&[("a", b"1"), ("b", b"2")]);
    let puts = values.puts();
    for durability in [Durability::Process, Durability::File, Durability::Full] {
        let op = Op::PutAll {
            values: &puts,
            clash: Clash::Replace,
            durability,
        };
        for round in 0..2 {
            match &*change(&*client, &key, &[op]) {
                [Done::StoredAll(done)] => {
                    assert!(done.durability >= durability);
                    assert_eq!(done.unchanged.len(), 2 * round);
                }
                other => panic!("{other:?}"),
            }
        }
        change(&*client, &key, &[clear(Keep::Nothing)]);
    }
}

/// Several clients put their own values under the same userids at the same time, and refuse a
/// clash. One of them puts all of its values, the others none.
pub fn of_concurrent_puts_of_all_one_is_made(under_test: &StoreUnderTest) {
    const CLIENTS: u8 = 4;
    let key = domain(1, 1);
    let together = Barrier::new(CLIENTS.into());
    let made: Vec<u8> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let together = &together;
                scope.spawn(move || {
                    let client = under_test.client();
                    let bytes = &[number][..];
                    let values = Values::new(&[("a", bytes), ("b", bytes), ("c", bytes)]);
                    together.wait();
                    match try_put_all(&*client, &key, &values, Clash::Refuse) {
                        Ok(done) => {
                            assert_eq!(done.stored.len(), 3);
                            Some(number)
                        }
                        Err(error) => {
                            assert!(error.is_conflict(), "{error:?}");
                            None
                        }
                    }
                })
            })
            .collect();
        let join = |client: thread::ScopedJoinHandle<'_, Option<u8>>| {
            client.join().expect("a client does not panic")
        };
        clients.into_iter().filter_map(join).collect()
    });
    let [made] = made[..] else {
        panic!("{} of {CLIENTS} clients put their values", made.len());
    };
    let there: Vec<_> = contents(&*under_test.client()).into_values().collect();
    assert_eq!(there, [[made], [made], [made]]);
}
