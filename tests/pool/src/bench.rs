//! What a pool costs, beside the bare requests of the same client.
//!
//! The cases of a pair are timed in turns, in one run; a ratio is the median over the rounds.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hv_sim::{HostOptions, NewDomain, SimHost};
use serde::Serialize;
use userdata::Userdata;
use userdata::sweep::{Sightings, SweepOptions};
use userdata_core::store::Keep;
use userdata_core::{DomainKey, Store, Uuid, WritableUserid};
use userdata_pool::{Engine, PoolStore, Request, Span, Txn};

use crate::cluster::Cluster;
use crate::host::{engine, identity, options, uuid};
use crate::interrupt;
use crate::programs::Programs;
use crate::tls::secured::Secured;
use crate::watched::Watched;
use command::OnHost;
use recorder::{Recorder, changes};
use weight::{Files, Weight};

pub(crate) mod command;
mod recorder;
pub(crate) mod weight;

/// The length of the value that a process of its own gets.
const ONE_GET: usize = 4096;

/// Long enough on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is measured, and the limit.
#[derive(Debug, Serialize)]
struct Line {
    what: String,
    /// A median ratio, a number, or bytes.
    found: f64,
    limit: f64,
    /// Medians in microseconds: ours and the bare one.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<(f64, f64)>,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Report {
    etcd: String,
    rounds: usize,
    lines: Vec<Line>,
}

impl Report {
    fn count(&mut self, what: &str, found: usize, limit: usize) {
        self.number(what, found as f64, limit as f64);
    }

    fn number(&mut self, what: &str, found: f64, limit: f64) {
        self.lines.push(Line {
            what: what.to_owned(),
            found,
            limit,
            times: None,
        });
    }

    /// Times both in turns, and notes the median ratio.
    fn pair(
        &mut self,
        what: &str,
        limit: f64,
        mut ours: impl FnMut(usize) -> Result<()>,
        mut bare: impl FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let (mut ratios, mut times) = (Vec::new(), (Vec::new(), Vec::new()));
        // The first round warms up.
        for round in 0..=self.rounds {
            interrupt::check()?;
            let (ours, bare) = if round % 2 == 0 {
                let ours = timed(|| ours(round))?;
                (ours, timed(|| bare(round))?)
            } else {
                let bare = timed(|| bare(round))?;
                (timed(|| ours(round))?, bare)
            };
            if round > 0 {
                ratios.push(ours / bare);
                times.0.push(ours);
                times.1.push(bare);
            }
        }
        self.lines.push(Line {
            what: what.to_owned(),
            found: median(ratios),
            limit,
            times: Some((median(times.0), median(times.1))),
        });
        Ok(())
    }
}

/// Microseconds.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64() * 1e6)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

type Recorded = Watched<Recorder>;
type Pool = PoolStore<Recorded>;

struct Host {
    recorded: Arc<Recorded>,
    xen: SimHost,
    pool: Pool,
    facade: Userdata<SimHost, Pool>,
}

impl Host {
    fn new(cluster: &Cluster, name: &str) -> Result<Self> {
        let recorded = Arc::new(Watched {
            engine: engine(&cluster.endpoints())?,
            watch: Recorder::default(),
        });
        let xen = SimHost::new(HostOptions::new(1));
        let pool = PoolStore::new(Arc::clone(&recorded), identity(name, &xen)?, options());
        let pool = pool.with_timeout(TIMEOUT);
        pool.join()?;
        Ok(Self {
            facade: Userdata::new(xen.clone(), pool.clone()).with_timeout(TIMEOUT),
            recorded,
            xen,
            pool,
        })
    }

    fn create(&self, uuid: Uuid) -> Result<DomainKey> {
        Ok(self.xen.create(NewDomain::new().with_uuid(uuid))?)
    }

    /// Makes these transactions with the same client, without the pool.
    fn bare(&self, txns: &[Txn]) -> Result<()> {
        txns.iter()
            .try_for_each(|txn| self.recorded.engine.txn(txn, TIMEOUT).map(drop))?;
        Ok(())
    }
}

/// The same puts at keys of their own, and no compares.
fn unconditional(txns: &[Txn]) -> Vec<Txn> {
    let bare = |request: &Request| match request {
        Request::Put { key, value, lease } => Request::Put {
            key: [b"/bare", key.as_slice()].concat(),
            value: value.clone(),
            lease: *lease,
        },
        other => other.clone(),
    };
    txns.iter()
        .map(|txn| Txn {
            compares: Vec::new(),
            requests: txn.requests.iter().map(bare).collect(),
            ..txn.clone()
        })
        .collect()
}

