//! Every history of two hosts and one uuid within bounds: the facade's and the pool's own code, on
//! simulated hypervisors and a simulated engine.
//!
//! A store or a claim is made at once, or leaves its host and arrives at any later time, whatever
//! happens in between. After each step no acknowledged value of a running guest is lost, and no
//! guest has the data of another. When no guest is left, sweeps leave nothing.

mod administration;
mod histories;
mod sound;

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hv_sim::{HostState, ShutdownReason, SimHost};
use userdata::sweep::{Sightings, SweepOptions};
use userdata::{Options, Userdata};
use userdata_core::store::{HostName, StoreError};
use userdata_core::{DomainKey, Hypervisor, Store};

use crate::engine::{Fault, SimEngine, WAIT};
use crate::rig::{Host, agent, uuid};
use sound::sweep;

const NAMES: [&str; 2] = ["a", "b"];

/// How often each thing happens at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    guests: u8,
    stores: u8,
    moves: u8,
    crashes: u8,
    late: u8,
    /// Guests that begin with the uuid of a living one, on the other host.
    clones: u8,
    /// Moves of a domain to its own host.
    local_moves: u8,
    forgets: u8,
}

/// A domain. A guest that migrates has two for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Domain {
    host: usize,
    key: DomainKey,
    guest: u8,
}

/// What the toolstack does, whatever becomes of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Migration {
    source: Domain,
    to: usize,
    arrived: Option<Domain>,
    switched: bool,
}

struct World {
    engine: Arc<SimEngine>,
    hosts: [HostState; 2],
    domains: Vec<Domain>,
    migration: Option<Migration>,
    /// The source of the last move that was begun.
    moved: Option<Domain>,
    /// The newest acknowledged store of each guest.
    acknowledged: Vec<u32>,
    stored: u32,
    members: [bool; 2],
    /// The guests whose host was forgotten.
    declared_dead: Vec<u8>,
    /// The host of each change that is on its way.
    senders: Vec<usize>,
    /// The guest whose data was adopted, and the one that adopted it.
    adopted: Option<(u8, u8)>,
    left: Left,
    trace: Vec<String>,
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Clone(usize),
    Destroy(usize),
    Store(usize, bool),
    Begin(usize, usize),
    Copied,
    Switched,
    SourceGone,
    Fails,
    Claim(usize, bool),
    Cancel,
    Finish,
    Sweep(usize),
    Crash(usize),
    Deliver(usize),
    Forget(usize),
    Join(usize),
    Adopt(usize),
    Discard,
}

impl World {
    fn new(left: Left) -> Self {
        let engine = Arc::new(SimEngine::default());
        let hosts = NAMES.map(|name| Host::new(&engine, name).xen.state());
        Self {
            engine,
            hosts,
            domains: Vec::new(),
            migration: None,
            moved: None,
            acknowledged: vec![0; usize::from(left.guests + left.clones)],
            stored: 0,
            members: [true; 2],
            declared_dead: Vec::new(),
            senders: Vec::new(),
            adopted: None,
            left,
            trace: Vec::new(),
        }
    }

    fn copy(&self) -> Self {
        Self {
            engine: Arc::new(self.engine.copy()),
            hosts: self.hosts.clone(),
            domains: self.domains.clone(),
            migration: self.migration.clone(),
            moved: self.moved.clone(),
            acknowledged: self.acknowledged.clone(),
            senders: self.senders.clone(),
            declared_dead: self.declared_dead.clone(),
            trace: self.trace.clone(),
            ..*self
        }
    }

    fn host(&self, number: usize) -> Host {
        let xen = SimHost::from(self.hosts[number].clone());
        Host::of(&self.engine, NAMES[number], xen)
    }

    fn digest(&self) -> String {
        let mut text = self.engine.digest();
        for host in &self.hosts {
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
            senders,
            adopted,
            declared_dead,
            ..
        } = self;
        write!(
            text,
            "{left:?}{migration:?}{moved:?}{acknowledged:?}{domains:?}{members:?}{senders:?}\
             {adopted:?}{declared_dead:?}"
        )
        .unwrap();
        text
    }

