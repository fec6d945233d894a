//! A destroy with an export: no acknowledged value is lost, even if the closing mark is.

use std::sync::Arc;

use userdata::follow::{Exported, Limits, Selection};
use userdata::sweep::{Sightings, SweepOptions};
use userdata::{DestroyError, Destroyed, Source, UserdataError, UserdataErrorKind};
use userdata_core::store::{Durability, Keep};
use userdata_core::{DomainKey, Store};

use crate::engine::{Behind, SimEngine};
use crate::rig::{Host, PATIENT, agent, two_hosts};

/// The values that each export got, in order.
type Exports = Vec<Vec<String>>;

fn values(exported: &Exported) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let values = exported.values.iter();
    values.map(|(_, value)| text(value.as_bytes())).collect()
}

/// Destroys the domain. `each` runs in each export, with the number of exports before it.
fn destroy(
    host: &Host,
    domain: DomainKey,
    mut each: impl FnMut(usize) -> Result<(), Source>,
    before: impl FnOnce(),
) -> (Exports, Result<Destroyed<()>, DestroyError>) {
    let mut exports = Exports::new();
    let export = |exported: Exported| {
        each(exports.len())?;
        exports.push(values(&exported));
        Ok::<(), Source>(())
    };
    let (which, limits) = (Selection::new(), Limits::default());
    let facade = &host.facade;
    let destroyed = facade.destroy_with_export(domain, &which, &limits, export, |key| {
        before();
        host.xen.destroy(key.domid)
    });
    (exports, destroyed)
}

/// A host with a domain that has a value.
fn with_value() -> (Arc<SimEngine>, Host, DomainKey) {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    (engine, a, domain)
}

/// A store that is admitted although the domain is gone by now: one that was asked before.
fn store_late(host: &Host, domain: DomainKey, value: &str) {
    let userid = agent();
    let put = [userdata_core::store::Op::Put {
        userid: &userid,
        data: userdata_core::value::NonEmpty::new(value.as_bytes()).unwrap(),
        expect: userdata_core::store::Expect::Any,
        durability: Durability::Full,
    }];
    let changed = host.pool.change(&domain, PATIENT, &mut |_| Ok(()), &put);
    changed.unwrap();
}

fn has_data(engine: &SimEngine) -> bool {
    engine.keys().iter().any(|key| key.contains("/data/"))
}

/// The one problem with the data.
#[track_caller]
fn only(problems: &[UserdataError]) -> &UserdataErrorKind {
    let [problem] = problems else {
        panic!("{problems:?}");
    };
    problem.kind()
}

/// Values are newer than the last export, so nothing was removed. Whether an export failed.
#[track_caller]
fn assert_outdated(destroyed: &Destroyed<()>, export_failed: bool) {
    assert!(destroyed.cleared.is_none());
    let problem = only(&destroyed.problems);
    assert!(
        matches!(problem, UserdataErrorKind::ExportOutdated { source }
            if source.is_some() == export_failed),
        "{problem:?}"
    );
}

#[test]
fn a_value_that_is_stored_under_a_lost_mark_is_exported() {
    for first in [None, Some("old")] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        if let Some(value) = first {
            a.store(domain, value).unwrap();
        }
        let (exports, destroyed) = destroy(
            &a,
            domain,
            |_| Ok(()),
            || {
                assert!(a.store(domain, "refused").is_err());
                engine.lose_leases();
                a.store(domain, "new").unwrap();
            },
        );
        let first = first.map(str::to_owned).into_iter().collect();
        assert_eq!(exports, [first, vec!["new".to_owned()]]);
        let destroyed = destroyed.unwrap();
        assert!(destroyed.problems.is_empty(), "{:?}", destroyed.problems);
        assert_eq!(destroyed.cleared.unwrap().removed.len(), 1);
        assert!(!has_data(&engine));
    }
}

#[test]
fn a_domain_is_exported_once_if_nothing_is_stored_meanwhile() {
    for loses in [false, true] {
        let (engine, a, domain) = with_value();
        let (exports, destroyed) = destroy(
            &a,
            domain,
            |_| Ok(()),
            || {
                if loses {
                    engine.lose_leases();
                }
            },
        );
        assert_eq!(exports, [["old"]]);
        assert!(destroyed.unwrap().problems.is_empty());
        assert!(!has_data(&engine));
    }
}

#[test]
fn data_that_is_newer_than_every_export_stays() {
    let (engine, a, domain) = with_value();
    let each = |exports: usize| {
        if exports > 0 {
            store_late(&a, domain, &exports.to_string());
        }
        Ok(())
    };
    let (exports, destroyed) = destroy(&a, domain, each, || {
        engine.lose_leases();
        a.store(domain, "new").unwrap();
    });
    assert_eq!(exports, [["old"], ["new"], ["1"], ["2"]]);
    assert_outdated(&destroyed.unwrap(), false);
    let (which, limits) = (Selection::new(), Limits::default());
    let exported = a.facade.export(domain, &which, &limits).unwrap();
    assert_eq!(values(&exported), ["3"]);
}