/// Measures all, and writes the results into this folder. Returns whether all limits are kept.
pub(crate) fn run(programs: &Programs, scratch: &Path, out: &Path, rounds: usize) -> Result<bool> {
    let folder = scratch.join(format!("bench-{}", programs.version));
    let cluster = Cluster::start(programs, &folder, &["--quota-backend-bytes=1000000000"])?;
    let mut report = Report {
        etcd: programs.version.clone(),
        rounds,
        lines: Vec::new(),
    };
    // First: no member has ended yet, so the largest child that has is `etcdctl`.
    let secured = Secured::start(programs, &folder.join("secured"), &[])?;
    let client = secured.authority.client("xen")?;
    let files = Files::new(&secured.authority, &client);
    let (plain, tls) = (folder.join("plain"), folder.join("tls"));
    let on_host = OnHost::with_value(&plain, &cluster, None, ONE_GET)?;
    one_get(&mut report, &cluster, "", &on_host)?;
    let on_host = OnHost::with_value(&tls, &secured.cluster, Some(&files), ONE_GET)?;
    one_get(&mut report, &secured.cluster, " with TLS", &on_host)?;
    drop(secured);
    let (a, b) = (Host::new(&cluster, "a")?, Host::new(&cluster, "b")?);
    one_value(&mut report, &a)?;
    claim(&mut report, &a, &b)?;
    clear(&mut report, &a)?;
    sweep(&mut report, &a, &b)?;
    for (work, bytes) in [("store", 1 << 20), ("get", 1 << 20)] {
        let Weight { threads, peak } = weight::of(&cluster, None, work, bytes)?;
        report.count(&format!("{work} 1 MiB: threads"), threads, 2);
        let limit = (12 << 20) + 3 * bytes;
        report.count(&format!("{work} 1 MiB: peak memory"), peak, limit);
    }
    let Weight { threads, .. } = weight::of(&cluster, None, "mark", 0)?;
    report.count("mark: threads", threads, 3);
    tell(&report, out)
}

fn tell(report: &Report, out: &Path) -> Result<bool> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let file = out.join(format!("etcd-{}.json", report.etcd));
    fs::write(&file, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    let mut kept = true;
    for line in &report.lines {
        let is_kept = line.found <= line.limit;
        kept &= is_kept;
        let verdict = if is_kept { "kept  " } else { "BEYOND" };
        let times = line.times.map_or(String::new(), |(ours, bare)| {
            format!(" ({ours:.0} us beside {bare:.0} us)")
        });
        let Line {
            what, found, limit, ..
        } = line;
        writeln!(
            io::stdout(),
            "{verdict} {what}: {found:.2} of {limit:.2}{times}"
        )?;
    }
    writeln!(io::stdout(), "etcd {}: {}", report.etcd, file.display())?;
    Ok(kept)
}

/// One get of the command, beside `etcdctl get` of the same bytes.
fn one_get(report: &mut Report, cluster: &Cluster, tls: &str, host: &OnHost) -> Result<()> {
    let key = format!("/userdata/1/data/{}/agent", uuid(8));
    let theirs = |_| -> Result<()> {
        let told = cluster.ctl(&["get", &key, "--print-value-only"])?;
        ensure!(told.len() > ONE_GET, "etcdctl found {} bytes", told.len());
        Ok(())
    };
    theirs(0)?;
    let theirs_peak = weight::largest_child()?;
    let ours = |_| -> Result<()> {
        let found = host.get()?;
        ensure!(found == ONE_GET, "userdata found {found} bytes");
        Ok(())
    };
    let what = format!("userdata retrieve{tls}, beside etcdctl get");
    report.pair(&what, 1.0, ours, theirs)?;
    let peak = host.peak_of_get()?;
    let what = format!("userdata retrieve{tls}: peak memory, beside half of etcdctl's");
    report.number(&what, peak as f64, theirs_peak as f64 / 2.0);
    Ok(())
}

fn one_value(report: &mut Report, host: &Host) -> Result<()> {
    let userid = WritableUserid::new("agent")?;
    let domain = host.create(uuid(1))?;
    let values = [vec![1; 4096], vec![2; 4096]];
    let store = |round: usize| -> Result<()> {
        let value = values.get(round % 2).context("no value")?;
        host.facade.store(domain, &userid, value)?;
        Ok(())
    };
    store(1)?;
    let storing = host.recorded.watch.of(|| store(0))?;
    let storing = unconditional(&storing);
    let read = || host.facade.retrieve(domain, userid.as_userid());
    let reading = host.recorded.watch.of(read)?;
    report.count("get 4 KiB: transactions", reading.len(), 1);
    report.count("store 4 KiB: transactions", storing.len(), 2);
    let get = |_| -> Result<()> {
        let value = read()?.context("no value")?;
        ensure!(value.into_bytes().len() == 4096, "another value");
        Ok(())
    };
    report.pair("get 4 KiB", 1.2, get, |_| host.bare(&reading))?;
    report.pair("store 4 KiB", 1.3, store, |_| host.bare(&storing))
}

