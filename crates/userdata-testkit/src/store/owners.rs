//! Owners: every incarnation that has a record.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use userdata_core::Store;
use userdata_core::file_name::Owner;
use userdata_core::store::{Keep, Owned};

use super::StoreUnderTest;
use super::clearing::{clear_all, fill};
use super::steps::{PATIENT, change, contents, delete, domain, userid};

/// All owners, as `owners` shows them.
#[track_caller]
fn owners(client: &dyn Store) -> Vec<Owned> {
    let mut shown = Vec::new();
    let listed = client.owners(&mut |owned| {
        shown.push(owned);
        ControlFlow::Continue(())
    });
    listed.expect("the owners are listed");
    shown
}

/// Stores values of five domains, whose domids and uuids look alike and are not in one order.
fn fill_several(under_test: &StoreUnderTest, client: &dyn Store) {
    for (key, userids) in [
        (domain(10, 4), &["xl"][..]),
        (domain(2, 9), &["xl", "a", "b"]),
        (domain(1, 5), &["libxl-json", "xl"]),
        (domain(100, 1), &["", "a b"]),
        (under_test.domain_zero(), &["xl"]),
    ] {
        let userids: Vec<_> = userids.iter().map(userid).collect();
        fill(client, &key, &userids);
    }
}

/// Each incarnation that has a value is shown once, in order, with the number of its records.
pub fn each_owner_is_shown_once_in_order_with_its_count(under_test: &StoreUnderTest) {
    let client = under_test.client();
    fill_several(under_test, &*client);
    let mut counts: BTreeMap<Owner, u32> = BTreeMap::new();
    for (owner, _) in contents(&*client).into_keys() {
        *counts.entry(owner).or_default() += 1;
    }
    assert_eq!(counts.len(), 5);
    for client in [client, under_test.client()] {
        let shown: Vec<(Owner, u32)> = owners(&*client)
            .iter()
            .map(|owned| (owned.owner, owned.records))
            .collect();
        let mut counts = counts.clone();
        if !under_test.counts_records() {
            counts.values_mut().for_each(|count| *count = 1);
        }
        assert_eq!(shown, counts.into_iter().collect::<Vec<_>>());
    }
}

/// Values do not count as leftovers: an incarnation that has nothing else is shown without any.
pub fn an_owner_of_values_alone_has_no_leftovers(under_test: &StoreUnderTest) {
    let client = under_test.client();
    fill_several(under_test, &*client);
    let with_leftovers: Vec<_> = owners(&*client)
        .into_iter()
        .filter(|owned| owned.leftovers)
        .collect();
    assert_eq!(with_leftovers, []);
}

/// Two domids with one uuid are two owners, and so are two uuids with one domid.
pub fn owners_tell_domids_and_uuids_apart(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let mut keys = vec![domain(5, 5), domain(5, 6)];
    if under_test.tells_domids_apart() {
        keys.extend([domain(6, 5), domain(50, 5)]);
    }
    for key in &keys {
        fill(&*client, key, &["xl", "a"].map(userid));
    }
    let shown = owners(&*client);
    assert_eq!(shown.len(), keys.len());
    let count = if under_test.counts_records() { 2 } else { 1 };
    assert!(
        shown.iter().all(|owned| owned.records == count),
        "{shown:?}"
    );
    if under_test.tells_domids_apart() {
        let mut shown: Vec<_> = shown.iter().map(|owned| owned.owner.key()).collect();
        shown.sort_unstable();
        let mut keys: Vec<_> = keys.into_iter().map(Some).collect();
        keys.sort_unstable();
        assert_eq!(shown, keys);
    }
}

/// `owners` stops at the first break.
pub fn owners_stop_at_a_break(under_test: &StoreUnderTest) {
    let client = under_test.client();
    fill_several(under_test, &*client);
    let mut all = owners(&*client);
    let mut shown = Vec::new();
    let listed = client.owners(&mut |owned| {
        shown.push(owned);
        match shown.len() {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    listed.expect("owners that were broken off are listed");
    all.truncate(2);
    assert_eq!(shown, all);
}

/// A store without records has no owners, and an incarnation whose last record was removed is no
/// longer an owner.
pub fn without_records_there_is_no_owner(under_test: &StoreUnderTest) {
    let (client, one, other) = (under_test.client(), domain(1, 1), domain(2, 2));
    assert_eq!(owners(&*client), []);
    fill(&*client, &one, &["xl"].map(userid));
    fill(&*client, &other, &["xl", "a"].map(userid));
    assert_eq!(owners(&*client).len(), 2);
    change(&*client, &one, &[delete(userid("xl").as_userid())]);
    assert_eq!(owners(&*client).len(), 1);
    clear_all(&*client, &other, Keep::Nothing);
    assert_eq!(owners(&*client), []);
    // Neither does a lock that was taken and given back leave one.
    let asked = client.change(&one, PATIENT, &mut |_| Ok(()), &[]);
    asked.expect("a change of nothing is made");
    assert_eq!(owners(&*under_test.client()), []);
}
