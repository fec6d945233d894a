//! No call takes longer than its timeout, wherever among its requests the engine falls silent.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hv_sim::{NewDomain, SimHost};
use userdata::Userdata;
use userdata_core::store::{
    Attempt, ClosingMark, Durability, Expect, Keep, Op, Put, PutEach, StoreErrorKind, Transfer,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Hypervisor as _, Source, Store, Uuid};
use userdata_pool::{Engine as _, PoolOptions, PoolStore};

use crate::engine::SimEngine;
use crate::rig::{Host, Pool, agent, identity, second, two_hosts, uuid};

/// The timeout of the calls that have one of their own.
const OWN: Duration = Duration::from_secs(1);

/// The timeout of the others.
const OPTIONS: Duration = Duration::from_secs(3);

/// What a call takes beside its timeout at most.
const ATTEMPT_MIN: Duration = Duration::from_millis(100);

/// The most requests of a call.
const REQUESTS: usize = 8;

/// The host whose calls are measured.
struct Caller {
    engine: Arc<SimEngine>,
    xen: SimHost,
    pool: Pool,
    domain: DomainKey,
    other: DomainKey,
}

type Mark = Option<Box<dyn ClosingMark>>;

/// A call. It gets a mark if it is one of a mark, and returns what is to be dropped behind it.
struct Call {
    name: &'static str,
    timeout: Duration,
    /// How many timeouts it has.
    parts: u32,
    run: fn(&Caller, Mark) -> Mark,
}

const fn own(name: &'static str, run: fn(&Caller, Mark) -> Mark) -> Call {
    Call {
        name,
        timeout: OWN,
        parts: 1,
        run,
    }
}

const fn other(name: &'static str, run: fn(&Caller, Mark) -> Mark) -> Call {
    Call {
        timeout: OPTIONS,
        ..own(name, run)
    }
}

fn put(caller: &Caller) {
    let userid = agent();
    let op = Op::Put {
        userid: &userid,
        data: NonEmpty::new(b"new").unwrap(),
        expect: Expect::Any,
        durability: Durability::Full,
    };
    let _ = caller
        .pool
        .change(&caller.domain, OWN, &mut |_| Ok(()), &[op]);
}

fn clear(caller: &Caller, keep: Keep) {
    let durability = Durability::Full;
    let op = Op::Clear { keep, durability };
    let _ = caller
        .pool
        .change(&caller.domain, OWN, &mut |_| Ok(()), &[op]);
}

const CALLS: &[Call] = &[
    other("get", |caller, _| {
        let _ = caller.pool.get(&caller.domain, agent().as_userid());
        None
    }),
    own("get_within", |caller, _| {
        let userid = agent();
        let _ = caller
            .pool
            .get_within(&caller.domain, OWN, userid.as_userid());
        None
    }),
    other("stat", |caller, _| {
        let _ = caller.pool.stat(&caller.domain, agent().as_userid());
        None
    }),
    other("list", |caller, _| {
        let _ = caller.pool.list(&caller.domain);
        None
    }),
    other("scan", |caller, _| {
        let _ = caller.pool.scan(&mut |_| ControlFlow::Continue(()));
        None
    }),
    other("owners", |caller, _| {
        let _ = caller.pool.owners(&mut |_| ControlFlow::Continue(()));
        None
    }),
    own("change", |caller, _| {
        put(caller);
        None
    }),
    own("change that clears", |caller, _| {
        clear(caller, Keep::Essential);
        None
    }),
    own("change that clears all", |caller, _| {
        clear(caller, Keep::Nothing);
        None
    }),
    own("put_each", |caller, _| {
        let (userid, domain) = (agent(), caller.domain);
        let values = [Put::new(&userid, NonEmpty::new(b"new").unwrap())];
        let puts = [PutEach::new(domain, &values)];
        let _ = caller
            .pool
            .put_each(&puts, OWN, Durability::Full, &mut |_, _| Ok(()));
        None
    }),
    own("clear_each", |caller, _| {
        let (domains, durability) = ([caller.domain], Durability::Full);
        let mut admit = |_: &_, _: &_| Ok(Keep::Nothing);
        let mut each = |_: &_, _| ControlFlow::Continue(());
        let _ = caller
            .pool
            .clear_each(&domains, OWN, durability, &mut admit, &mut each);
        None
    }),
    own("snapshot", |caller, _| {
        let mut each = |_, _| ControlFlow::Continue(());
        let _ = caller
            .pool
            .snapshot(&caller.domain, OWN, &|_| true, &mut each);
        None
    }),
    own("transfer", |caller, _| {
        let transfer = Transfer::new(caller.domain, caller.other, &|_| true);
        let _ = caller.pool.transfer(&transfer, OWN, &mut |_, _| Ok(()));
        None
    }),
    own("transfer back", |caller, _| {
        let transfer = Transfer::new(caller.other, caller.domain, &|_| true);
        let _ = caller.pool.transfer(&transfer, OWN, &mut |_, _| Ok(()));
        None
    }),
    own("close", |caller, _| {
        caller.pool.close(&caller.domain, OWN, &mut |_| Ok(())).ok()
    }),
    own("mark.remember", |_, mut mark| {
        let _ = mark.as_mut()?.remember(OWN);
        mark
    }),
    own("mark.is_changed", |_, mark| {
        let _ = mark.as_ref()?.is_changed(OWN);
        mark
    }),
    own("mark.clear", |_, mark| {
        let _ = mark?.clear(OWN, Durability::Full, &mut |_| Ok(()));
        None
    }),
    own("mark.reopen", |_, mark| {
        let _ = mark?.reopen(OWN);
        None
    }),
    other("join", |caller, _| {
        let _ = caller.pool.join();
        None
    }),
    other("leave", |caller, _| {
        let _ = caller.pool.leave();
        None
    }),
    other("forget", |caller, _| {
        let _ = caller.pool.forget(&"b".parse().unwrap());
        None
    }),
    other("roster", |caller, _| {
        let _ = caller.pool.roster();
        None
    }),
    other("roster_of", |caller, _| {
        let _ = caller.pool.roster_of(uuid());
        None
    }),
    other("begin", |caller, _| {
        let to = "b".parse().unwrap();
        let _ = caller.pool.begin(&caller.xen, &caller.domain, &to);
        None
    }),
    other("claim", |caller, _| {
        let _ = caller.pool.claim(&caller.xen, &caller.domain);
        None
    }),
    other("cancel", |caller, _| {
        let _ = caller.pool.cancel(&caller.xen, &caller.domain);
        None
    }),
    other("finish", |caller, _| {
        let _ = caller.pool.finish(&caller.xen, &caller.domain);
        None
    }),
    other("adopt", |caller, _| {
        let _ = caller.pool.adopt(&caller.xen, &caller.domain);
        None
    }),
    other("discard", |caller, _| {
        let _ = caller.pool.discard(uuid());
        None
    }),
    other("settle", |caller, _| {
        let _ = caller.pool.settle(&caller.domain, Attempt::new(1, 0));
        None
    }),
    // It reads which data was released; and then each uuid has a timeout of its own.
    Call {
        parts: 2,
        ..other("sweep_unclaimed", |caller, _| {
            let (mut seen, grace) = (|_, _| OWN, Duration::ZERO);
            let (xen, mut each) = (SimHost::from(caller.xen.state()), |_: &_| {});
            for domain in [caller.domain, caller.other] {
                let _ = xen.destroy(domain.domid);
            }
            let _ = caller
                .pool
                .sweep_unclaimed(&xen, grace, false, &mut seen, &mut each);
            None
        })
    },
];

