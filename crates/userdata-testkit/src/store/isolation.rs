//! Isolation: a change of one userid or domain does not affect another.

use std::collections::BTreeMap;

use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestRng, TestRunner};
use userdata_core::store::{Done, Keep};
use userdata_core::{Domid, WritableUserid};

use super::StoreUnderTest;
use super::steps::{change, clear, contents, delete, domain, get, put, store, userid};
use crate::strategies;

/// Userids that a store might confuse with each other, with patterns, or with names of its own
/// files.
fn lookalikes() -> Vec<WritableUserid> {
    let mut all: Vec<Vec<u8>> = [
        &b"xl"[..],
        b"XL",
        b"x",
        b"xl.",
        b".xl",
        b"xl.1",
        b"x.l",
        b"xl ",
        b" xl",
        b"",
        b".",
        b"..",
        b"...",
        b"*",
        b"?",
        b"x?",
        b"x*",
        b"[x]l",
        b"[!x]",
        b"{xl}",
        b"~",
        b"-",
        b"--",
        b"-rf",
        b"\\",
        b"\n",
        b"\t",
        b"\x7f",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"\xe9",
        b"%2f",
        b"%s%n",
        b"$(x)",
        b"libxl-json",
        b"libxl-json.",
        b"d",
        b"d.xl",
        b"domain-userdata-loc",
        b"qmp-socket-lock2",
        b"closing",
        b"lock",
        b"trash",
        b"userdata-d.1.00000000-0000-0000-0000-000000000001.xl",
        b"00000000-0000-0000-0000-000000000001.xl",
        b"1.00000000-0000-0000-0000-000000000001",
    ]
    .map(<[u8]>::to_vec)
    .into();
    all.extend([127, 128].map(|length| vec![b'x'; length]));
    all.into_iter().map(userid).collect()
}

/// Each of many hostile userids keeps its value while others are replaced and removed.
pub fn userids_that_look_alike_are_apart(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let userids = lookalikes();
    let mut model = BTreeMap::new();
    for userid in &userids {
        let value = format!("the value of {userid}").into_bytes();
        store(&*client, &key, userid, &value);
        model.insert(userid.as_userid().clone(), value);
    }
    for (turn, userid) in userids.iter().enumerate() {
        if turn % 2 == 0 {
            change(&*client, &key, &[delete(userid.as_userid())]);
            model.remove(userid.as_userid());
        } else {
            store(&*client, &key, userid, b"another value");
            model.insert(userid.as_userid().clone(), b"another value".to_vec());
        }
        let entries = client.list(&key).expect("a list is had");
        let listed: Vec<_> = entries.iter().map(|entry| &entry.userid).collect();
        assert_eq!(listed, model.keys().collect::<Vec<_>>(), "after {userid}");
    }
    for userid in &userids {
        assert_eq!(
            get(&*client, &key, userid.as_userid()).as_ref(),
            model.get(userid.as_userid()),
            "{userid}"
        );
    }
}

/// Clearing domid 5 does not affect domids 50, 55 and 15.
pub fn domids_that_look_alike_are_apart(under_test: &StoreUnderTest) {
    let client = under_test.client();
    // A pool of hosts has no data of Domain-0, which has the same uuid on every host.
    let zero = if under_test.has_one_home_per_uuid() {
        7
    } else {
        0
    };
    let domids = [zero, 5, 50, 55, 15, 505, 5005, 32_751];
    // A store that keeps data by uuid alone gets a uuid of its own for each domid.
    let uuid = |domid: u16| match under_test.tells_domids_apart() {
        true => 1,
        false => domid.into(),
    };
    let xl = userid("xl");
    for domid in domids {
        store(
            &*client,
            &domain(domid, uuid(domid)),
            &xl,
            &domid.to_ne_bytes(),
        );
    }
    let five = domain(5, uuid(5));
    change(&*client, &five, &[clear(Keep::Nothing)]);
    assert_eq!(client.list(&five).expect("a list is had"), []);
    for domid in domids.into_iter().filter(|domid| *domid != 5) {
        let key = domain(domid, uuid(domid));
        assert_eq!(
            get(&*client, &key, xl.as_userid()),
            Some(domid.to_ne_bytes().to_vec()),
            "{domid}"
        );
    }
}

