//! What the administrator of the walked pool does: forget, join again, adopt, discard.

use userdata_core::store::HostName;

use super::*;

impl World {
    /// The administrator's steps that are possible.
    pub(super) fn by_hand(&self, steps: &mut Vec<Step>) {
        for (number, is_member) in self.members.iter().enumerate() {
            match is_member {
                true if self.left.forgets > 0 => steps.push(Step::Forget(number)),
                true => {}
                false => steps.push(Step::Join(number)),
            }
        }
        // Each is refused while the home is a member.
        if self.left.forgets > 0 || self.members.contains(&false) {
            let members = (0..self.domains.len()).filter(|place| self.is_of_member(*place));
            steps.extend(members.map(Step::Adopt));
            steps.extend(self.some_member().map(|_| Step::Discard));
        }
    }

    fn is_of_member(&self, place: usize) -> bool {
        self.members[self.domains[place].host]
    }

    pub(super) fn some_member(&self) -> Option<usize> {
        self.members.iter().position(|is_member| *is_member)
    }

    /// The host is declared dead with its guests: what they store is the administrator's, even if
    /// they live and the host joins again.
    pub(super) fn forget(&mut self, number: usize) -> String {
        self.left.forgets -= 1;
        let other = (0..self.hosts.len()).find(|other| *other != number);
        let name: HostName = NAMES[number].parse().unwrap();
        let forgotten = self.host(other.unwrap()).pool.forget(&name);
        self.members[number] = false;
        self.passes_joins(number);
        for domain in &self.domains {
            if domain.host == number && !self.declared_dead.contains(&domain.guest) {
                self.declared_dead.push(domain.guest);
                self.acknowledged[usize::from(domain.guest)] = [0; 2];
            }
        }
        self.home.take_if(|home| home.host == number);
        told(&forgotten)
    }

    pub(super) fn join(&mut self, number: usize) -> String {
        let joined = self.host(number).pool.join();
        self.members[number] |= joined.is_ok();
        told(&joined)
    }

    /// Whether nothing stands in the way of an adoption: the data is free, and the domain runs.
    pub(super) fn may_adopt(&self, place: usize) -> bool {
        let (domain, host) = self.at(place);
        let found = host.xen.domain(domain.key.domid).unwrap();
        let runs = found.is_some_and(|found| found.runs());
        runs && self.is_free() && !self.engine.is_full()
    }

    pub(super) fn adopt(&mut self, place: usize) -> String {
        let ((domain, host), was_free) = (self.at(place), self.is_free());
        let adopted = host.pool.adopt(&host.xen, &domain.key);
        if adopted.is_ok() {
            self.has_adopted(domain, was_free);
        }
        told(&adopted)
    }

    /// The guest took over what is stored: it is acknowledged to it from now on. What the pool
    /// promised to others stays promised.
    pub(super) fn has_adopted(&mut self, domain: Domain, was_free: bool) {
        self.check_free(was_free);
        let values = self.values();
        if let Some((guest, _)) = values.into_iter().flatten().next() {
            self.declared_dead.retain(|dead| *dead != domain.guest);
            let own = &mut self.acknowledged[usize::from(domain.guest)];
            for (own, value) in own.iter_mut().zip(values) {
                let number = value.map_or(0, |(_, number)| number);
                *own = match guest == domain.guest {
                    true => number.max(*own),
                    false => number,
                };
            }
            self.adopted = Some((guest, domain.guest));
        }
        self.home = Some(domain);
    }

    pub(super) fn discard(&mut self) -> String {
        let (member, was_free) = (self.some_member().unwrap(), self.is_free());
        let discarded = self.host(member).pool.discard(uuid());
        if discarded.is_ok() {
            self.has_discarded(was_free);
        }
        told(&discarded)
    }

    pub(super) fn has_discarded(&mut self, was_free: bool) {
        self.check_free(was_free);
        self.acknowledged.fill([0; 2]);
        self.home = None;
    }

    /// Whether the home is not a member, or, once it is released, the host that may claim it.
    pub(super) fn is_free(&self) -> bool {
        let released_to = (0..self.hosts.len()).find(|number| self.is_released_to(*number));
        let keeper = released_to.or_else(|| self.home_host());
        keeper.is_some_and(|number| !self.members[number])
    }

    fn check_free(&self, was_free: bool) {
        assert!(was_free, "data of a member is taken: {self}");
    }

    /// A change that was made is one of a member.
    pub(super) fn check_member(&self, host: usize) {
        assert!(self.members[host], "a forgotten host stores: {self}");
    }
}