/// Of a pool with two hosts, of which the first one calls.
type World = fn(&SimEngine, &Host, &Host) -> DomainKey;

/// Every standing of the caller's domain, by its name.
const WORLDS: &[(&str, World)] = &[
    ("no home", |_, a, _| a.create()),
    ("home", |_, a, _| home(a)),
    ("home and no space", |engine, a, _| {
        let domain = home(a);
        engine.fill();
        domain
    }),
    ("a move has begun", |_, a, b| {
        let domain = home(a);
        begin(a, b, &domain);
        domain
    }),
    ("the source is gone", |_, a, b| {
        let domain = home(a);
        begin(a, b, &domain);
        a.xen.destroy(domain.domid).unwrap();
        domain
    }),
    ("on its way here", |_, a, b| {
        let source = home(b);
        begin(b, a, &source);
        a.create()
    }),
    ("released to here", |_, a, b| {
        let source = home(b);
        begin(b, a, &source);
        b.xen.destroy(source.domid).unwrap();
        b.pool.finish(&b.xen, &source).unwrap();
        a.create()
    }),
    ("another host", |_, a, b| {
        home(b);
        a.create()
    }),
    ("a forgotten host", |_, a, b| {
        home(b);
        a.pool.forget(&"b".parse().unwrap()).unwrap();
        a.create()
    }),
    ("another life", |_, a, _| {
        let before = home(a);
        a.xen.destroy(before.domid).unwrap();
        a.create()
    }),
    ("gone", |_, a, _| {
        let domain = home(a);
        a.xen.destroy(domain.domid).unwrap();
        domain
    }),
    ("not a member", |_, a, _| {
        let domain = home(a);
        a.pool.leave().unwrap();
        domain
    }),
];

/// A domain with values of two userids.
fn home(host: &Host) -> DomainKey {
    let domain = host.create();
    host.store(domain, "1").unwrap();
    host.facade.store(domain, &second(), b"2").unwrap();
    domain
}

fn begin(from: &Host, to: &Host, domain: &DomainKey) {
    let to = to.name.parse().unwrap();
    from.pool.begin(&from.xen, domain, &to).unwrap();
}

/// The caller in this world.
fn caller(world: World) -> Caller {
    let (engine, a, b) = two_hosts();
    let other = NewDomain::new().with_uuid(Uuid::from_u128(0x3333_4444));
    let other = a.xen.create(other).unwrap();
    let domain = world(&engine, &a, &b);
    let me = identity("a", a.xen.boot().unwrap().as_str());
    let mut options = PoolOptions::default();
    options.timeout = OPTIONS;
    // Reads of two values take several requests.
    options.page = 1;
    Caller {
        pool: PoolStore::new(Arc::clone(&engine), me, options),
        xen: a.xen,
        engine,
        domain,
        other,
    }
}