/// The two domains of a localhost migration have one uuid and two sets of data. For a store that
/// keeps data by uuid alone this checks nothing.
pub fn one_uuid_under_two_domids_is_two_domains(under_test: &StoreUnderTest) {
    if !under_test.tells_domids_apart() {
        return;
    }
    let (client, xl) = (under_test.client(), userid("xl"));
    let (source, target) = (domain(3, 7), domain(4, 7));
    store(&*client, &source, &xl, b"source");
    assert_eq!(get(&*client, &target, xl.as_userid()), None);
    store(&*client, &target, &xl, b"target");
    assert_eq!(
        get(&*client, &source, xl.as_userid()).as_deref(),
        Some(&b"source"[..])
    );
    change(&*client, &source, &[clear(Keep::Nothing)]);
    assert_eq!(get(&*client, &source, xl.as_userid()), None);
    assert_eq!(
        get(&*client, &target, xl.as_userid()).as_deref(),
        Some(&b"target"[..])
    );
}

/// A domid that is used again has none of the earlier domain's data.
pub fn one_domid_under_two_uuids_is_two_domains(under_test: &StoreUnderTest) {
    let (client, xl) = (under_test.client(), userid("xl"));
    let (before, after) = (domain(3, 7), domain(3, 8));
    store(&*client, &before, &xl, b"before");
    assert_eq!(get(&*client, &after, xl.as_userid()), None);
    assert_eq!(client.list(&after).expect("a list is had"), []);
    store(&*client, &after, &xl, b"after");
    change(&*client, &before, &[delete(xl.as_userid())]);
    assert_eq!(
        get(&*client, &after, xl.as_userid()).as_deref(),
        Some(&b"after"[..])
    );
}

/// No change of one domain affects a record of another.
pub fn changes_of_one_domain_leave_the_others(under_test: &StoreUnderTest) {
    let (client, userids) = (under_test.client(), lookalikes());
    let (key, other) = (domain(5, 5), domain(50, 6));
    for userid in &userids {
        store(&*client, &other, userid, b"other");
    }
    let before = contents(&*client);
    for userid in &userids {
        let done = change(
            &*client,
            &key,
            &[
                put(userid, b"value"),
                delete(userid.as_userid()),
                put(userid, b"value"),
            ],
        );
        assert!(
            matches!(&*done, [_, Done::Removed { .. }, _]),
            "{userid}: {done:?}"
        );
    }
    change(&*client, &key, &[clear(Keep::Nothing)]);
    assert!(contents(&*client) == before);
}

/// Any sequence of changes has the same result as in a map: 48 histories over a few domains and
/// userids, the same in every run.
pub fn any_history_is_that_of_a_map(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let config = Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let histories = proptest::collection::vec(strategies::change(), 0..24);
    let mut keys = strategies::HOT_DOMAINS.to_vec();
    if under_test.has_one_home_per_uuid() {
        keys.retain(|key| key.domid != Domid::ZERO && !key.uuid.is_nil());
    }
    if !under_test.tells_domids_apart() {
        keys.sort_by_key(|key| key.uuid);
        keys.dedup_by_key(|key| key.uuid);
    }
    let ran = TestRunner::new_with_rng(config, rng).run(&histories, |history| {
        for key in &keys {
            change(&*client, key, &[clear(Keep::Nothing)]);
        }
        let mut map = BTreeMap::new();
        for step in history.iter().filter(|step| keys.contains(&step.domain)) {
            step.apply(&*client).expect("a change of a history is made");
            step.apply_to_map(&mut map);
        }
        for key in &keys {
            let entries = client.list(key).expect("a list is had");
            let listed: Vec<_> = entries
                .into_iter()
                .map(|entry| (*key, entry.userid))
                .collect();
            let wanted: Vec<_> = map.keys().filter(|(of, _)| of == key).cloned().collect();
            prop_assert_eq!(&listed, &wanted);
            for value in listed {
                prop_assert_eq!(&get(&*client, key, &value.1), &map.get(&value).cloned());
            }
        }
        Ok(())
    });
    ran.expect("a history leaves what it leaves in a map");
}