/// A domain that is sent to and fro, beside a store.
fn claim(report: &mut Report, a: &Host, b: &Host) -> Result<()> {
    let userid = WritableUserid::new("agent")?;
    let (there, other) = (a.create(uuid(2))?, b.create(uuid(2))?);
    let stored = a.create(uuid(3))?;
    let values = [vec![1; 4096], vec![2; 4096]];
    a.facade.store(there, &userid, b"value")?;
    a.pool.begin(&a.xen, &there, &"b".parse()?)?;
    let claiming = b.recorded.watch.of(|| b.pool.claim(&b.xen, &other))?;
    let made = claiming.iter().filter(|txn| changes(txn)).count();
    report.count("claim: transactions that change", made, 1);
    let mut ratios = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..report.rounds {
        interrupt::check()?;
        // It is at b now; the way back is timed.
        b.pool.begin(&b.xen, &other, &"a".parse()?)?;
        let claim = timed(|| Ok(a.pool.claim(&a.xen, &there)?))?;
        let value = values.get(round % 2).context("no value")?;
        let store = timed(|| Ok(a.facade.store(stored, &userid, value).map(drop)?))?;
        a.pool.begin(&a.xen, &there, &"b".parse()?)?;
        b.pool.claim(&b.xen, &other)?;
        ratios.0.push(claim / store);
        ratios.1.push(claim);
        ratios.2.push(store);
    }
    report.lines.push(Line {
        what: "claim, beside a store of 4 KiB".to_owned(),
        found: median(ratios.0),
        limit: 1.3,
        times: Some((median(ratios.1), median(ratios.2))),
    });
    Ok(())
}

fn clear(report: &mut Report, host: &Host) -> Result<()> {
    let domain = host.create(uuid(4))?;
    for number in 0..2000 {
        let userid = WritableUserid::new(format!("agent-{number}"))?;
        host.facade.store(domain, &userid, b"value")?;
    }
    let began = Instant::now();
    let txns = host
        .recorded
        .watch
        .of(|| host.facade.clear(domain, Keep::Nothing))?;
    let took = began.elapsed();
    let made = txns.iter().filter(|txn| changes(txn)).count();
    report.count("clear of 2 000 values: transactions that change", made, 1);
    ensure!(host.pool.list(&domain)?.is_empty(), "the clear left values");
    writeln!(io::stdout(), "clear of 2 000 values: {took:.1?}")?;
    Ok(())
}

/// 10 000 turns, of which 1 000 are of living domains of this host.
fn sweep(report: &mut Report, host: &Host, other: &Host) -> Result<()> {
    const OURS: u128 = 1_000;
    const ALL: usize = 10_000;
    const FIRST: u128 = 1_000_000;
    const ORPHANS: usize = 10;
    let userid = WritableUserid::new("agent")?;
    let mut domains = Vec::new();
    for number in 0..OURS {
        let domain = host.create(uuid(FIRST + number))?;
        host.facade.store(domain, &userid, b"value")?;
        domains.push(domain);
    }
    // The turns of the other host are copies of one, at other uuids.
    let copied = other.create(uuid(5))?;
    other.facade.store(copied, &userid, b"value")?;
    let turn = |uuid: Uuid| format!("/userdata/1/turn/{uuid}").into_bytes();
    let reading = Txn::read([Span::key(turn(copied.uuid))]);
    let mut found = other.recorded.engine.txn(&reading, TIMEOUT)?.into_pairs();
    let record = found.next().context("no turn")?.value;
    let range = |kind: &str, values| Request::Range {
        span: Span::under(format!("/userdata/1/{kind}/").into_bytes()),
        values,
        limit: None,
    };
    let turns = Txn {
        requests: vec![range("turn", false)],
        ..Txn::default()
    };
    let there = other.recorded.engine.txn(&turns, TIMEOUT)?.into_pairs();
    let numbers: Vec<u128> = (FIRST + OURS..).take(ALL - there.count()).collect();
    for some in numbers.chunks(100) {
        let put = |number: &u128| Request::Put {
            key: turn(uuid(*number)),
            value: record.clone(),
            lease: None,
        };
        let txn = Txn {
            requests: some.iter().map(put).collect(),
            ..Txn::default()
        };
        other.bare(&[txn])?;
    }
    let run = || {
        let (options, mut seen) = (SweepOptions::default(), Sightings::default());
        host.facade.sweep(&options, &mut seen, |_| ())
    };
    // Pages of 5 000 turns and values; the first page of both is one transaction.
    const PAGES: usize = 2;
    let reading = host.recorded.watch.of(run)?;
    report.count("sweep of 10 000 turns: transactions", reading.len(), PAGES);
    let sweep = |_| -> Result<()> { Ok(run().map(drop)?) };
    let whole = [Txn {
        requests: vec![range("turn", true), range("meta", false)],
        ..Txn::default()
    }];
    report.pair("sweep of 10 000 turns", 1.3, sweep, |_| host.bare(&whole))?;
    for domain in domains.iter().take(ORPHANS) {
        host.xen.destroy(domain.domid)?;
    }
    let txns = host.recorded.watch.of(run)?;
    // The pages; then a look-up and a transaction for each.
    report.count(
        "sweep with 10 orphans: transactions",
        txns.len(),
        PAGES + 2 * ORPHANS,
    );
    let made = txns.iter().filter(|txn| changes(txn)).count();
    ensure!(made == ORPHANS, "{made} changes for {ORPHANS} orphans");
    Ok(())
}
