//! What the administrator of the walked pool does: forget, join again, adopt, discard.

use super::*;

impl World {
    /// The administrator's steps that are possible.
    pub(super) fn by_hand(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for number in 0..2 {
            match self.members[number] {
                true if self.left.forgets > 0 => steps.push(Step::Forget(number)),
                true => {}
                false => steps.push(Step::Join(number)),
            }
        }
        // Each is refused while the home is a member.
        if self.left.forgets > 0 || self.members.contains(&false) {
            let members = (0..self.domains.len()).filter(|place| self.is_of_member(*place));
            steps.extend(members.map(Step::Adopt));
            steps.push(Step::Discard);
        }
        steps
    }

    fn is_of_member(&self, place: usize) -> bool {
        self.members[self.domains[place].host]
    }

    /// The host is declared dead with its guests: what they store is the administrator's, even if
    /// they live and the host joins again.
    pub(super) fn forget(&mut self, number: usize) -> String {
        self.left.forgets -= 1;
        let name: HostName = NAMES[number].parse().unwrap();
        let forgotten = self.on(1 - number, |host| host.pool.forget(&name));
        self.members[number] = false;
        for domain in &self.domains {
            if domain.host == number && !self.declared_dead.contains(&domain.guest) {
                self.declared_dead.push(domain.guest);
                self.acknowledged[usize::from(domain.guest)] = 0;
            }
        }
        told(&forgotten)
    }

    pub(super) fn join(&mut self, number: usize) -> String {
        self.members[number] = true;
        told(&self.on(number, |host| host.pool.join()))
    }

    /// The guest takes over what is stored: it is acknowledged to it from now on. What the pool
    /// promised to others stays promised.
    pub(super) fn adopt(&mut self, place: usize) -> String {
        let domain = self.domains[place].clone();
        let adopted = self.on(domain.host, |h| h.pool.adopt(&h.xen, &domain.key));
        if adopted.is_ok()
            && let Some((guest, number)) = self.data()
        {
            self.declared_dead.retain(|dead| *dead != domain.guest);
            let own = &mut self.acknowledged[usize::from(domain.guest)];
            *own = match guest == domain.guest {
                true => number.max(*own),
                false => number,
            };
            self.adopted = Some((guest, domain.guest));
        }
        told(&adopted)
    }

    pub(super) fn discard(&mut self) -> String {
        let Some(member) = (0..2).find(|number| self.members[*number]) else {
            return String::new();
        };
        let discarded = self.on(member, |host| host.pool.discard(uuid()));
        if discarded.is_ok() {
            let some_forgotten = self.members.contains(&false);
            assert!(some_forgotten, "data of a member is discarded: {self}");
            self.acknowledged.fill(0);
        }
        told(&discarded)
    }

    /// A change that was made is one of a member.
    pub(super) fn check_member(&self, host: usize) {
        assert!(self.members[host], "a forgotten host stores: {self}");
    }
}