    fn steps(&self) -> Vec<Step> {
        let (left, mut steps) = (self.left, Vec::new());
        if left.guests > 0 && self.domains.is_empty() && self.migration.is_none() {
            steps.extend([Step::Create(0), Step::Create(1)]);
        }
        let alone = self.domains.len() == 1 && self.migration.is_none();
        for (place, domain) in self.domains.iter().enumerate() {
            let other = 1 - domain.host;
            if alone && left.clones > 0 {
                steps.push(Step::Clone(other));
            }
            if alone && left.moves > 0 {
                steps.push(Step::Begin(place, other));
            }
            if alone && left.local_moves > 0 {
                steps.push(Step::Begin(place, domain.host));
            }
            if self.migration.is_none() {
                steps.push(Step::Destroy(place));
            }
            for late in [false, true] {
                if late && left.late == 0 {
                    continue;
                }
                if left.stores > 0 {
                    steps.push(Step::Store(place, late));
                }
                let moved = self.moved.as_ref();
                if moved.is_some_and(|moved| moved.guest == domain.guest && moved != domain) {
                    steps.push(Step::Claim(place, late));
                }
            }
        }
        if let Some(migration) = &self.migration {
            match (&migration.arrived, migration.switched) {
                (None, _) => steps.extend([Step::Copied, Step::Fails]),
                (Some(_), false) => steps.extend([Step::Switched, Step::Fails]),
                (Some(_), true) => steps.push(Step::SourceGone),
            }
        }
        if self.moved.is_some() {
            steps.push(Step::Finish);
            // Not while the toolstack goes on; but it may report a failure after the switch.
            if self
                .migration
                .as_ref()
                .is_none_or(|migration| migration.switched)
            {
                steps.push(Step::Cancel);
            }
        }
        steps.extend((0..2).filter(|n| self.members[*n]).map(Step::Sweep));
        steps.extend(self.by_hand());
        if left.crashes > 0 {
            steps.extend([Step::Crash(0), Step::Crash(1)]);
        }
        steps.extend((0..self.engine.under_way()).map(Step::Deliver));
        steps
    }

    /// The world after a step.
    fn after(&self, step: &Step) -> Self {
        let mut next = self.copy();
        let made = next.take(step);
        next.engine.plan([]);
        if let Some(sender) = next.sender(step) {
            next.senders.push(sender);
        }
        next.trace.push(format!("{step:?}: {made}"));
        next
    }

    /// The host of a change that has just been delayed.
    fn sender(&self, step: &Step) -> Option<usize> {
        match *step {
            Step::Store(place, true) | Step::Claim(place, true)
                if self.engine.under_way() > self.senders.len() =>
            {
                Some(self.domains[place].host)
            }
            _ => None,
        }
    }

    fn on<T>(&mut self, number: usize, act: impl FnOnce(&Host) -> T) -> T {
        let host = self.host(number);
        let result = act(&host);
        self.hosts[number] = host.xen.state();
        result
    }

    fn create(&mut self, host: usize, guest: u8) -> Domain {
        let key = self.on(host, Host::create);
        let domain = Domain { host, key, guest };
        self.domains.push(domain.clone());
        domain
    }

    fn destroy(&mut self, domain: &Domain) {
        self.on(domain.host, |host| host.xen.destroy(domain.key.domid))
            .unwrap();
        self.domains.retain(|other| other != domain);
    }

    /// The next change leaves its host and arrives later, if it is late.
    fn lateness(&mut self, late: bool) {
        if late {
            self.left.late -= 1;
            self.engine.plan([Some(Fault::Delayed)]);
        }
    }

