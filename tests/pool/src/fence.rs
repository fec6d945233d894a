//! The fence: two hosts store for one domain while it is sent to and fro, and leaders and wrappers
//! are killed. Only the home's changes are made, and none that was acknowledged is lost.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::DomainKey;
use userdata_core::store::{Refused, StoreError, StoreErrorKind};
use userdata_sim::random::Random;

use crate::cluster::Cluster;
use crate::host::{Host, uuid};
use crate::recorder::is_unknown;
use crate::revisions::{self, Change};
use crate::rig::Rig;
use crate::wrapper::{self, Step};

mod verdict;

/// How often the domain is sent.
const MOVES: u32 = 200;

/// How many moves there are between two deaths of a leader, and from a death to its end.
const BETWEEN_DEATHS: u32 = 40;
const DEAD_FOR: u32 = 10;

/// How many leaders are killed.
const DEATHS: u32 = (MOVES - 1) / BETWEEN_DEATHS;

/// So many wrappers must be killed before their end.
const WRAPPERS_KILLED_MIN: u32 = 11;

/// For how long both hosts store.
const TOGETHER: Duration = Duration::from_millis(2);

/// Within how many milliseconds of its start a wrapper is killed: it is done by then.
const KILLED_WITHIN: u128 = 60;

/// How long one step of a move may take in all: a leader may die meanwhile.
const LONGEST_STEP: Duration = Duration::from_secs(30);

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
    let mut sender = Sender {
        endpoints: cluster.endpoints(),
        folder: &rig.scratch,
        random: Random::new(7),
        claimed: 0,
        cancelled: 0,
        leaders_killed: 0,
        wrappers_killed: 0,
    };
    thread::scope(|scope| {
        for (host, here) in hosts.iter().zip(&here) {
            let (seen, ended) = (&seen, &ended);
            scope.spawn(move || store(host, here, seen, ended));
        }
        let sent = sender.send_to_and_fro(&mut cluster, &hosts, &here);
        ended.store(true, Ordering::SeqCst);
        sent
    })?;
    ensure!(
        sender.wrappers_killed >= WRAPPERS_KILLED_MIN && sender.leaders_killed == DEATHS,
        "only {} wrappers and {} leaders were killed",
        sender.wrappers_killed,
        sender.leaders_killed
    );
    let last = hosts.iter().zip(&here).find_map(|(host, here)| {
        let domain = here.get()?;
        Some(host.value(domain))
    });
    let last = last.context("the domain is nowhere")??;
    let seen = seen.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let changes = revisions::all(&cluster)?;
    keep(rig, &seen, &changes)?;
    let told = verdict::judge(&seen, &changes, last.as_deref())?;
    Ok(format!(
        "{} moves claimed, {} cancelled, {} wrappers and {} leaders killed; {told}",
        sender.claimed, sender.cancelled, sender.wrappers_killed, sender.leaders_killed
    ))
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

/// What sends the domain, and what it has done.
struct Sender<'a> {
    endpoints: Vec<String>,
    folder: &'a Path,
    random: Random,
    claimed: u32,
    cancelled: u32,
    leaders_killed: u32,
    wrappers_killed: u32,
}

impl Sender<'_> {
    /// Sends the domain, every third time in vain, from the first host.
    fn send_to_and_fro(
        &mut self,
        cluster: &mut Cluster,
        hosts: &[Host; 2],
        here: &[Here; 2],
    ) -> Result<()> {
        let ([a, b], [here_a, here_b]) = (hosts, here);
        let (mut home, mut other) = ((a, here_a), (b, here_b));
        let mut dead = None;
        for number in 0..MOVES {
            match (number % BETWEEN_DEATHS, dead) {
                (0, None) if number > 0 => {
                    let leader = cluster.leader()?;
                    cluster.kill(leader)?;
                    self.leaders_killed += 1;
                    dead = Some(leader);
                }
                (DEAD_FOR, Some(member)) => {
                    cluster.restart(member)?;
                    dead = None;
                }
                _ => {}
            }
            if self.send(home, other, number % 3 == 2)? {
                (home, other) = (other, home);
            }
        }
        if let Some(member) = dead {
            cluster.restart(member)?;
        }
        cluster.wait_until_all_answer()
    }

    /// Sends the domain once. Returns whether it moved.
    fn send(
        &mut self,
        (source, left): (&Host, &Here),
        (target, arrives): (&Host, &Here),
        in_vain: bool,
    ) -> Result<bool> {
        let domain = left.get().context("the domain is not at its home")?;
        let to = target.name.parse()?;
        self.step(source, domain, &Step::Begin { to })?;
        let arrived = target.create(domain.uuid)?;
        target.xen.pause(arrived.domid)?;
        // Both hosts believe that the domain is theirs.
        arrives.set(Some(arrived));
        thread::sleep(TOGETHER);
        if in_vain {
            arrives.set(None);
            target.xen.destroy(arrived.domid)?;
            self.step(source, domain, &Step::Cancel)?;
            self.cancelled += 1;
            return Ok(false);
        }
        target.xen.unpause(arrived.domid)?;
        // The domain is gone from the source before the claim, or after it.
        let gone_before = self.random.below(2) == 0;
        if gone_before {
            left.set(None);
            source.xen.destroy(domain.domid)?;
            self.step(source, domain, &Step::Finish)?;
        }
        self.step(target, arrived, &Step::Claim)?;
        if !gone_before {
            thread::sleep(TOGETHER);
            left.set(None);
            source.xen.destroy(domain.domid)?;
            self.step(source, domain, &Step::Finish)?;
        }
        self.claimed += 1;
        Ok(true)
    }

    /// Makes a step of a move. Some wrappers are killed at it, and the next one makes it again.
    fn step(&mut self, host: &Host, domain: DomainKey, step: &Step) -> Result<()> {
        let is_killed = self.random.below(4) == 0;
        if is_killed {
            let after = u64::try_from(self.random.below(KILLED_WITHIN))?;
            let after = Duration::from_millis(after);
            let killed =
                wrapper::killed_after(after, &self.endpoints, host, domain, step, self.folder)?;
            self.wrappers_killed += u32::from(killed);
        }
        let (started, mut tried) = (Instant::now(), is_killed);
        loop {
            let Err(error) = make(host, domain, step) else {
                return Ok(());
            };
            match error.kind() {
                StoreErrorKind::Unreachable { .. }
                | StoreErrorKind::OutcomeUnknown { .. }
                | StoreErrorKind::DeadlinePassed { .. }
                    if started.elapsed() < LONGEST_STEP => {}
                // An earlier try was made.
                StoreErrorKind::Refused(Refused::NotMoving)
                    if tried && matches!(step, Step::Cancel) =>
                {
                    return Ok(());
                }
                _ => return Err(error).with_context(|| format!("{step:?} failed")),
            }
            tried = true;
        }
    }
}

/// Makes a step of a move on a host.
fn make(host: &Host, domain: DomainKey, step: &Step) -> Result<(), StoreError> {
    let (pool, xen) = (&host.pool, &host.xen);
    match step {
        Step::Begin { to } => pool.begin(xen, &domain, to),
        Step::Claim => pool.claim(xen, &domain),
        Step::Cancel => pool.cancel(xen, &domain),
        Step::Finish => pool.finish(xen, &domain).map(drop),
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
