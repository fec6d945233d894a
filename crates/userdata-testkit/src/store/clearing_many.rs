//! Clearing many domains in one call.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::store::{Cleared, Durability, Keep, Refused, State, StoreError};
use userdata_core::{DomainKey, Store};

use super::StoreUnderTest;
use super::clearing::fill;
use super::sharing::{StoreErrorKindName, while_a_change_is_under_way};
use super::steps::{
    PATIENT, assert_refused, change, contents, delete, domain, get, is_closing, put, store, userid,
};

/// The results that were reported for the domains, in order.
type Told = Vec<(DomainKey, Result<Cleared, StoreError>)>;

/// Clears the domains, and returns the result for each.
#[track_caller]
fn clear_each(
    client: &dyn Store,
    domains: &[DomainKey],
    timeout: Duration,
    mut admit: impl FnMut(&DomainKey, &State) -> Result<Keep, Refused>,
) -> Told {
    let mut told = Told::new();
    let cleared = client.clear_each(
        domains,
        timeout,
        Durability::Process,
        &mut admit,
        &mut |domain, cleared| {
            told.push((*domain, cleared));
            ControlFlow::Continue(())
        },
    );
    cleared.expect("many domains are cleared");
    let order: Vec<DomainKey> = told.iter().map(|(domain, _)| *domain).collect();
    assert_eq!(order, domains, "each domain is told once and in order");
    told
}

/// Three domains in order, with the same values each.
fn three(client: &dyn Store) -> [DomainKey; 3] {
    let domains = [domain(1, 7), domain(5, 3), domain(20, 1)];
    for key in &domains {
        fill(client, key, &["libxl-json", "xl", "a"].map(userid));
    }
    domains
}

/// The userids of a domain's values.
#[track_caller]
fn userids(client: &dyn Store, key: &DomainKey) -> Vec<String> {
    let entries = client.list(key).expect("a list is had");
    let userids = entries.iter().map(|entry| entry.userid.to_string());
    userids.collect()
}

/// Each domain is admitted on its own, and is reported once, in order, with the userids of the
/// values that were removed.
pub fn each_of_many_domains_is_cleared_and_told(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let mut asked = BTreeMap::new();
    let told = clear_each(&*client, &domains, PATIENT, |domain, state| {
        asked.insert(*domain, state.closing);
        Ok(Keep::Nothing)
    });
    assert_eq!(asked, domains.map(|domain| (domain, false)).into());
    for (_, cleared) in told {
        let cleared = cleared.expect("a domain is cleared");
        assert_eq!(cleared.removed.len(), 3);
        assert!(cleared.removed.is_sorted(), "{:?}", cleared.removed);
        assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
    }
    assert!(contents(&*client).is_empty());
}

/// The admission of each domain decides which of its data stays. The removal of leftovers, of any
/// age, removes no value.
pub fn the_admission_says_what_stays_of_each(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let [first, second, third] = domains;
    let age = Duration::ZERO;
    let told = clear_each(&*client, &domains, PATIENT, |domain, _| {
        Ok(match domain {
            key if *key == first => Keep::AllButStale { age },
            key if *key == second => Keep::Essential,
            _ => Keep::Nothing,
        })
    });
    let removed: Vec<usize> = told
        .into_iter()
        .map(|(_, cleared)| cleared.expect("a domain is cleared").removed.len())
        .collect();
    assert_eq!(removed, [0, 2, 3]);
    assert_eq!(userids(&*client, &first), ["a", "libxl-json", "xl"]);
    assert_eq!(userids(&*client, &second), ["libxl-json"]);
    assert!(userids(&*client, &third).is_empty());
}

/// A domain that is refused keeps all of its values, its refusal is reported, and the next domains
/// are cleared.
pub fn a_refusal_is_that_of_one_domain(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let [first, ..] = domains;
    for refused in domains {
        let told = clear_each(&*client, &domains, PATIENT, |domain, _| {
            match *domain == refused {
                true => Err(Refused::ExistsAgain),
                false => Ok(Keep::Nothing),
            }
        });
        for (key, cleared) in told {
            if key == refused {
                assert_refused(cleared, &Refused::ExistsAgain);
                assert_eq!(userids(&*client, &key).len(), 3);
            } else {
                cleared.expect("a domain is cleared");
                assert!(userids(&*client, &key).is_empty());
            }
        }
        three(&*client);
    }
    // A refused domain is not locked any longer.
    store(&*under_test.client(), &first, &userid("xl"), b"value");
}

/// The admission of a domain with a closing mark sees the mark, and a clear leaves a held mark in
/// force.
pub fn a_mark_is_seen_by_the_admission_of_one_of_many(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let [_, closed, _] = domains;
    let other = under_test.client();
    let mark = other
        .close(&closed, PATIENT, &mut |_| Ok(()))
        .expect("a mark is made");
    let age = Duration::ZERO;
    for keep in [Keep::AllButStale { age }, Keep::Nothing] {
        let mut asked = BTreeMap::new();
        let told = clear_each(&*client, &domains, PATIENT, |domain, state| {
            asked.insert(*domain, state.closing);
            Ok(keep)
        });
        assert_eq!(
            asked,
            domains.map(|domain| (domain, domain == closed)).into()
        );
        for (_, cleared) in told {
            let cleared = cleared.expect("a domain is cleared");
            assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
        }
        assert!(is_closing(&*client, &closed), "a mark that is held is gone");
    }
    assert!(contents(&*client).is_empty());
    mark.reopen(PATIENT).expect("a domain is reopened");
}

