//! A member that lags: reads see the newest acknowledged value unless they may be stale, and a
//! change never is worked out from what is old.

use std::ops::ControlFlow;
use std::sync::Arc;

use userdata_core::store::{Keep, Stage};
use userdata_core::{Hypervisor, Store};
use userdata_pool::{PoolOptions, PoolStore};

use crate::engine::SimEngine;
use crate::rig::{Host, PATIENT, Pool, agent, elsewhere, identity, two_hosts};

/// The same member with reads that may be stale.
fn stale(engine: &Arc<SimEngine>, host: &Host) -> Pool {
    let boot = host.xen.boot().unwrap();
    let mut options = PoolOptions::default();
    options.stale = true;
    let me = identity(&host.name, boot.as_str());
    PoolStore::new(Arc::clone(engine), me, options)
}

/// How many values all domains have.
fn scanned(pool: &Pool) -> usize {
    let mut count = 0;
    pool.scan(&mut |_| {
        count += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    count
}

#[test]
fn a_default_read_sees_the_newest_value_while_a_member_lags_and_a_stale_one_may_not() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    engine.lag();
    a.store(domain, "newer").unwrap();
    let stale = stale(&engine, &a);
    let agent = agent();
    let userid = agent.as_userid();
    for (pool, value) in [(&a.pool, "newer"), (&stale, "old")] {
        let found = pool.get(&domain, userid).unwrap().unwrap();
        assert_eq!(found.as_bytes(), value.as_bytes());
        let size = u64::try_from(value.len()).unwrap();
        assert_eq!(pool.stat(&domain, userid).unwrap().unwrap().size, size);
        assert_eq!(pool.list(&domain).unwrap()[0].size, size);
    }
    a.facade.clear(domain, Keep::Nothing).unwrap();
    assert_eq!((scanned(&a.pool), scanned(&stale)), (0, 1));
    assert!(a.pool.get(&domain, userid).unwrap().is_none());
}

#[test]
fn what_changes_marks_moves_or_sweeps_is_never_worked_out_from_a_stale_read() {
    let (engine, a, b) = two_hosts();
    engine.lag();
    let domain = a.create();
    a.store(domain, "value").unwrap();
    let stale_a = stale(&engine, &a);
    let facade = userdata::Userdata::new(&a.xen, &stale_a);
    facade.store(domain, &agent(), b"newer").unwrap();
    drop(stale_a.close(&domain, PATIENT, &mut |_| Ok(())).unwrap());
    let mut owners = Vec::new();
    stale_a
        .owners(&mut |owned| {
            owners.push(owned.owner.uuid);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(owners, [domain.uuid]);
    let mut values = 0;
    stale_a
        .snapshot(&domain, PATIENT, &|_| true, &mut |_, _| {
            values += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(values, 1);
    // A move is begun and claimed, although the lagging member knows of no data.
    stale_a
        .begin(&a.xen, &domain, &"b".parse().unwrap())
        .unwrap();
    let arrived = b.create();
    stale(&engine, &b).claim(&b.xen, &arrived).unwrap();
    assert_eq!(b.value(arrived).as_deref(), Some("newer"));
}

#[test]
fn a_refusal_tells_that_the_home_was_forgotten_while_a_member_lags() {
    let (engine, a, b) = two_hosts();
    let (domain, clone) = (a.create(), b.create());
    a.store(domain, "1").unwrap();
    engine.lag();
    b.pool.forget(&a.name.parse().unwrap()).unwrap();
    assert_eq!(
        elsewhere(b.store(clone, "2")).stage,
        Stage::Freed(a.name.parse().unwrap())
    );
}
