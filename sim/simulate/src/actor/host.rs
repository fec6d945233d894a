//! `ScheduledHost`: the hypervisor, as a process in a run asks it.

use std::sync::Arc;

use hv_sim::{Call, EventError, NewDomain, SimHost, When};
use userdata_core::hypervisor::{BootId, HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor, Uuid};

use super::ScheduledProcess;
use super::task::Whose;
use crate::history::{Disturbance, Event};
use crate::schedule::Point;

/// The host behind a [`ScheduledProcess`]: questions wait for their turn and may be answered
/// wrongly; a process that is dead gets no answer.
#[derive(Clone, Debug)]
pub(crate) struct ScheduledHost {
    scheduled: Arc<ScheduledProcess>,
    scripted: SimHost,
    host: SimHost,
}

impl ScheduledHost {
    pub(crate) fn new(scheduled: Arc<ScheduledProcess>, host: &SimHost) -> Self {
        Self {
            scheduled,
            scripted: host.clone(),
            host: host.unscripted(),
        }
    }

    fn ask<T>(
        &self,
        call: Call,
        ask: impl FnOnce(&SimHost) -> Result<T, HypervisorError>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, HypervisorError> {
        if !self.scheduled.wait(Point::Step) {
            let what = "the process is dead".to_owned();
            let kind = HypervisorErrorKind::Unavailable { what, source: None };
            return Err(HypervisorError::new("ask the hypervisor", kind));
        }
        self.scheduled.recorder().lock().counts.questions += 1;
        let answer = match self.scheduled.next_misanswer() {
            None => ask(&self.host),
            Some(misanswer) => {
                let fault = misanswer.fault(&self.host.state());
                let by = Disturbance::Hypervisor {
                    call,
                    fault: fault.clone(),
                };
                let process = self.scheduled.id();
                self.scheduled.record(Event::Disturbed { process, by });
                self.scripted.script(call, When::Next, fault);
                ask(&self.scripted)
            }
        };
        self.scheduled.trace(|| match &answer {
            Ok(answer) => format!("{call:?} = {}", show(answer)),
            Err(error) => format!("{call:?} = {error}"),
        });
        answer
    }

    /// Lets something happen to the host, when it is this process's turn. The result is the domain
    /// that was created; it is `None` as well if the process is dead.
    pub(crate) fn apply(&self, event: &hv_sim::Event) -> Result<Option<DomainKey>, EventError> {
        if !self.scheduled.wait(Point::Step) {
            return Ok(None);
        }
        self.happen(event)
    }

    fn happen(&self, event: &hv_sim::Event) -> Result<Option<DomainKey>, EventError> {
        let created = self.host.apply(event);
        self.scheduled.trace(|| match &created {
            Ok(Some(key)) => format!("{event:?} = {key}"),
            Ok(None) => format!("{event:?} = done"),
            Err(error) => format!("{event:?} = {error}"),
        });
        let created = created?;
        let event = event.clone();
        let mut recorded = self.scheduled.recorder().lock();
        let changed = match &event {
            hv_sim::Event::SetUuid { domid, uuid } => Some(DomainKey::new(*domid, *uuid)),
            _ => created,
        };
        recorded.incarnations.extend(changed);
        drop(recorded);
        self.scheduled.record(Event::Host { event, created });
        Ok(created)
    }

    /// The incarnation that is meant at this moment; `None` if there never was one.
    pub(crate) fn resolve(&self, whose: Whose) -> Option<DomainKey> {
        let state = self.host.state();
        let living: Vec<DomainKey> = state
            .guests()
            .filter(|(domid, _)| *domid != Domid::ZERO)
            .map(|(domid, guest)| DomainKey::new(domid, guest.uuid()))
            .collect();
        let gone = || {
            let recorded = self.scheduled.recorder().lock();
            let all = recorded.incarnations.iter().copied();
            all.filter(|key| !living.contains(key)).collect::<Vec<_>>()
        };
        match whose {
            Whose::Exactly(key) => Some(key),
            Whose::Living(number) => nth(&living, number).or_else(|| gone().last().copied()),
            Whose::Gone(number) => nth(&gone(), number).or_else(|| nth(&living, number)),
        }
    }

    /// Creates a domain: with this domid, or with one that no domain had. If a domain before it had
    /// the same domid and uuid, it gets another uuid: within one boot Xen gives a domid again only
    /// when all others have been given.
    pub(crate) fn create(&self, domid: Option<Domid>, uuid: Uuid) {
        if !self.scheduled.wait(Point::Step) {
            return;
        }
        let before = self.scheduled.recorder().lock().incarnations.clone();
        let used = |domid: Domid| before.iter().any(|key| key.domid == domid);
        let domid = domid.or_else(|| {
            let mut all = (1..=Domid::MAX.get()).filter_map(|number| Domid::new(number).ok());
            all.find(|domid| !used(*domid))
        });
        let mut new = NewDomain::new().with_uuid(fresh(&before, domid, uuid));
        new.domid = domid;
        // It fails if the domid is taken.
        let _ = self.happen(&hv_sim::Event::Create(new));
    }

    /// Creates a domain with the domid and the uuid of one that is gone. Nothing happens if the
    /// domid is taken.
    pub(crate) fn create_again(&self, key: DomainKey) {
        let new = NewDomain::new().with_domid(key.domid).with_uuid(key.uuid);
        let _ = self.apply(&hv_sim::Event::Create(new));
    }

    /// Changes the handle of a domain to one that it never had.
    pub(crate) fn set_uuid(&self, key: &DomainKey, uuid: Uuid) {
        let before = self.scheduled.recorder().lock().incarnations.clone();
        let domid = key.domid;
        let uuid = fresh(&before, Some(domid), uuid);
        let _ = self.apply_to(key, &hv_sim::Event::SetUuid { domid, uuid });
    }

    /// As [`ScheduledHost::apply`], unless another domain has the domid by then.
    pub(crate) fn apply_to(
        &self,
        key: &DomainKey,
        event: &hv_sim::Event,
    ) -> Result<Option<DomainKey>, EventError> {
        if !self.scheduled.wait(Point::Step) {
            return Ok(None);
        }
        let domid = key.domid;
        match self.host.state().guest(domid) {
            Some(guest) if guest.uuid() == key.uuid => self.happen(event),
            _ => Err(EventError::NoSuchDomain { domid }),
        }
    }

    /// The process that asks.
    pub(crate) fn scheduled(&self) -> &Arc<ScheduledProcess> {
        &self.scheduled
    }
}

/// The uuid, or the next one that this domid did not have before.
fn fresh(before: &[DomainKey], domid: Option<Domid>, uuid: Uuid) -> Uuid {
    let mut uuids = (0..).map(|more| Uuid::from_u128(uuid.as_u128().wrapping_add(more)));
    let is_fresh =
        |uuid: &Uuid| domid.is_none_or(|domid| !before.contains(&DomainKey::new(domid, *uuid)));
    uuids.find(is_fresh).unwrap_or(uuid)
}

fn nth(keys: &[DomainKey], number: u8) -> Option<DomainKey> {
    let number = usize::from(number).checked_rem(keys.len())?;
    keys.get(number).copied()
}

impl Hypervisor for ScheduledHost {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let show = |domain: &Option<Domain>| match domain {
            Some(domain) => format!("{} {}", domain.key, domain.life),
            None => "none".to_owned(),
        };
        self.ask(Call::Domain, |host| host.domain(domid), show)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        let show = |domains: &Vec<Domain>| format!("{} domains", domains.len());
        self.ask(Call::Domains, Hypervisor::domains, show)
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.ask(Call::Leaving, |host| host.leaving(domain), bool::to_string)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.ask(Call::Boot, Hypervisor::boot, BootId::to_string)
    }
}
