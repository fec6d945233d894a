//! Every history of a few hosts and one uuid within bounds: the facade's and the pool's own code,
//! on simulated hypervisors and a simulated engine.
//!
//! A change is made at once, or leaves its host and arrives at any later time, whatever happens in
//! between. After each step no acknowledged value of a running guest is lost, no guest has the data
//! of another, and a domain stays the home until another claims or adopts. When no guest is left,
//! sweeps leave nothing.

mod administration;
mod closing;
mod histories;
mod late;
mod offered;
mod past;
mod sound;
mod taken;

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use hv_sim::SimHost;
use userdata_core::store::StoreError;
use userdata_core::{DomainKey, Hypervisor, WritableUserid};

use crate::engine::{SimEngine, WAIT};
use crate::rig::{Host, agent, second, uuid};
use late::Sent;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// How often each thing happens at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Left {
    guests: u8,
    stores: u8,
    /// Stores under the second userid, which are among the stores.
    second: u8,
    moves: u8,
    crashes: u8,
    /// Stores and claims that arrive late.
    late: u8,
    /// Other changes that arrive late.
    late_others: u8,
    /// Guests that begin with the uuid of a living one, on another host.
    clones: u8,
    /// Moves of a domain to its own host.
    local_moves: u8,
    forgets: u8,
    /// Changes of the uuid of a domain that migrates. It is changed back if the migration fails.
    renames: u8,
    /// Destroys with an export.
    destroys: u8,
    /// Closing marks whose lease runs out or is revoked.
    lost_marks: u8,
    /// Marks and clears of destroys that arrive late.
    late_closings: u8,
    /// Steps behind the reads of destroys.
    behind_reads: u8,
    /// How often the quota is full.
    fills: u8,
}

/// A domain. A guest that migrates has two for a while.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Domain {
    host: usize,
    key: DomainKey,
    guest: u8,
}

impl std::fmt::Debug for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (host, domid) = (NAMES[self.host], self.key.domid);
        write!(f, "{host}.{domid} of guest {}", self.guest)
    }
}

/// What the toolstack does, whatever becomes of the data.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Migration {
    source: Domain,
    to: usize,
    arrived: Option<Domain>,
    switched: bool,
    /// Whether the source has another uuid meanwhile.
    renamed: bool,
}

struct World {
    engine: Arc<SimEngine>,
    hosts: Vec<SimHost>,
    domains: Vec<Domain>,
    migration: Option<Migration>,
    /// The source of the last move that was begun.
    moved: Option<Domain>,
    /// The newest acknowledged store of each guest under each userid.
    acknowledged: Vec<[u32; 2]>,
    stored: u32,
    members: Vec<bool>,
    /// How many hosts, the first ones, have had a part in anything. The others are alike.
    used: usize,
    /// The guests whose host was forgotten.
    declared_dead: Vec<u8>,
    /// The domain that must be the home as long as it lives.
    home: Option<Domain>,
    /// Of each change that is on its way, in the order of the engine.
    sent: Vec<Sent>,
    /// The guest whose data was adopted, and the one that adopted it.
    adopted: Option<(u8, u8)>,
    left: Left,
    trace: Trace,
}

/// The steps that led to a world, the last one first. Worlds share those before it.
#[derive(Clone, Default)]
struct Trace(Option<Rc<(String, Self)>>);

impl Trace {
    fn push(&mut self, step: String) {
        let before = std::mem::take(self);
        self.0 = Some(Rc::new((step, before)));
    }