/// The domains after the one at which the caller breaks are left alone, and the admission is not
/// asked about them.
pub fn clearing_many_stops_at_a_break(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let [first, second, third] = domains;
    let (mut asked, mut told) = (Vec::new(), Vec::new());
    let cleared = client.clear_each(
        &domains,
        PATIENT,
        Durability::Process,
        &mut |domain, _| {
            asked.push(*domain);
            Ok(Keep::Nothing)
        },
        &mut |domain, cleared| {
            cleared.expect("a domain is cleared");
            told.push(*domain);
            match *domain == second {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        },
    );
    cleared.expect("a clear that was broken off is no error");
    assert_eq!(told, [first, second]);
    assert!(!asked.contains(&third));
    assert!(userids(&*client, &second).is_empty());
    assert_eq!(userids(&*client, &third).len(), 3);
}

/// Domains without records are admitted, and nothing of them is removed. For an empty list nothing
/// is asked or reported.
pub fn domains_without_records_are_cleared_of_nothing(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let before = contents(&*client);
    let absent = [domain(2, 2), domain(3, 30), domain(200, 2)];
    let mut asked = Vec::new();
    for (_, cleared) in clear_each(&*client, &absent, PATIENT, |domain, _| {
        asked.push(*domain);
        Ok(Keep::Nothing)
    }) {
        let cleared = cleared.expect("a domain without records is cleared");
        assert_eq!(cleared.removed, []);
        assert_eq!(cleared.others, []);
        assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
    }
    asked.dedup();
    assert_eq!(asked, absent);
    clear_each(&*client, &[], PATIENT, |domain, _| {
        panic!("{domain} was asked about and not in the list")
    });
    assert!(contents(&*client) == before);
    assert_eq!(userids(&*client, &domains[0]).len(), 3);
}

/// Domains that are not in the list keep their values, even those whose domids or uuids look like
/// ones that are.
pub fn clearing_many_leaves_the_other_domains(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let mut others = vec![
        domain(1, 8),
        under_test.domain_zero(),
        domain(51, 31),
        domain(21, 100),
    ];
    if under_test.tells_domids_apart() {
        others.extend([domain(2, 7), domain(15, 3), domain(0, 1)]);
    }
    for other in &others {
        fill(&*client, other, &["libxl-json", "xl"].map(userid));
    }
    clear_each(&*client, &domains, PATIENT, |_, _| Ok(Keep::Nothing));
    for other in &others {
        assert_eq!(userids(&*client, other), ["libxl-json", "xl"], "{other}");
    }
    assert_eq!(contents(&*client).len(), 2 * others.len());
}

/// While the admission of one of many domains is asked for, another client that changes that domain
/// is not admitted within its timeout, or the admission is asked for again.
pub fn one_of_many_is_admitted_where_no_other_change_can_come(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let domains = three(&*client);
    let (other, xl) = (under_test.client(), userid("xl"));
    let mut asked: BTreeMap<DomainKey, u32> = BTreeMap::new();
    let mut changed = BTreeMap::new();
    clear_each(&*client, &domains, PATIENT, |domain, _| {
        let asked = asked.entry(*domain).or_default();
        *asked += 1;
        if *asked == 1 {
            let put = [put(&xl, b"late")];
            let put = other.change(domain, Duration::ZERO, &mut |_| Ok(()), &put);
            changed.insert(*domain, put.is_ok());
        }
        Ok(Keep::Nothing)
    });
    for domain in domains {
        let times = asked.get(&domain).copied();
        match changed.get(&domain) {
            Some(true) => assert!(times > Some(1), "a change came behind an admission"),
            other => assert_eq!((other, times), (Some(&false), Some(1))),
        }
    }
}

/// A domain that another client keeps until the timeout is reported as busy, and the others are
/// cleared. An engine without locks clears it too.
pub fn a_domain_that_is_held_does_not_stop_the_others(under_test: &StoreUnderTest) {
    let domains = three(&*under_test.client());
    let [first, held, third] = domains;
    // The value is removed first, because the change that is under way stores it.
    let xl = userid("xl");
    let ops = [delete(xl.as_userid())];
    change(&*under_test.client(), &held, &ops);
    let (changed, ()) = while_a_change_is_under_way(under_test, &held, || {
        let client = under_test.client();
        let told = clear_each(&*client, &domains, Duration::ZERO, |_, _| Ok(Keep::Nothing));
        for (key, cleared) in told {
            match cleared {
                Ok(_) => assert!(userids(&*client, &key).is_empty()),
                Err(error) => assert!(key == held && error.is_busy(), "{key}: {error:?}"),
            }
        }
    });
    assert!(
        matches!(changed, Ok(()) | Err(StoreErrorKindName::DeadlinePassed)),
        "{changed:?}"
    );
    let client = under_test.client();
    assert!(userids(&*client, &first).is_empty());
    assert!(userids(&*client, &third).is_empty());
    assert_eq!(
        get(&*client, &held, xl.as_userid()).as_deref(),
        Some(&b"first"[..])
    );
}

/// Each of many domains is cleared at least as durably as asked for.
pub fn many_are_cleared_as_durably_as_asked_for(under_test: &StoreUnderTest) {
    let client = under_test.client();
    for durability in [Durability::Process, Durability::File, Durability::Full] {
        let domains = three(&*client);
        let mut told = 0;
        let cleared = client.clear_each(
            &domains,
            PATIENT,
            durability,
            &mut |_, _| Ok(Keep::Nothing),
            &mut |_, cleared| {
                let cleared = cleared.expect("a domain is cleared");
                assert!(cleared.durability >= durability);
                told += 1;
                ControlFlow::Continue(())
            },
        );
        cleared.expect("many domains are cleared");
        assert_eq!(told, domains.len());
    }
}
