//! `HostState::apply`: how an event changes a host.

use userdata_core::{DomainKey, Domid};

use crate::before::Before;
use crate::guest::Stage;
use crate::random::{self, Purpose};
use crate::{
    Event, EventError, Guest, HostState, NAME_BYTES_MAX, NewDomain, ShutdownReason, Until,
};

/// The result of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The domain that it created: by [`Event::Create`], [`Event::Reboot`] and
    /// [`Event::MigrateBegin`].
    pub created: Option<DomainKey>,
    /// Whether `@releaseDomain` fires, with a reason or without.
    pub fires: bool,
}

impl HostState {
    /// Makes `event` happen.
    ///
    /// # Errors
    ///
    /// If the event can't happen; the state is then as it was.
    pub fn apply(&mut self, event: &Event) -> Result<Applied, EventError> {
        let happened = self.transition(|now| now.happen(event))?;
        Ok(Applied {
            created: happened.result,
            fires: happened.fires,
        })
    }

    /// Makes `change` happen as one event.
    pub(crate) fn transition<T>(
        &mut self,
        change: impl FnOnce(&mut Transition<'_>) -> Result<T, EventError>,
    ) -> Result<Happened<T>, EventError> {
        let mut transition = Transition {
            before: Before::new(self),
            state: self,
            fires: false,
        };
        let result = change(&mut transition);
        let Transition {
            before,
            state,
            fires,
        } = transition;
        match result {
            Ok(result) => {
                let fires = state.fires_spuriously() || fires;
                state.counters.events = state.counters.events.wrapping_add(1);
                Ok(Happened {
                    result,
                    fires,
                    before,
                })
            }
            Err(error) => {
                before.restore(state);
                Err(error)
            }
        }
    }

    fn fires_spuriously(&self) -> bool {
        let draw = random::number(
            self.options.seed,
            Purpose::SpuriousEvent,
            self.counters.events,
        );
        draw.checked_rem(u64::from(self.options.spurious_one_in)) == Some(0)
    }
}

/// An event that has happened.
pub(crate) struct Happened<T> {
    pub(crate) result: T,
    pub(crate) fires: bool,
    /// The changes, to undo the event.
    pub(crate) before: Before,
}

/// An event that is happening. Every change goes through [`Before`], so that it can be undone if
/// the event proves impossible half way.
pub(crate) struct Transition<'a> {
    state: &'a mut HostState,
    before: Before,
    fires: bool,
}