    /// The steps in order.
    fn steps(&self) -> Vec<&str> {
        let mut steps = Vec::new();
        let mut trace = self;
        while let Some(last) = &trace.0 {
            steps.push(&*last.0);
            trace = &last.1;
        }
        steps.reverse();
        steps
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Clone(usize),
    Destroy(usize),
    /// Of this domain, under this userid.
    Store(usize, usize),
    Begin(usize, usize),
    Copied,
    Switched,
    Renamed,
    SourceGone,
    Fails,
    Claim(usize),
    Cancel,
    Finish,
    Sweep(usize),
    /// The sweep of what was released to this host.
    SweepUnclaimed(usize),
    Crash(usize),
    Deliver(usize),
    Forget(usize),
    Join(usize),
    Adopt(usize),
    Discard,
    LoseMark,
    Fill,
    MakeRoom,
}

impl World {
    fn new(hosts: usize, left: Left) -> Self {
        let engine = Arc::new(SimEngine::default());
        let names = NAMES.iter().take(hosts);
        Self {
            hosts: names.map(|name| Host::new(&engine, name).xen).collect(),
            members: vec![true; hosts],
            used: 0,
            engine,
            domains: Vec::new(),
            migration: None,
            moved: None,
            acknowledged: vec![[0; 2]; usize::from(left.guests + left.clones)],
            stored: 0,
            declared_dead: Vec::new(),
            home: None,
            sent: Vec::new(),
            adopted: None,
            left,
            trace: Trace::default(),
        }
    }

    /// The same world, from now on apart.
    fn copy(&self) -> Self {
        let apart = |host: &SimHost| SimHost::from(host.state());
        Self {
            engine: Arc::new(self.engine.copy()),
            hosts: self.hosts.iter().map(apart).collect(),
            domains: self.domains.clone(),
            migration: self.migration.clone(),
            moved: self.moved.clone(),
            acknowledged: self.acknowledged.clone(),
            members: self.members.clone(),
            declared_dead: self.declared_dead.clone(),
            home: self.home.clone(),
            sent: self.sent.clone(),
            trace: self.trace.clone(),
            ..*self
        }
    }

    /// A host whose calls end when the first answer is lost.
    fn host(&self, number: usize) -> Host {
        let mut host = Host::of(&self.engine, NAMES[number], self.hosts[number].clone());
        host.pool = host.pool.with_timeout(WAIT);
        host.facade = host.facade.with_timeout(WAIT);
        host
    }

    /// All that matters for what can happen next. What the walk itself knows is hashed: 64 bits
    /// tell some thousand worlds apart.
    fn digest(&self) -> String {
        let mut text = self.engine.digest();
        for host in &self.hosts {
            let host = host.state();
            write!(text, "|{}", host.boots()).unwrap();
            for (domid, guest) in host.guests() {
                write!(text, " {domid}{}{}", guest.phase(), guest.paused()).unwrap();
            }
        }
        let Self {
            left,
            migration,
            moved,
            acknowledged,
            domains,
            members,
            used,
            home,
            sent,
            adopted,
            declared_dead,
            ..
        } = self;
        let mut hasher = DefaultHasher::new();
        (left, migration, moved, acknowledged, domains).hash(&mut hasher);
        (members, used, home, sent, adopted, declared_dead).hash(&mut hasher);
        write!(text, "|{:x}", hasher.finish()).unwrap();
        text
    }
}

/// What is stored under a userid: of which guest, and the number of the store.
type Stored = Option<(u8, u32)>;

fn userids() -> [WritableUserid; 2] {
    [agent(), second()]
}

fn told<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for step in self.trace.steps() {
            write!(f, "\n  {step}")?;
        }
        write!(f, "\n  {}", self.engine.digest())
    }
}

/// Visits every world within the bounds, nearest first, and returns how many there are.
fn walk(hosts: usize, left: Left) -> usize {
    let first = World::new(hosts, left);
    let mut seen = HashSet::from([first.digest()]);
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        let steps = world.steps();
        let after = steps.iter().map(|(step, late)| world.after(step, *late));
        for mut next in after.chain(world.destroys(&mut seen)) {
            next.forget_what_is_past();
            if seen.insert(next.digest()) {
                next.check();
                assert!(!next.is_marked(), "a mark outlives its destroy: {next}");
                if !next.is_over() {
                    queue.push_back(next);
                }
            }
        }
    }
    seen.len()
}