#[test]
fn data_stays_if_it_cannot_be_exported_again() {
    let (engine, a, domain) = with_value();
    let each = |exports: usize| match exports {
        0 => Ok(()),
        _ => Err("the disk is full".into()),
    };
    let (exports, destroyed) = destroy(&a, domain, each, || {
        engine.lose_leases();
        a.store(domain, "new").unwrap();
    });
    assert_eq!(exports, [["old"]]);
    assert_outdated(&destroyed.unwrap(), true);
    assert!(has_data(&engine));
    a.facade.clear(domain, Keep::Nothing).unwrap();
    assert!(!has_data(&engine));
}

/// The sweep may have removed values that were stored under the lost mark.
#[test]
fn values_that_a_sweep_removed_are_not_exported_over_the_old_ones_and_this_is_told() {
    let (engine, a, domain) = with_value();
    let (exports, destroyed) = destroy(
        &a,
        domain,
        |_| Ok(()),
        || {
            engine.lose_leases();
            a.facade.clear(domain, Keep::Nothing).unwrap();
        },
    );
    assert_eq!(exports, [["old"]]);
    assert_uncertain(&destroyed.unwrap().problems);
}

#[track_caller]
fn assert_uncertain(problems: &[UserdataError]) {
    let problem = only(problems);
    assert!(
        matches!(problem, UserdataErrorKind::ExportUncertain),
        "{problem:?}"
    );
}

/// The mark is lost, a value is stored, the domain is destroyed, and `then` is called. The destroy
/// tells that its export may lack a value.
#[track_caller]
fn assert_told_if(a: &Host, domain: DomainKey, lose_mark: impl FnOnce(), then: impl FnOnce()) {
    let meanwhile = || {
        lose_mark();
        a.store(domain, "new").unwrap();
        a.xen.destroy(domain.domid).unwrap();
        then();
    };
    let (exports, destroyed) = destroy(a, domain, |_| Ok(()), meanwhile);
    assert_eq!(exports, [["old"]]);
    // The second end of the domain fails.
    match destroyed.unwrap_err() {
        DestroyError::DestroyedWithError { problems, .. } => assert_uncertain(&problems),
        other => panic!("{other:?}"),
    }
}

/// The move is open, so the sweep of the source releases the data. Nothing that is exported again
/// would have it, and the destination removes it if it is not claimed.
#[test]
fn values_that_a_sweep_released_are_told() {
    for to in ["a", "b"] {
        let (engine, a, domain) = with_value();
        a.pool.begin(&a.xen, &domain, &to.parse().unwrap()).unwrap();
        assert_told_if(
            &a,
            domain,
            || engine.lose_leases(),
            || {
                let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
                a.facade.sweep(&options, &mut sightings, |_| {}).unwrap();
            },
        );
        assert!(has_data(&engine));
    }
}

/// The store of the next domain removes what was stored for the first one under the lost mark.
#[test]
fn values_that_the_next_domain_displaced_are_told() {
    let (engine, a, domain) = with_value();
    assert_told_if(
        &a,
        domain,
        || engine.lose_leases(),
        || a.store(a.create(), "of the next").unwrap(),
    );
}

/// What a removal of the domain's data by another program does.
fn removal(engine: &SimEngine, domain: DomainKey) -> Vec<Behind> {
    let uuid = domain.uuid.to_string();
    let of_domain = |key: &String| key.contains(&uuid) && !key.contains("/mark/");
    let keys = engine.keys().into_iter().filter(of_domain);
    let grave = format!("/userdata/1/grave/{}", &uuid[34..]);
    keys.map(Behind::Delete)
        .chain([Behind::Put(grave, "1 numbers=1".to_owned())])
        .collect()
}

#[test]
fn a_removal_while_values_are_exported_again_leaves_an_export_with_values() {
    // Behind the look for a change, the look that is remembered, and the read of the values.
    for (read, last) in [(0, "old"), (1, "old"), (2, "new")] {
        let (engine, a, domain) = with_value();
        let (exports, destroyed) = destroy(
            &a,
            domain,
            |_| Ok(()),
            || {
                engine.lose_leases();
                a.store(domain, "new").unwrap();
                let mut behind = vec![Vec::new(); read];
                behind.push(removal(&engine, domain));
                engine.behind_reads(behind);
            },
        );
        assert_eq!(exports.last().unwrap(), &[last], "{read}");
        assert!(!has_data(&engine), "{read}");
        assert_uncertain(&destroyed.unwrap().problems);
    }
}

#[test]
fn a_domain_that_lives_on_is_exported_once() {
    let (engine, a, domain) = with_value();
    let mut exports = 0;
    let (which, limits) = (Selection::new(), Limits::default());
    let export = |_| -> Result<(), Source> {
        exports += 1;
        Ok(())
    };
    let failed = a
        .facade
        .destroy_with_export(domain, &which, &limits, export, |_| {
            engine.lose_leases();
            a.store(domain, "new").unwrap();
            Err::<(), Source>("no".into())
        });
    assert!(matches!(failed, Err(DestroyError::Failed { .. })));
    assert_eq!(exports, 1);
    assert_eq!(a.value(domain).as_deref(), Some("new"));
}