impl Transition<'_> {
    pub(crate) fn happen(&mut self, event: &Event) -> Result<Option<DomainKey>, EventError> {
        match event {
            Event::Create(new) => return self.create(new).map(Some),
            Event::Reboot { domid } => return self.reboot(*domid).map(Some),
            Event::MigrateBegin { domid } => return self.migrate_begin(*domid).map(Some),
            Event::MigrateEnd { source, target } => self.migrate_end(*source, *target)?,
            Event::Shutdown { domid, reason } => self.shut_down(*domid, *reason)?,
            Event::Resume { domid } => self.resume(*domid)?,
            Event::Pause { domid } => self.managed(*domid)?.paused = true,
            Event::Unpause { domid } => self.managed(*domid)?.paused = false,
            Event::Destroy { domid, until } => self.destroy(*domid, *until)?,
            Event::Kill { domid } => self.managed(*domid)?.stage = Stage::Dying,
            Event::SoftReset { domid } => self.soft_reset(*domid)?,
            Event::SetUuid { domid, uuid } => self.domain(*domid)?.uuid = *uuid,
            Event::Rename { domid, name } => self.rename(*domid, name)?,
            Event::Hide { domid } => self.domain(*domid)?.hidden = true,
            Event::Show { domid } => self.domain(*domid)?.hidden = false,
            Event::Pin { domid } => self.guest(*domid)?.pinned = true,
            Event::Unpin { domid } => self.unpin(*domid)?,
            Event::Spurious => self.fires = true,
            Event::BootHost => self.boot_host()?,
        }
        Ok(None)
    }

    pub(crate) fn create(&mut self, new: &NewDomain) -> Result<DomainKey, EventError> {
        if let Some(name) = &new.name {
            self.check_name(name, None)?;
        }
        let domid = match new.domid {
            None => self.state.next_domid()?,
            Some(domid) if self.state.guests.contains_key(&domid) => {
                return Err(EventError::DomidTaken { domid });
            }
            Some(domid) => domid,
        };
        if new.domid.is_none() {
            // As in Xen, a chosen domid does not move the round robin.
            self.state.counters.last_domid = domid;
        }
        let incarnation = self.next_incarnation()?;
        let seed = self.state.options.seed;
        let uuid = new
            .uuid
            .unwrap_or_else(|| random::uuid(seed, Purpose::DomainUuid, incarnation));
        let guest = Guest::new(uuid, new.name.clone(), incarnation);
        self.before.insert(self.state, domid, guest);
        Ok(DomainKey::new(domid, uuid))
    }

    pub(crate) fn reboot(&mut self, domid: Domid) -> Result<DomainKey, EventError> {
        let old = self.managed(domid)?;
        let new = NewDomain {
            name: old.name.clone(),
            uuid: Some(old.uuid),
            domid: None,
        };
        self.destroy(domid, Until::Gone)?;
        self.create(&new)
    }

    pub(crate) fn migrate_begin(&mut self, domid: Domid) -> Result<DomainKey, EventError> {
        let source = self.managed(domid)?;
        let twin = NewDomain {
            name: source.name.as_ref().map(|name| format!("{name}--incoming")),
            uuid: Some(source.uuid),
            domid: None,
        };
        self.create(&twin)
    }

    fn migrate_end(&mut self, source: Domid, target: Domid) -> Result<(), EventError> {
        let uuid = self.managed(target)?.uuid;
        let gone = self.guest(source)?;
        if source == target || gone.uuid != uuid {
            return Err(EventError::NotMigrated {
                source_domid: source,
                target,
            });
        }
        let name = gone.name.clone();
        self.destroy(source, Until::Gone)?;
        match name {
            Some(name) => self.rename(target, &name),
            None => Ok(()),
        }
    }

    fn shut_down(&mut self, domid: Domid, reason: ShutdownReason) -> Result<(), EventError> {
        let guest = self.managed(domid)?;
        if guest.shutdown.is_some() {
            return Err(wrong_phase(domid, guest));
        }
        guest.shutdown = Some(reason);
        self.fires = true;
        Ok(())
    }

    fn resume(&mut self, domid: Domid) -> Result<(), EventError> {
        let guest = self.managed(domid)?;
        if guest.shutdown.is_none() {
            return Err(wrong_phase(domid, guest));
        }
        guest.shutdown = None;
        Ok(())
    }

    fn destroy(&mut self, domid: Domid, until: Until) -> Result<(), EventError> {
        let guest = self.guest(domid)?;
        let stage = match until {
            Until::Leaving => Stage::Alive,
            Until::Dying => Stage::Dying,
            Until::Dead | Until::Gone => Stage::Dead,
        };
        if guest.stage > stage {
            return Err(wrong_phase(domid, guest));
        }
        let dies = stage == Stage::Dead && guest.stage != Stage::Dead;
        guest.leaving = true;
        guest.stage = stage;
        let goes = until == Until::Gone && !guest.pinned;
        self.fires |= dies;
        if goes {
            self.before.remove(self.state, domid);
        }
        Ok(())
    }

    fn soft_reset(&mut self, domid: Domid) -> Result<(), EventError> {
        let guest = self.guest(domid)?;
        if guest.stage != Stage::Alive {
            return Err(wrong_phase(domid, guest));
        }
        guest.leaving = false;
        guest.shutdown = None;
        // While it was leaving, another domain may have been given its name.
        if let Some(name) = guest.name.clone() {
            self.check_name(&name, Some(domid))?;
        }
        self.fires = true;
        Ok(())
    }

    fn rename(&mut self, domid: Domid, name: &str) -> Result<(), EventError> {
        self.managed(domid)?;
        self.check_name(name, Some(domid))?;
        self.managed(domid)?.name = Some(name.to_owned());
        Ok(())
    }

    fn unpin(&mut self, domid: Domid) -> Result<(), EventError> {
        let guest = self.guest(domid)?;
        guest.pinned = false;
        if guest.stage == Stage::Dead {
            // xenstored forgot the domain when it died, so nothing fires now.
            self.before.remove(self.state, domid);
        }
        Ok(())
    }

    fn boot_host(&mut self) -> Result<(), EventError> {
        let boot = &mut self.state.counters.boot;
        *boot = boot.checked_add(1).ok_or(EventError::Exhausted)?;
        self.state.counters.last_domid = Domid::ZERO;
        let incarnation = self.next_incarnation()?;
        self.domain(Domid::ZERO)?.incarnation = incarnation;
        self.before.remove_guests(self.state);
        // Watches have to be registered anew after a boot, and then fire.
        self.fires = true;
        Ok(())
    }

    fn next_incarnation(&mut self) -> Result<u64, EventError> {
        let count = &mut self.state.counters.incarnations;
        *count = count.checked_add(1).ok_or(EventError::Exhausted)?;
        Ok(*count)
    }

    /// Any domain, Domain-0 included.
    fn domain(&mut self, domid: Domid) -> Result<&mut Guest, EventError> {
        self.before
            .guest(self.state, domid)
            .ok_or(EventError::NoSuchDomain { domid })
    }

    /// A domain that is not Domain-0.
    fn guest(&mut self, domid: Domid) -> Result<&mut Guest, EventError> {
        if domid == Domid::ZERO {
            return Err(EventError::DomainZero);
        }
        self.domain(domid)
    }

    /// A guest that is alive and not leaving.
    fn managed(&mut self, domid: Domid) -> Result<&mut Guest, EventError> {
        let guest = self.guest(domid)?;
        if guest.stage == Stage::Alive && !guest.leaving {
            Ok(guest)
        } else {
            Err(wrong_phase(domid, guest))
        }
    }

    fn check_name(&self, name: &str, owner: Option<Domid>) -> Result<(), EventError> {
        if !matches!(name.len(), 1..=NAME_BYTES_MAX) {
            return Err(EventError::NameLength { bytes: name.len() });
        }
        match self.state.guest_called(name, owner) {
            Some(domid) => Err(EventError::NameTaken {
                name: name.to_owned(),
                domid,
            }),
            None => Ok(()),
        }
    }
}

impl HostState {
    /// The domid that Xen's allocator would give: the first free one after the last given, in
    /// round-robin order from 1. (If the last given one is the only free one, it is given again, as
    /// by Xen 4.22; Xen 4.21 and earlier would not give it.)
    fn next_domid(&self) -> Result<Domid, EventError> {
        let last = self.counters.last_domid.get();
        (last.saturating_add(1)..=Domid::MAX.get())
            .chain(1..=last)
            .filter_map(|number| Domid::new(number).ok())
            .find(|domid| !self.guests.contains_key(domid))
            .ok_or(EventError::NoFreeDomid)
    }

    /// The domain, other than `but`, that has this name in xenstore.
    fn guest_called(&self, name: &str, but: Option<Domid>) -> Option<Domid> {
        self.guests()
            .find(|(domid, guest)| Some(*domid) != but && guest.name() == Some(name))
            .map(|(domid, _)| domid)
    }
}

fn wrong_phase(domid: Domid, guest: &Guest) -> EventError {
    EventError::WrongPhase {
        domid,
        phase: guest.phase(),
    }
}
