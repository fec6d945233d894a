//! The fence: two hosts store for one domain while it is sent to and fro, and leaders die. Only the
//! home's changes are made, and none that was acknowledged is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::DomainKey;
use userdata_core::store::StoreErrorKind;
use userdata_pool::Finished;
use userdata_sim::random::Random;

use crate::cluster::Cluster;
use crate::host::{Host, uuid};
use crate::recorder::is_unknown;
use crate::revisions::{self, Change};
use crate::rig::Rig;

/// How often the domain is sent.
const MOVES: u32 = 200;

/// How many moves there are between two deaths of a leader, and from a death to its end.
const BETWEEN_DEATHS: u32 = 40;
const DEAD_FOR: u32 = 10;

/// How long one step of a move may take in all: a leader may die meanwhile.
const STEP: Duration = Duration::from_secs(30);

/// One store, and how it ended.
#[derive(Clone, Debug)]
struct Stored {
    value: String,
    began: Instant,
    ended: Instant,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Acknowledged,
    /// The domain's data belongs elsewhere, or there is no such domain.
    Refused,
    /// The members did not answer, and nothing was changed.
    NotMade,
    Unknown,
}

/// What both hosts did.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Stored>>);

impl Seen {
    fn add(&self, stored: Stored) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(stored);
    }
}

/// The domain as each host knows it: that host's own incarnation, if it has one.
#[derive(Debug, Default)]
struct Here(Mutex<Option<DomainKey>>);

impl Here {
    fn get(&self) -> Option<DomainKey> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, domain: Option<DomainKey>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = domain;
    }
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let hosts = [Host::joined(&cluster, "a")?, Host::joined(&cluster, "b")?];
    let [a, _] = &hosts;
    let (here, seen, ended) = (
        [Here::default(), Here::default()],
        Seen::default(),
        AtomicBool::new(false),
    );
    let first = a.create(uuid(1))?;
    here[0].set(Some(first));
    let moved = thread::scope(|scope| {
        for (host, here) in hosts.iter().zip(&here) {
            let (seen, ended) = (&seen, &ended);
            scope.spawn(move || store(host, here, seen, ended));
        }
        let moved = send_to_and_fro(&mut cluster, &hosts, &here);
        ended.store(true, Ordering::SeqCst);
        moved
    })?;
    let last = hosts.iter().zip(&here).find_map(|(host, here)| {
        let domain = here.get()?;
        Some(host.value(domain))
    });
    let last = last.context("the domain is nowhere")??;
    let seen = seen.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let changes = revisions::all(&cluster)?;
    keep(rig, &seen, &changes)?;
    let told = judge(&seen, &changes, last.as_deref())?;
    Ok(format!("{moved}; {told}"))
}

/// Stores for the domain as long as it is here, whatever the pool says.
fn store(host: &Host, here: &Here, seen: &Seen, ended: &AtomicBool) {
    for count in 0_u64.. {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        let Some(domain) = here.get() else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let value = format!("{}.{count}", host.name);
        let began = Instant::now();
        let end = match host.store(domain, &value) {
            Ok(()) => End::Acknowledged,
            Err(error) => end_of(&error),
        };
        let ended = Instant::now();
        seen.add(Stored {
            value,
            began,
            ended,
            end,
        });
    }
}

fn end_of(error: &UserdataError) -> End {
    if is_unknown(error) {
        return End::Unknown;
    }
    match error.kind() {
        UserdataErrorKind::Store(error) => match error.kind() {
            StoreErrorKind::Unreachable { .. } | StoreErrorKind::DeadlinePassed { .. } => {
                End::NotMade
            }
            _ => End::Refused,
        },
        _ => End::Refused,
    }
}

