//! Reads of more keys than a page has, while `etcdctl` compacts their revision away.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use userdata_core::store::{StoreError, StoreErrorKind};
use userdata_core::{Store, Uuid};
use userdata_etcd::EtcdEngine;
use userdata_pool::{Answer, Engine, EngineError, PoolStore, Request, Revision, Span, Txn};

use crate::host::{Host, TIMEOUT, engine, identity, options, uuid};
use crate::programs::Programs;
use crate::rig::Rig;
use crate::watched::{Watch, Watched};

const PAGE: usize = 1_000;

/// More than two pages.
const MANY: u128 = 2_500;

/// Of so many keys, the domains fill two pages.
const HALF: usize = MANY as usize / 2;

/// How many keys one transaction copies.
const COPIES: usize = 100;

/// Removes a key and compacts behind some reads.
#[derive(Debug)]
struct Compacting {
    programs: Programs,
    endpoints: String,
    /// How many more reads are followed by a compaction.
    left: AtomicUsize,
    /// How many transactions there were.
    made: AtomicUsize,
}

impl Compacting {
    fn compact(&self, revision: Revision) -> Result<()> {
        let key = format!(
            "/userdata/1/turn/{}",
            uuid(self.left.load(Ordering::SeqCst) as u128)
        );
        self.programs.ctl(&self.endpoints, &["del", &key])?;
        let newer = (revision + 1).to_string();
        self.programs.ctl(&self.endpoints, &["compact", &newer])?;
        Ok(())
    }
}

impl Watch for Compacting {
    fn txn(
        &self,
        engine: &EtcdEngine,
        txn: &Txn,
        timeout: Duration,
    ) -> Result<Answer, EngineError> {
        let answer = engine.txn(txn, timeout)?;
        self.made.fetch_add(1, Ordering::SeqCst);
        let one_less = |left: usize| left.checked_sub(1);
        let due = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if due.is_ok() {
            let compacted = self.compact(answer.revision);
            compacted.map_err(|error| EngineError::Failed(error.into()))?;
        }
        Ok(answer)
    }
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let host = Host::joined(&cluster, "a")?;
    let domain = host.create(uuid(0))?;
    host.store(domain, "value")?;
    copy(&*engine(&cluster.endpoints())?)?;
    let found = scanned(&host.pool)?;
    ensure!(found.len() == MANY as usize, "{} domains", found.len());
    let placed = host.pool.roster()?.placed;
    ensure!(placed.len() == MANY as usize, "{} homes", placed.len());

    let compacting = |times, page| -> Result<_> {
        let engine = Arc::new(Watched {
            engine: engine(&cluster.endpoints())?,
            watch: Compacting {
                programs: cluster.programs.clone(),
                endpoints: cluster.endpoints().join(","),
                left: AtomicUsize::new(times),
                made: AtomicUsize::new(0),
            },
        });
        let me = identity(&host.name, &host.xen)?;
        let mut options = options();
        options.page = page;
        Ok((PoolStore::new(Arc::clone(&engine), me, options), engine))
    };
    let (pool, watched) = compacting(0, HALF)?;
    let found = scanned(&pool)?;
    ensure!(found.len() == MANY as usize, "{} domains", found.len());
    // The first pages of the turns and the values are one transaction, and no more is asked for
    // behind their second ones, which are full.
    let made = watched.watch.made.load(Ordering::SeqCst);
    ensure!(made == 3, "two full pages of each took {made} transactions");
    let (pool, _) = compacting(1, PAGE)?;
    let found = scanned(&pool)?;
    ensure!(found.len() == MANY as usize - 1, "{} domains", found.len());
    let (pool, _) = compacting(100, PAGE)?;
    let error = scanned(&pool).err();
    let error = error.context("a revision was read that is compacted away")?;
    let gave_up = matches!(error.kind(), StoreErrorKind::GaveUp { .. });
    ensure!(gave_up, "{error:?}");

    // Alone, and beside another request.
    for requests in 1..=2 {
        let range = Request::Range {
            span: Span::under(b"/userdata/1/turn/".to_vec()),
            values: false,
            limit: Some(2),
        };
        let read = Txn {
            requests: vec![range; requests],
            ..Txn::default()
        };
        let answer = engine(&cluster.endpoints())?.txn(&read, TIMEOUT)?;
        let found: Vec<usize> = answer.found.iter().map(|page| page.pairs.len()).collect();
        ensure!(found == vec![2; requests], "a limit of 2 found {found:?}");
        let whole = answer.found.iter().any(|page| !page.more);
        ensure!(!whole, "more than a limit of 2 is there, and not told");
    }
    Ok(format!("{MANY} domains"))
}

/// Copies the records of the one domain to others.
fn copy(engine: &EtcdEngine) -> Result<()> {
    let key = |kind: &str, number, rest: &str| {
        format!("/userdata/1/{kind}/{}{rest}", uuid(number)).into_bytes()
    };
    let records = [("turn", ""), ("meta", "/agent")];
    let spans = records.map(|(kind, rest)| Span::key(key(kind, 0, rest)));
    let found = engine.txn(&Txn::read(spans), TIMEOUT)?.into_pairs();
    let values: Vec<Vec<u8>> = found.map(|pair| pair.value).collect();
    let numbers: Vec<u128> = (1..MANY).collect();
    for some in numbers.chunks(COPIES / records.len()) {
        let put = |number: &u128| {
            let pairs = records.iter().zip(&values);
            let number = *number;
            pairs.map(move |((kind, rest), value)| Request::Put {
                key: key(kind, number, rest),
                value: value.clone(),
                lease: None,
            })
        };
        let txn = Txn {
            requests: some.iter().flat_map(put).collect(),
            ..Txn::default()
        };
        engine.txn(&txn, TIMEOUT)?;
    }
    Ok(())
}

fn scanned<E: Engine + 'static>(pool: &PoolStore<E>) -> Result<BTreeSet<Uuid>, StoreError> {
    let mut found = BTreeSet::new();
    pool.scan(&mut |one| {
        found.insert(one.owner.uuid);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
