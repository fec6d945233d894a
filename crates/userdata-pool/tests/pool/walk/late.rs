//! Changes that leave their host and arrive later, or never.

use super::*;

/// A change that is on its way.
#[derive(Clone, Hash)]
pub(super) struct Sent {
    host: usize,
    then: Then,
    /// Whether the turn was changed since.
    is_past: bool,
}

/// What is known once it has arrived and was made. Its caller is gone by then.
#[derive(Clone, PartialEq, Hash)]
enum Then {
    /// The domain is the home.
    Home(Domain),
    Adopted(Domain),
    Discarded,
    /// The host is a member.
    Joined,
    /// The store of the domain under this userid, with this number.
    Stored(Domain, usize, u32),
    /// The home stays, or there is none any more.
    Nothing,
}

impl World {
    pub(super) fn may_be_late(&self, step: &Step) -> bool {
        match step {
            Step::Store(..) | Step::Claim(_) => self.left.late > 0,
            Step::Begin(..)
            | Step::Cancel
            | Step::Finish
            | Step::Sweep(_)
            | Step::SweepUnclaimed(_)
            | Step::Adopt(_)
            | Step::Discard
            | Step::Join(_) => self.left.late_others > 0,
            _ => false,
        }
    }

    /// The change of this step has left its host and has not arrived.
    pub(super) fn send(&mut self, step: &Step) {
        match step {
            Step::Store(..) | Step::Claim(_) => self.left.late -= 1,
            _ => self.left.late_others -= 1,
        }
        let at = |place: usize| self.domains[place].clone();
        let (host, then) = match *step {
            Step::Store(place, userid) => {
                let domain = at(place);
                (domain.host, Then::Stored(domain, userid, self.stored))
            }
            Step::Claim(place) | Step::Begin(place, _) => (at(place).host, Then::Home(at(place))),
            Step::Cancel => {
                let source = self.moved.clone().unwrap();
                (source.host, Then::Home(source))
            }
            Step::Finish => (self.moved.as_ref().unwrap().host, Then::Nothing),
            Step::Sweep(number) | Step::SweepUnclaimed(number) => (number, Then::Nothing),
            Step::Adopt(place) => (at(place).host, Then::Adopted(at(place))),
            Step::Discard => (self.some_member().unwrap(), Then::Discarded),
            Step::Join(number) => (number, Then::Joined),
            _ => unreachable!("{step:?} is never late: {self}"),
        };
        if let Step::Begin(place, _) = *step {
            // Nothing is migrated, but the move may be open from any time on.
            self.moved = Some(self.domains[place].clone());
        }
        let is_past = false;
        self.sent.push(Sent {
            host,
            then,
            is_past,
        });
    }

    /// The turn was changed, so that nothing that is on its way is made any more.
    pub(super) fn passes(&mut self) {
        for sent in &mut self.sent {
            sent.is_past |= sent.then != Then::Joined;
        }
    }

    /// The host was forgotten, so that no join of it that is on its way is made any more.
    pub(super) fn passes_joins(&mut self, host: usize) {
        for sent in &mut self.sent {
            sent.is_past |= sent.then == Then::Joined && sent.host == host;
        }
    }

    /// The same for a change of a destroy on this host.
    pub(super) fn send_of_destroy(&mut self, host: usize) {
        let (then, is_past) = (Then::Nothing, false);
        self.sent.push(Sent {
            host,
            then,
            is_past,
        });
    }

    pub(super) fn deliver(&mut self, place: usize) -> String {
        let Sent {
            host,
            then,
            is_past,
        } = self.sent.remove(place);
        let (revision, was_free) = (self.engine.revision(), self.is_free());
        self.engine.deliver_one(place);
        if self.engine.revision() == revision {
            return "refused".to_owned();
        }
        assert!(!is_past, "a change is made behind a later one: {self}");
        self.members[host] |= then == Then::Joined;
        self.check_member(host);
        match then {
            Then::Home(domain) => self.home = Some(domain),
            // Its caller may have waited for so long.
            Then::Stored(domain, userid, number) => self.has_stored(domain, userid, number),
            Then::Adopted(domain) => self.has_adopted(domain, was_free),
            Then::Discarded => self.has_discarded(was_free),
            Then::Nothing | Then::Joined => {}
        }
        "made".to_owned()
    }
}