/// Sends the domain, every third time in vain. After some steps the toolstack dies and another one
/// ends the move, by what the pool and the hypervisors say.
fn send_to_and_fro(cluster: &mut Cluster, hosts: &[Host; 2], here: &[Here; 2]) -> Result<String> {
    let (mut random, mut dead) = (Random::new(7), None);
    let (mut claimed, mut cancelled, mut abandoned, mut deaths) = (0, 0, 0, 0);
    let mut at = 0;
    for number in 0..MOVES {
        match (number % BETWEEN_DEATHS, dead) {
            (0, None) if number > 0 => {
                let leader = cluster.leader()?;
                cluster.kill(leader)?;
                (dead, deaths) = (Some(leader), deaths + 1);
            }
            (DEAD_FOR, Some(member)) => {
                cluster.restart(member)?;
                dead = None;
            }
            _ => {}
        }
        let (Some(source), Some(target)) = (hosts.get(at), hosts.get(1 - at)) else {
            bail!("there are two hosts");
        };
        let (Some(left), Some(arrives)) = (here.get(at), here.get(1 - at)) else {
            bail!("there are two hosts");
        };
        let domain = left.get().context("the domain is not at its home")?;
        let to = target.name.parse()?;
        step(|| source.pool.begin(&source.xen, &domain, &to))?;
        let arrived = target.create(domain.uuid)?;
        target.xen.pause(arrived.domid)?;
        // Both hosts believe that the domain is theirs.
        arrives.set(Some(arrived));
        thread::sleep(Duration::from_millis(2));
        // The toolstack dies here; the next one begins the same move, which is under way.
        if random.below(4) == 0 {
            abandoned += 1;
            step(|| source.pool.begin(&source.xen, &domain, &to))?;
        }
        if number % 3 == 2 {
            arrives.set(None);
            target.xen.destroy(arrived.domid)?;
            step(|| source.pool.cancel(&source.xen, &domain))?;
            cancelled += 1;
            continue;
        }
        target.xen.unpause(arrived.domid)?;
        // The source may die before the claim or after it.
        let dies_first = random.below(2) == 0;
        if dies_first {
            left.set(None);
            source.xen.destroy(domain.domid)?;
            let finished = step(|| source.pool.finish(&source.xen, &domain))?;
            ensure!(finished == Finished::Released, "{finished:?}");
        }
        step(|| target.pool.claim(&target.xen, &arrived))?;
        if !dies_first {
            thread::sleep(Duration::from_millis(2));
            left.set(None);
            source.xen.destroy(domain.domid)?;
            // Without it the toolstack has died.
            if random.below(4) == 0 {
                abandoned += 1;
            } else {
                let finished = step(|| source.pool.finish(&source.xen, &domain))?;
                ensure!(finished == Finished::Claimed, "{finished:?}");
            }
        }
        claimed += 1;
        at = 1 - at;
    }
    if let Some(member) = dead {
        cluster.restart(member)?;
        cluster.wait_until_all_answer()?;
    }
    Ok(format!(
        "{claimed} moves claimed, {cancelled} cancelled, {abandoned} toolstacks dead, {deaths} \
         leaders killed"
    ))
}

/// Makes a step of a move, and makes it again while members do not answer: each step may be
/// repeated.
fn step<T>(mut make: impl FnMut() -> Result<T, userdata_core::store::StoreError>) -> Result<T> {
    let started = Instant::now();
    loop {
        match make() {
            Ok(done) => return Ok(done),
            Err(error) => {
                let again = matches!(
                    error.kind(),
                    StoreErrorKind::Unreachable { .. }
                        | StoreErrorKind::OutcomeUnknown { .. }
                        | StoreErrorKind::DeadlinePassed { .. }
                );
                if !again || started.elapsed() > STEP {
                    return Err(error).context("a step of a move failed");
                }
            }
        }
    }
}

