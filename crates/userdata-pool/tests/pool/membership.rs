//! What `join`, `leave` and `forget` tell when answers are lost, and when others come between.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use userdata_core::store::{StoreError, StoreErrorKind};
use userdata_pool::{
    Answer, Engine, EngineError, Joined, Lease, PoolOptions, PoolStore, Request, Txn,
};

use crate::engine::{Behind, Fault, SimEngine};
use crate::rig::{Host, identity, two_hosts};

const RECORD_OF_A: &str = "/userdata/1/host/a";

type Before = fn(&Host);
type Call = fn(&Host) -> Result<(), StoreError>;

/// Each call, and what is done before it.
const CALLS: &[(&str, Before, Call)] = &[
    (
        "join",
        |a| drop(a.pool.leave()),
        |a| a.pool.join().map(drop),
    ),
    ("leave", |_| {}, |a| a.pool.leave().map(drop)),
    (
        "forget",
        |_| {},
        |a| a.pool.forget(&a.name.parse().unwrap()).map(drop),
    ),
];

fn record(engine: &SimEngine) -> Option<String> {
    engine.value(RECORD_OF_A)
}

#[test]
fn a_membership_is_told_as_unchanged_only_if_it_never_changes() {
    for (name, before, call) in CALLS {
        let mut lost = 0;
        for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Delayed] {
            for faults in 1..=2 {
                // After so many answers there is none.
                for answers in 0..=6 {
                    let (engine, a, _) = two_hosts();
                    before(&a);
                    let was = record(&engine);
                    engine.plan(vec![Some(fault); faults]);
                    engine.falls_silent(Duration::ZERO, answers);
                    let told = call(&a);
                    engine.falls_silent(Duration::ZERO, usize::MAX);
                    let case = format!("{name}, {fault:?} {faults} times, {answers} answers");
                    let now = record(&engine);
                    engine.deliver();
                    let at_last = record(&engine);
                    match told.as_ref().map_err(StoreError::kind) {
                        Ok(()) => assert!(was != now && now == at_last, "{case}"),
                        Err(StoreErrorKind::AnswerLost(_)) => lost += 1,
                        Err(kind) => {
                            assert_eq!(was, at_last, "{case}: {kind:?}");
                            assert!(matches!(kind, StoreErrorKind::Unreachable { .. }), "{case}");
                        }
                    }
                }
            }
        }
        assert!(lost > 0, "{name}");
    }
}

#[test]
fn a_membership_that_others_change_until_the_deadline_is_told_as_unchanged() {
    let (engine, _, b) = two_hosts();
    let changes = |n| vec![Behind::Put(RECORD_OF_A.into(), format!("change {n}"))];
    engine.behind_reads((0..100).map(changes));
    engine.falls_silent(Duration::from_secs(1), usize::MAX);
    let error = b.pool.forget(&"a".parse().unwrap()).unwrap_err();
    let is_passed = matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. });
    assert!(is_passed, "{error:?}");
    assert!(record(&engine).is_some());
}

#[test]
fn a_host_whose_name_another_machine_took_behind_its_leave_has_left() {
    let (engine, a, _) = two_hosts();
    let of_another = record(&engine).unwrap().replace("machine-a", "another");
    engine.plan([Some(Fault::LostAfter)]);
    engine.overwrite_after_change(RECORD_OF_A, of_another.as_bytes());
    assert!(a.pool.leave().unwrap());
    assert_eq!(record(&engine), Some(of_another));
}

/// A cluster without space, which may have carried out what it refuses: etcd looks at its quota
/// again when it applies a transaction.
#[derive(Debug)]
struct Full {
    cluster: Arc<SimEngine>,
    makes: bool,
    /// Whether it answers no more behind its refusal.
    falls_silent: bool,
}

impl Engine for Full {
    fn txn(&self, txn: &Txn, timeout: Duration) -> Result<Answer, EngineError> {
        if !txn
            .requests
            .iter()
            .any(|request| matches!(request, Request::Put { .. }))
        {
            return self.cluster.txn(txn, timeout);
        }
        if self.makes {
            self.cluster.txn(txn, timeout)?;
        }
        if self.falls_silent {
            self.cluster.falls_silent(Duration::ZERO, 0);
        }
        Err(EngineError::NoSpace("the quota is full".into()))
    }

    fn grant(&self, ttl: Duration, timeout: Duration) -> Result<Lease, EngineError> {
        self.cluster.grant(ttl, timeout)
    }

    fn keep_alive(&self, lease: Lease) {
        self.cluster.keep_alive(lease);
    }

    fn revoke(&self, lease: Lease, timeout: Duration) {
        self.cluster.revoke(lease, timeout);
    }

    fn now(&self) -> Duration {
        self.cluster.now()
    }

    fn today(&self) -> SystemTime {
        self.cluster.today()
    }

    fn number(&self) -> u64 {
        self.cluster.number()
    }
}

#[test]
fn a_join_that_a_full_cluster_made_although_it_refuses_is_read_back() {
    let join = |makes, falls_silent| {
        let cluster = Arc::new(SimEngine::default());
        let engine = Full {
            cluster: Arc::clone(&cluster),
            makes,
            falls_silent,
        };
        let me = identity("a", "b1");
        let pool = PoolStore::new(Arc::new(engine), me, PoolOptions::default());
        (pool.join(), record(&cluster).is_some())
    };
    let (joined, is_member) = join(true, false);
    assert!(matches!(joined, Ok(Joined::New)) && is_member, "{joined:?}");
    let (joined, is_member) = join(false, false);
    let error = joined.unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::NoSpace(_)) && !is_member,
        "{error:?}"
    );
    for makes in [false, true] {
        let error = join(makes, true).0.unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::AnswerLost(_)),
            "{error:?}"
        );
    }
}
