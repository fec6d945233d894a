//! What each step does.

use hv_sim::ShutdownReason;
use userdata_core::Uuid;
use userdata_core::store::HostName;

use super::sound::{sweep, sweep_unclaimed};
use super::*;
use crate::engine::Fault;

impl World {
    /// The world after a step.
    pub(super) fn after(&self, step: &Step, late: bool) -> Self {
        let mut next = self.copy();
        next.step(step, late);
        next
    }

    pub(super) fn step(&mut self, step: &Step, late: bool) {
        // An absent grave is made first.
        let grave = (late && self.makes_grave(step)).then_some(None);
        let fault = late.then_some(Some(Fault::Delayed));
        self.engine.plan(grave.into_iter().chain(fault));
        let turn = self.turn_revision();
        let is_owed = matches!(*step, Step::Adopt(place) if self.may_adopt(place));
        let made = self.take(step);
        self.engine.plan([]);
        if self.turn_revision() != turn {
            self.passes();
        }
        let is_sent = self.engine.under_way() > self.sent.len();
        if is_sent {
            self.send(step);
        }
        let late = if is_sent { " leaves late" } else { "" };
        self.trace.push(format!("{step:?}{late}: {made}"));
        let is_refused = is_owed && !is_sent && made != told(&Ok::<(), StoreError>(()));
        assert!(!is_refused, "free data is not adopted: {self}");
    }

    fn makes_grave(&self, step: &Step) -> bool {
        match step {
            Step::Store(..) | Step::Begin(..) => {
                self.turn_revision() == 0 && self.grave_revision() == 0
            }
            Step::Join(number) => {
                let grave = format!("/userdata/1/grave/host/{}", NAMES[*number]);
                self.engine.revision_of(&grave) == 0
            }
            _ => false,
        }
    }