fn keep(rig: &Rig, seen: &[Stored], changes: &[Change]) -> Result<()> {
    let mut text = String::new();
    let first = seen.iter().map(|stored| stored.began).min();
    for stored in seen {
        let (began, ended) = (first.map(|first| stored.began - first), stored.ended);
        let took = ended - stored.began;
        writeln!(text, "{} {:?} {began:?} {took:?}", stored.value, stored.end)?;
    }
    for change in changes {
        let value = change.value.as_deref().map(String::from_utf8_lossy);
        writeln!(text, "{} {} {value:?}", change.revision, change.key)?;
    }
    Ok(fs::write(rig.kept("history"), text)?)
}

/// Holds the stores against what etcd remembers.
fn judge(seen: &[Stored], changes: &[Change], last: Option<&str>) -> Result<String> {
    let turn_key = format!("/userdata/1/turn/{}", uuid(1));
    let data_key = format!("/userdata/1/data/{}/agent", uuid(1));
    let mut problems = BTreeSet::new();
    let mut home: Option<BTreeMap<String, String>> = None;
    let mut made: BTreeMap<String, i64> = BTreeMap::new();
    let mut newest = None;
    let by_revision = changes.chunk_by(|one, next| one.revision == next.revision);
    for together in by_revision {
        let of = |key: &str| together.iter().find(|change| change.key == key);
        let turn = of(&turn_key).map(|change| change.value.as_deref().map(revisions::words));
        if let Some(data) = of(&data_key) {
            let Some(value) = &data.value else {
                problems.insert(format!("revision {}: a value is gone", data.revision));
                continue;
            };
            let value = String::from_utf8_lossy(value).into_owned();
            let by = value.split('.').next().unwrap_or_default().to_owned();
            let is_home = |home: &BTreeMap<String, String>| {
                home.get("host") == Some(&by) && !home.contains_key("released")
            };
            // By the home before it, and by the one that the same transaction leaves.
            let before = home.as_ref().is_none_or(is_home);
            let after = turn
                .as_ref()
                .is_some_and(|turn| turn.as_ref().is_some_and(is_home));
            if !before || !after {
                problems.insert(format!("revision {}: {value}: {home:?}", data.revision));
            }
            if made.insert(value.clone(), data.revision).is_some() {
                problems.insert(format!("{value} was made twice"));
            }
            newest = Some(value);
        }
        if let Some(turn) = turn {
            home = turn;
        }
    }
    if newest.as_deref() != last {
        problems.insert(format!("the last value is {last:?} and not {newest:?}"));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for stored in seen {
        let is_made = made.contains_key(&stored.value);
        let (word, right) = match stored.end {
            End::Acknowledged => ("acknowledged", is_made),
            End::Refused => ("refused", !is_made),
            End::NotMade => ("not made", !is_made),
            End::Unknown => ("unknown", true),
        };
        *counts.entry(word).or_default() += 1;
        if !right {
            problems.insert(format!("{} was told as {word}", stored.value));
        }
    }
    out_of_order(seen, &made, &mut problems);
    let problems: Vec<String> = problems.into_iter().take(20).collect();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(counts.contains_key("refused"), "no store was refused");
    Ok(format!("stores: {counts:?}"))
}

/// A store that began when another one had ended is behind it.
fn out_of_order(seen: &[Stored], made: &BTreeMap<String, i64>, problems: &mut BTreeSet<String>) {
    let of = |stored: &&Stored| stored.end == End::Acknowledged;
    let mut begun: Vec<&Stored> = seen.iter().filter(of).collect();
    let mut ended = begun.clone();
    begun.sort_by_key(|stored| stored.began);
    ended.sort_by_key(|stored| stored.ended);
    let mut ended = ended.into_iter().peekable();
    let mut newest = 0;
    for stored in begun {
        while let Some(earlier) = ended.next_if(|earlier| earlier.ended < stored.began) {
            newest = newest.max(made.get(&earlier.value).copied().unwrap_or(0));
        }
        let revision = made.get(&stored.value).copied().unwrap_or(i64::MAX);
        if revision < newest {
            problems.insert(format!("{} is before a store that had ended", stored.value));
        }
    }
}