#[test]
fn no_call_takes_longer_than_its_timeout_wherever_the_engine_falls_silent() {
    for call in CALLS {
        for (name, world) in WORLDS {
            // How much of the timeout each answer takes.
            for percent in [0, 20, 45, 70, 95] {
                for answers in 0..=REQUESTS {
                    let caller = caller(*world);
                    let mark = match call.name.starts_with("mark.") {
                        false => None,
                        true => caller.pool.close(&caller.domain, OWN, &mut |_| Ok(())).ok(),
                    };
                    let slow = call.timeout * percent / 100;
                    caller.engine.falls_silent(slow, answers);
                    let before = caller.engine.now();
                    let after = (call.run)(&caller, mark);
                    let time = caller.engine.now() - before;
                    let limit = (call.timeout + ATTEMPT_MIN) * call.parts;
                    assert!(
                        time <= limit,
                        "{} takes {time:?}, more than {limit:?}: {name}; {answers} answers, each \
                         after {slow:?}",
                        call.name
                    );
                    drop(after);
                }
            }
        }
    }
}

/// The names of the calls in a source file, and those of the trait `Store`.
fn public_calls(source: &str, calls: &mut BTreeSet<String>) {
    let mut lines = source.lines().peekable();
    let mut is_store = false;
    while let Some(line) = lines.next() {
        is_store = match line.starts_with("impl") {
            true => line.contains(" Store for ") || line.contains(" ClosingMark for "),
            false => is_store && line != "}",
        };
        let rest = line.strip_prefix("    pub fn ");
        let rest = rest.or_else(|| line.strip_prefix("    fn ").filter(|_| is_store));
        let Some((name, of)) = rest.and_then(|rest| rest.split_once(['(', '<'])) else {
            continue;
        };
        let first = lines.peek().copied().unwrap_or_default();
        if of.contains("self") || first.trim() == "&self," || is_store {
            calls.insert(name.to_owned());
        }
    }
}

#[test]
fn every_call_of_the_store_is_measured() {
    let mut calls = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in std::fs::read_dir(&source).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && !path.ends_with("engine.rs") {
            public_calls(&std::fs::read_to_string(path).unwrap(), &mut calls);
        }
    }
    // It asks nothing of the engine.
    calls.remove("now");
    assert!(calls.len() > 20, "{calls:?}");
    let measured: BTreeSet<&str> = CALLS
        .iter()
        .map(|call| call.name.trim_start_matches("mark."))
        .collect();
    let missing: Vec<&String> = calls
        .iter()
        .filter(|call| !measured.contains(call.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Each try of an update reads, and then changes.
#[test]
fn an_update_that_others_overtake_has_one_timeout_wherever_the_engine_falls_silent() {
    let keys = ["meta", "data"].map(|table| format!("/userdata/1/{table}/{}/agent", uuid()));
    for percent in [0, 5, 10, 20, 45, 70, 95] {
        for answers in 0..=2 * REQUESTS {
            let caller = caller(|_, a, _| home(a));
            let records = ["1", "2"].map(|value| {
                let facade = Userdata::new(caller.xen.clone(), caller.pool.clone());
                facade
                    .store(caller.domain, &agent(), value.as_bytes())
                    .unwrap();
                keys.each_ref().map(|key| caller.engine.value(key).unwrap())
            });
            // Behind a pointer, as in the command.
            let pool: Box<dyn Store> = Box::new(caller.pool.clone());
            let facade = Userdata::new(caller.xen.clone(), pool).with_timeout(OWN);
            let mut overtakes = records.iter().cycle();
            let slow = OWN * percent / 100;
            caller.engine.falls_silent(slow, answers);
            let before = caller.engine.now();
            let updated = facade.update(caller.domain, &agent(), |_| {
                for (key, record) in keys.iter().zip(overtakes.next().unwrap()) {
                    caller.engine.overwrite(key, record.as_bytes());
                }
                Ok::<_, Source>(Some(b"3".to_vec()))
            });
            assert!(updated.is_err(), "{updated:?}");
            let time = caller.engine.now() - before;
            // The last read and the last change may both be made in the last moment.
            let limit = OWN + 2 * ATTEMPT_MIN;
            assert!(
                time <= limit,
                "it takes {time:?}; {answers} answers, each after {slow:?}"
            );
        }
    }
}

/// A mark that is dropped outside of a call is taken back for a while.
#[test]
fn a_mark_that_is_dropped_waits_two_seconds_at_most() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    let mark = a.pool.close(&domain, OWN, &mut |_| Ok(())).unwrap();
    engine.falls_silent(Duration::ZERO, 0);
    let before = engine.now();
    drop(mark);
    assert_eq!(engine.now() - before, Duration::from_secs(2));
    let error = a.pool.list(&domain).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Unreachable { .. }));
}
