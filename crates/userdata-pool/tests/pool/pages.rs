//! Reads of more keys than a page has, while others change them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use userdata_core::store::{Keep, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Store, Uuid};

use crate::engine::{Behind, SimEngine};
use crate::rig::{Host, PAGE, agent, two_hosts, uuid};

/// More than two pages.
const MANY: u128 = 2_500;

fn at(kind: &str, number: u128) -> String {
    format!("/userdata/1/{kind}/{}", Uuid::from_u128(number))
}

/// A pool with many domains of one value each, all copies of one.
fn many_domains() -> (Arc<SimEngine>, Host, DomainKey) {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let read = |kind: &str, rest: &str| {
        let key = format!("/userdata/1/{kind}/{}{rest}", uuid());
        engine.value(&key).unwrap()
    };
    let (turn, meta) = (read("turn", ""), read("meta", "/agent"));
    for number in 1..MANY {
        engine.overwrite(&at("turn", number), turn.as_bytes());
        engine.overwrite(&format!("{}/agent", at("meta", number)), meta.as_bytes());
    }
    (engine, a, domain)
}

fn scanned(host: &Host) -> Result<BTreeSet<Uuid>, StoreError> {
    let mut found = BTreeSet::new();
    host.pool.scan(&mut |one| {
        assert!(found.insert(one.owner.uuid), "{one:?} came twice");
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn owners(host: &Host) -> usize {
    let mut count = 0;
    let listed = host.pool.owners(&mut |owned| {
        assert_eq!(owned.records, 1);
        count += 1;
        ControlFlow::Continue(())
    });
    listed.unwrap();
    count
}

#[test]
fn reads_of_the_whole_pool_find_every_key_beyond_a_page() {
    let (engine, a, _) = many_domains();
    assert_eq!(scanned(&a).unwrap().len(), MANY as usize);
    assert_eq!(owners(&a), MANY as usize);
    let placed = a.pool.roster().unwrap().placed;
    assert_eq!(placed.len(), MANY as usize);
    assert!(placed.iter().all(|placed| placed.values == 1));
    assert_eq!(engine.longest_answer(), PAGE);
}

#[test]
fn all_pages_of_a_read_are_of_one_revision() {
    let (engine, a, _) = many_domains();
    let before = scanned(&a).unwrap();
    let mut changes = Vec::new();
    for kind in ["turn", "meta"] {
        let rest = if kind == "meta" { "/agent" } else { "" };
        let text = engine.value(&format!("{}{rest}", at(kind, 1))).unwrap();
        changes.push(Behind::Put(format!("{}{rest}", at(kind, MANY + 5)), text));
        changes.push(Behind::Delete(format!("{}{rest}", at(kind, MANY - 1))));
    }
    engine.behind_reads([changes]);
    assert_eq!(scanned(&a).unwrap(), before);
    let after = scanned(&a).unwrap();
    assert!(after.contains(&Uuid::from_u128(MANY + 5)));
    assert!(!after.contains(&Uuid::from_u128(MANY - 1)));
}

#[test]
fn a_read_whose_revision_is_compacted_begins_anew_and_gives_up_at_last() {
    let (engine, a, _) = many_domains();
    let compaction = || vec![Behind::Delete(at("turn", 1)), Behind::Compact];
    engine.behind_reads([compaction()]);
    let found = scanned(&a).unwrap();
    assert!(!found.contains(&Uuid::from_u128(1)));
    assert_eq!(found.len(), MANY as usize - 1);
    let again = |_| vec![Behind::Put("/other".into(), String::new()), Behind::Compact];
    engine.behind_reads((0..20).map(again));
    let error = scanned(&a).unwrap_err();
    let gave_up = matches!(error.kind(), StoreErrorKind::GaveUp { .. });
    assert!(gave_up, "{error:?}");
}

/// A domain with so many values, all copies of one.
fn many_values(many: u128) -> (Arc<SimEngine>, Host, DomainKey) {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let key = |kind: &str, userid: &str| format!("/userdata/1/{kind}/{}/{userid}", uuid());
    let meta = engine.value(&key("meta", "agent")).unwrap();
    for number in 1..many {
        let userid = format!("agent-{number}");
        engine.overwrite(&key("meta", &userid), meta.as_bytes());
        engine.overwrite(&key("data", &userid), b"1");
    }
    (engine, a, domain)
}

#[test]
fn no_request_is_made_behind_a_last_page_that_is_full() {
    let page = PAGE as u128;
    for (values, requests) in [
        (page - 1, 1),
        (page, 1),
        (page + 1, 2),
        (2 * page, 2),
        (2 * page + 1, 3),
    ] {
        let (engine, a, domain) = many_values(values);
        let reads = engine.reads();
        let listed = a.pool.list(&domain).unwrap();
        assert_eq!(listed.len() as u128, values);
        assert_eq!(engine.reads() - reads, requests, "{values} values");
    }
}

#[test]
fn a_domain_with_more_values_than_a_page_is_read_and_cleared_whole() {
    let (engine, a, domain) = many_values(MANY);
    assert_eq!(a.pool.list(&domain).unwrap().len(), MANY as usize);
    assert!(engine.longest_answer() <= PAGE);
    // The commit reads in pages, too, and its revision may be compacted away.
    let compaction = vec![Behind::Put("/other".into(), String::new()), Behind::Compact];
    engine.behind_reads([compaction]);
    let changes = engine.changes();
    let cleared = a.facade.clear(domain, Keep::Nothing).unwrap();
    assert_eq!(cleared.removed.len(), MANY as usize);
    assert!(cleared.removed.contains(agent().as_userid()));
    assert_eq!(engine.changes() - changes, 1);
    assert!(engine.longest_answer() <= PAGE);
    assert!(!engine.keys().iter().any(|key| key.contains("/data/")));
}