    fn take(&mut self, step: &Step) -> String {
        match *step {
            Step::Create(host) => {
                self.left.guests -= 1;
                let guest = self.left.guests;
                format!("{:?}", self.create(host, guest))
            }
            Step::Clone(host) => {
                self.left.clones -= 1;
                let guest = u8::try_from(self.acknowledged.len()).unwrap() - 1 - self.left.clones;
                format!("{:?}", self.create(host, guest))
            }
            Step::Destroy(place) => {
                let domain = self.domains[place].clone();
                self.destroy(&domain);
                String::new()
            }
            Step::Store(place, late) => self.store(place, late),
            Step::Begin(place, to) => {
                let source = self.domains[place].clone();
                match to == source.host {
                    true => self.left.local_moves -= 1,
                    false => self.left.moves -= 1,
                }
                let name: HostName = NAMES[to].parse().unwrap();
                let begun = self.on(source.host, |h| h.pool.begin(&h.xen, &source.key, &name));
                if begun.is_ok() {
                    self.moved = Some(source.clone());
                    let (arrived, switched) = (None, false);
                    self.migration = Some(Migration {
                        source,
                        to,
                        arrived,
                        switched,
                    });
                }
                told(&begun)
            }
            Step::Copied => {
                let mut migration = self.migration.take().unwrap();
                let arrived = self.create(migration.to, migration.source.guest);
                self.on(arrived.host, |h| h.xen.pause(arrived.key.domid))
                    .unwrap();
                migration.arrived = Some(arrived);
                self.migration = Some(migration);
                String::new()
            }
            Step::Switched => {
                let mut migration = self.migration.take().unwrap();
                let (source, arrived) = (&migration.source, migration.arrived.as_ref().unwrap());
                let suspend = ShutdownReason::Suspend;
                self.on(source.host, |h| h.xen.shut_down(source.key.domid, suspend))
                    .unwrap();
                self.on(arrived.host, |h| h.xen.unpause(arrived.key.domid))
                    .unwrap();
                migration.switched = true;
                self.migration = Some(migration);
                String::new()
            }
            Step::SourceGone => {
                let migration = self.migration.take().unwrap();
                self.destroy(&migration.source);
                String::new()
            }
            Step::Fails => {
                let migration = self.migration.take().unwrap();
                if let Some(arrived) = &migration.arrived {
                    self.destroy(arrived);
                }
                String::new()
            }
            Step::Claim(place, late) => {
                let domain = self.domains[place].clone();
                self.lateness(late);
                let claimed = self.on(domain.host, |host| match late {
                    true => {
                        let pool = host.pool.clone().with_timeout(WAIT);
                        pool.claim(&host.xen, &domain.key)
                    }
                    false => host.pool.claim(&host.xen, &domain.key),
                });
                told(&claimed)
            }
            Step::Cancel => {
                let source = self.moved.clone().unwrap();
                let done = self.on(source.host, |h| h.pool.cancel(&h.xen, &source.key));
                told(&done)
            }
            Step::Finish => {
                let source = self.moved.clone().unwrap();
                let done = self.on(source.host, |h| h.pool.finish(&h.xen, &source.key));
                told(&done)
            }
            Step::Sweep(number) => {
                self.on(number, sweep);
                String::new()
            }
            Step::Crash(number) => self.crash(number),
            Step::Deliver(place) => {
                let (sender, before) = (self.senders.remove(place), self.engine.revision());
                self.engine.deliver_one(place);
                if self.engine.revision() != before {
                    self.check_member(sender);
                }
                String::new()
            }
            Step::Forget(number) => self.forget(number),
            Step::Join(number) => self.join(number),
            Step::Adopt(place) => self.adopt(place),
            Step::Discard => self.discard(),
        }
    }

    fn store(&mut self, place: usize, late: bool) -> String {
        let domain = self.domains[place].clone();
        (self.left.stores, self.stored) = (self.left.stores - 1, self.stored + 1);
        self.lateness(late);
        let value = format!("{}:{}", domain.guest, self.stored);
        let stored = self.on(domain.host, |host| {
            let timeout = if late {
                WAIT
            } else {
                Options::default().timeout
            };
            let facade = Userdata::new(&host.xen, &host.pool).with_timeout(timeout);
            facade.store(domain.key, &agent(), value.as_bytes())
        });
        if stored.is_ok() {
            self.check_member(domain.host);
        }
        if stored.is_ok() && !self.declared_dead.contains(&domain.guest) {
            self.acknowledged[usize::from(domain.guest)] = self.stored;
        }
        format!("{stored:?}")
    }

    fn crash(&mut self, number: usize) -> String {
        self.left.crashes -= 1;
        let takes_part = |m: &mut Migration| m.source.host == number || m.to == number;
        if let Some(migration) = self.migration.take_if(takes_part) {
            let Migration {
                source,
                arrived,
                switched,
                ..
            } = migration;
            // Before the switch the guest is at the source, and after it at the destination.
            match (source.host == number, switched) {
                (true, false) => arrived.iter().for_each(|arrived| self.destroy(arrived)),
                (false, true) => self.destroy(&source),
                _ => {}
            }
        }
        self.on(number, |host| host.xen.boot_host()).unwrap();
        self.domains.retain(|domain| domain.host != number);
        self.join(number)
    }
}

fn told<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for step in &self.trace {
            write!(f, "\n  {step}")?;
        }
        write!(f, "\n  {}", self.engine.digest())
    }
}

/// Visits every world within the bounds, nearest first, and returns how many there are.
fn walk(left: Left) -> usize {
    let first = World::new(left);
    let mut seen = HashSet::from([first.digest()]);
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        for step in world.steps() {
            let next = world.after(&step);
            if seen.insert(next.digest()) {
                next.check();
                queue.push_back(next);
            }
        }
    }
    seen.len()
}
