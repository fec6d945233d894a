//! What each request of the engine does, on a real cluster.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use userdata_pool::{Compare, Engine, EngineError, Lease, Page, Request, Span, Txn};

use crate::cluster::MEMBERS;
use crate::host::engine;
use crate::rig::Rig;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Enough for two attempts at one member.
const SHORT: Duration = Duration::from_secs(5);

fn change(engine: &impl Engine, requests: Vec<Request>, compares: Vec<Compare>) -> Result<bool> {
    let txn = Txn {
        compares,
        requests,
        ..Txn::default()
    };
    Ok(engine.txn(&txn, TIMEOUT)?.made)
}

fn put(name: &str, lease: Option<Lease>) -> Request {
    Request::Put {
        key: key(name),
        value: name.as_bytes().to_vec(),
        lease,
    }
}

fn key(name: &str) -> Vec<u8> {
    format!("/requests/{name}").into_bytes()
}

fn all() -> Span {
    Span::under(b"/requests/".to_vec())
}

/// All keys, alone or beside another request: etcd has a call for each of the two.
fn pages(engine: &impl Engine) -> Result<[Page; 2]> {
    let alone = engine.txn(&Txn::read([all()]), TIMEOUT)?.found;
    let beside = engine.txn(&Txn::read([all(), all()]), TIMEOUT)?.found;
    match (alone.as_slice(), beside.as_slice()) {
        ([alone], [first, second]) if first == second => Ok([alone.clone(), first.clone()]),
        other => bail!("other answers than requests: {other:?}"),
    }
}

/// The names of all keys, and whether each ends with a lease.
fn names(engine: &impl Engine) -> Result<Vec<(String, bool)>> {
    let [alone, beside] = pages(engine)?;
    ensure!(alone == beside, "{alone:?} is not {beside:?}");
    ensure!(!alone.more, "more than all");
    let name = |pair: &userdata_pool::Pair| {
        let name = String::from_utf8_lossy(&pair.value).into_owned();
        (name, pair.leased)
    };
    Ok(alone.pairs.iter().map(name).collect())
}

fn expect(engine: &impl Engine, expected: &[(&str, bool)]) -> Result<()> {
    let found = names(engine)?;
    let is_same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|((name, leased), expected)| (name.as_str(), *leased) == *expected);
    ensure!(is_same, "{found:?} and not {expected:?}");
    Ok(())
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let client = engine(&cluster.endpoints())?;
    let lease = client.grant(Duration::from_secs(60), TIMEOUT)?;
    let puts = vec![put("a", None), put("b", Some(lease)), put("c", None)];
    ensure!(change(&*client, puts, Vec::new())?, "nothing was put");
    expect(&*client, &[("a", false), ("b", true), ("c", false)])?;

    // A revision that differs, and one of an absent key.
    let [page, _] = pages(&*client)?;
    let revision = page.pairs.first().context("no key")?.revision;
    let compare = |name: &str, revision| Compare {
        key: key(name),
        revision,
    };
    let refused = [
        compare("a", revision + 1),
        compare("a", 0),
        compare("d", revision),
    ];
    for compare in refused {
        let made = change(&*client, vec![put("d", None)], vec![compare.clone()])?;
        ensure!(!made, "made although {compare:?} does not hold");
    }
    let holds = vec![compare("a", revision), compare("d", 0)];
    ensure!(change(&*client, vec![put("d", None)], holds)?, "not made");

    client.revoke(lease, TIMEOUT);
    expect(&*client, &[("a", false), ("c", false), ("d", false)])?;
    let span = Span::range(key("b"), key("d"));
    change(&*client, vec![Request::Delete { span }], Vec::new())?;
    expect(&*client, &[("a", false), ("d", false)])?;
    let span = Span::key(key("a"));
    change(&*client, vec![Request::Delete { span }], Vec::new())?;
    expect(&*client, &[("d", false)])?;

    // A member that knows no leader says so; it does not keep the caller waiting for one.
    for member in 1..MEMBERS {
        cluster.kill(member)?;
    }
    let read = Txn::read([all()]);
    let first = cluster.endpoints().into_iter().take(1).collect::<Vec<_>>();
    let alone = engine(&first)?;
    let error: EngineError = match alone.txn(&read, SHORT) {
        Ok(answer) => bail!("a member without a leader answered {answer:?}"),
        Err(error) => error,
    };
    let told = format!("{:#}", anyhow::Error::new(error));
    ensure!(told.contains("no leader"), "{told}");
    let stale = Txn {
        stale: true,
        ..read
    };
    alone.txn(&stale, SHORT)?;
    Ok("puts, leases, compares, deletes, reads".to_owned())
}