    fn take(&mut self, step: &Step) -> String {
        if let Some(host) = self.part(step) {
            self.used = self.used.max(host + 1);
            if self.used + 1 == self.hosts.len() {
                // The last one has none like it.
                self.used += 1;
            }
        }
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
            Step::Store(place, userid) => self.store(place, userid),
            Step::Begin(place, to) => self.begin(place, to),
            Step::Copied => self.copied(),
            Step::Switched => self.switched(),
            Step::Renamed => self.renamed(),
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
                self.name_back(&migration.source);
                String::new()
            }
            Step::Claim(place) => {
                let (domain, host) = self.at(place);
                let claimed = host.pool.claim(&host.xen, &domain.key);
                self.home_if(claimed.is_ok(), domain);
                told(&claimed)
            }
            Step::Cancel => {
                let (source, host) = self.source();
                let done = host.pool.cancel(&host.xen, &source.key);
                self.home_if(done.is_ok(), source);
                told(&done)
            }
            Step::Finish => {
                let (source, host) = self.source();
                told(&host.pool.finish(&host.xen, &source.key))
            }
            Step::Sweep(number) => {
                sweep(&self.host(number));
                String::new()
            }
            Step::SweepUnclaimed(number) => {
                sweep_unclaimed(&self.host(number));
                String::new()
            }
            Step::Crash(number) => self.crash(number),
            Step::Deliver(place) => self.deliver(place),
            Step::Forget(number) => self.forget(number),
            Step::Join(number) => self.join(number),
            Step::Adopt(place) => self.adopt(place),
            Step::Discard => self.discard(),
            Step::LoseMark => {
                self.left.lost_marks -= 1;
                self.engine.lose_leases();
                String::new()
            }
            Step::Fill => {
                self.left.fills -= 1;
                self.engine.fill();
                String::new()
            }
            Step::MakeRoom => {
                self.engine.make_room();
                String::new()
            }
        }
    }

    /// A domain and its host.
    pub(super) fn at(&self, place: usize) -> (Domain, Host) {
        let domain = self.domains[place].clone();
        let host = self.host(domain.host);
        (domain, host)
    }

    fn source(&self) -> (Domain, Host) {
        let source = self.moved.clone().unwrap();
        let host = self.host(source.host);
        (source, host)
    }

    /// A domain that was told so is the home as long as it lives.
    pub(super) fn home_if(&mut self, told: bool, domain: Domain) {
        if told {
            self.home = Some(domain);
        }
    }

    fn create(&mut self, host: usize, guest: u8) -> Domain {
        let key = self.host(host).create();
        let domain = Domain { host, key, guest };
        self.domains.push(domain.clone());
        domain
    }

    pub(super) fn destroy(&mut self, domain: &Domain) {
        self.hosts[domain.host].destroy(domain.key.domid).unwrap();
        self.domains.retain(|other| other != domain);
    }

    fn store(&mut self, place: usize, userid: usize) -> String {
        let (domain, host) = self.at(place);
        (self.left.stores, self.stored) = (self.left.stores - 1, self.stored + 1);
        self.left.second -= u8::from(userid == 1);
        let value = format!("{}:{}", domain.guest, self.stored);
        let stored = host
            .facade
            .store(domain.key, &userids()[userid], value.as_bytes());
        if stored.is_ok() {
            self.check_member(domain.host);
            self.has_stored(domain, userid, self.stored);
        }
        format!("{stored:?}")
    }

    /// The store with this number was acknowledged to the domain.
    pub(super) fn has_stored(&mut self, domain: Domain, userid: usize, number: u32) {
        if !self.declared_dead.contains(&domain.guest) {
            self.acknowledged[usize::from(domain.guest)][userid] = number;
        }
        self.home = Some(domain);
    }

    fn begin(&mut self, place: usize, to: usize) -> String {
        let (source, host) = self.at(place);
        match to == source.host {
            true => self.left.local_moves -= 1,
            false => self.left.moves -= 1,
        }
        let name: HostName = NAMES[to].parse().unwrap();
        let begun = host.pool.begin(&host.xen, &source.key, &name);
        if begun.is_ok() {
            self.migration = Some(Migration {
                source: source.clone(),
                to,
                arrived: None,
                switched: false,
                renamed: false,
            });
            self.moved = Some(source.clone());
        }
        self.home_if(begun.is_ok(), source);
        told(&begun)
    }

    fn copied(&mut self) -> String {
        let mut migration = self.migration.take().unwrap();
        let arrived = self.create(migration.to, migration.source.guest);
        self.hosts[arrived.host].pause(arrived.key.domid).unwrap();
        migration.arrived = Some(arrived);
        self.migration = Some(migration);
        String::new()
    }

    fn switched(&mut self) -> String {
        let mut migration = self.migration.take().unwrap();
        let (source, arrived) = (&migration.source, migration.arrived.as_ref().unwrap());
        let suspend = ShutdownReason::Suspend;
        self.hosts[source.host]
            .shut_down(source.key.domid, suspend)
            .unwrap();
        self.hosts[arrived.host].unpause(arrived.key.domid).unwrap();
        migration.switched = true;
        self.migration = Some(migration);
        String::new()
    }

    /// As XAPI's toolstack does.
    fn renamed(&mut self) -> String {
        self.left.renames -= 1;
        let migration = self.migration.as_mut().unwrap();
        migration.renamed = true;
        let source = &migration.source;
        let other = Uuid::from_u128(0xfeed);
        self.hosts[source.host]
            .set_uuid(source.key.domid, other)
            .unwrap();
        String::new()
    }

    fn name_back(&self, source: &Domain) {
        let key = source.key;
        self.hosts[source.host]
            .set_uuid(key.domid, key.uuid)
            .unwrap();
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
                (false, false) => self.name_back(&source),
                (true, true) => {}
            }
        }
        self.hosts[number].boot_host().unwrap();
        self.domains.retain(|domain| domain.host != number);
        self.join(number)
    }
}
