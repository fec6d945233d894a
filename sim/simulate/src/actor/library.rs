//! A user of this library.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hv_sim::{EventError, Until};
use userdata::sweep::Sightings;
use userdata::{Outcome, Userdata};
use userdata_core::store::Expect;
use userdata_core::{DomainKey, Version, WritableUserid};
use userdata_fs::FileStore;

use super::directory::ScheduledDirectory;
use super::host::ScheduledHost;
use super::task::{Request, Whose};
use crate::history::{Event, Invocation, Response};
use crate::walk::{Action, Report, Slot, Swept, Waits};

/// The real code, and what its user remembers.
pub(crate) struct Library {
    host: ScheduledHost,
    userdata: Userdata<ScheduledHost, FileStore<ScheduledDirectory>>,
    /// What it read last in each slot, or stored.
    versions: BTreeMap<Slot, Version>,
    /// What the sweeps of all processes have seen.
    sightings: Arc<Mutex<Sightings>>,
}

impl Library {
    pub(crate) fn new(
        host: ScheduledHost,
        userdata: Userdata<ScheduledHost, FileStore<ScheduledDirectory>>,
        sightings: Arc<Mutex<Sightings>>,
    ) -> Self {
        Self {
            host,
            userdata,
            versions: BTreeMap::new(),
            sightings,
        }
    }

    pub(crate) fn perform(&mut self, domain: DomainKey, request: &Request) {
        let action = self.action(domain, request);
        let scheduled = Arc::clone(self.host.scheduled());
        let process = scheduled.id();
        let invocation = Invocation::Userdata(action.clone());
        let id = scheduled.recorder().begin(process, invocation);
        scheduled.trace(|| format!("[{}] {action}", id.0));
        let report = match action {
            Action::Sweep { waits, .. } => Report::Swept(self.sweep(&waits)),
            _ => action.perform_with(&self.userdata, |key| self.destroy(key)),
        };
        self.remember(&action, &report);
        scheduled.trace(|| format!("[{}] {report}", id.0));
        let response = Response::Userdata(report);
        scheduled.record(Event::Responded {
            process,
            id,
            response,
        });
    }

    /// Sweeps as the command does: by the sightings that earlier sweeps left, and replaced by its
    /// own as a whole. If another sweep has replaced them meanwhile, only what both saw is kept.
    fn sweep(&self, waits: &Waits) -> Swept {
        let sightings = || {
            self.sightings
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let found = sightings().clone();
        let mut seen = found.clone();
        let scheduled = self.host.scheduled();
        scheduled.set_sweeps(true);
        let began = scheduled.process().disk().clock();
        let mut swept = Swept::by(&self.userdata, waits, &mut seen);
        swept.began = began;
        scheduled.set_sweeps(false);
        if swept.error.is_some() {
            seen.agree_with(&found);
        }
        let mut there = sightings();
        if *there != found {
            seen.agree_with(&there);
        }
        if !scheduled.is_dead() {
            *there = seen;
        }
        swept
    }

    /// Destroys a domain phase by phase, as a toolstack of its own would.
    fn destroy(&self, key: &DomainKey) -> Result<(), EventError> {
        let domid = key.domid;
        self.host.scheduled().look_at_marker(key);
        for until in [Until::Leaving, Until::Dying, Until::Dead, Until::Gone] {
            match (self.host).apply_to(key, &hv_sim::Event::Destroy { domid, until }) {
                // Another process was faster.
                Err(EventError::WrongPhase { .. }) => {}
                Err(EventError::NoSuchDomain { .. }) if until > Until::Leaving => return Ok(()),
                happened => drop(happened?),
            }
        }
        Ok(())
    }

    fn action(&self, domain: DomainKey, request: &Request) -> Action {
        let slot = |userid: &userdata_core::WritableUserid| Slot {
            domain,
            userid: userid.clone(),
        };
        match request.clone() {
            Request::Store(userid, value, durability) => Action::Store {
                slot: slot(&userid),
                value,
                durability,
            },
            Request::StoreIfUnchanged(userid, value, durability) => {
                let slot = slot(&userid);
                let version = self.versions.get(&slot);
                let expect = version.map_or(Expect::Absent, |version| Expect::Version(*version));
                Action::StoreIf {
                    slot,
                    value,
                    expect,
                    durability,
                }
            }
            Request::Update(userid, value, durability) => Action::Update {
                slot: slot(&userid),
                value,
                durability,
            },
            Request::Remove(userid, durability) => Action::Remove {
                slot: slot(&userid),
                durability,
            },
            Request::Clear(keep, durability) => Action::Clear {
                domain,
                keep,
                durability,
            },
            Request::Destroy(durability) => Action::Destroy { domain, durability },
            Request::DestroyWithError(durability) => {
                Action::DestroyWithError { domain, durability }
            }
            Request::DestroyWithExport(durability) => {
                Action::DestroyWithExport { domain, durability }
            }
            Request::DestroyInVain => Action::DestroyInVain { domain },
            Request::Import(values, durability) => Action::Import {
                domain,
                values,
                durability,
            },
            Request::StoreEach(values, durability) => Action::StoreEach {
                values: self.slots(values),
                durability,
            },
            Request::CarryFrom(whose, durability) => Action::Carry {
                from: self.host.resolve(whose).unwrap_or(domain),
                to: domain,
                values: Vec::new(),
                durability,
            },
            Request::Sweep(waits) => Action::Sweep {
                waits,
                orphans: Vec::new(),
            },
            Request::Retrieve(userid) => Action::Retrieve {
                slot: slot(&userid),
            },
            Request::List => Action::List { domain },
        }
    }

    /// The values of each domain that there is, in their order, but those of one domain together.
    fn slots(&self, values: Vec<(Whose, WritableUserid, Vec<u8>)>) -> Vec<(Slot, Vec<u8>)> {
        let mut slots: Vec<(Slot, Vec<u8>)> = Vec::new();
        for (whose, userid, value) in values {
            let Some(domain) = self.host.resolve(whose) else {
                continue;
            };
            let slot = Slot { domain, userid };
            if slots.iter().any(|(other, _)| *other == slot) {
                continue;
            }
            let last = slots.iter().rposition(|(other, _)| other.domain == domain);
            let at = last.map_or(slots.len(), |last| last + 1);
            slots.insert(at, (slot, value));
        }
        slots
    }

    fn remember(&mut self, action: &Action, report: &Report) {
        match (action, report) {
            (Action::Retrieve { slot }, Report::Read(value)) => {
                match value {
                    Some(value) => self.versions.insert(slot.clone(), value.version()),
                    None => self.versions.remove(slot),
                };
            }
            (
                Action::Store { slot, value, .. }
                | Action::StoreIf { slot, value, .. }
                | Action::Update { slot, value, .. },
                Report::Changed(Outcome::Stored { .. }),
            ) => {
                self.versions.insert(slot.clone(), Version::of(value));
            }
            (Action::StoreIf { slot, .. } | Action::Remove { slot, .. }, Report::Changed(_)) => {
                self.versions.remove(slot);
            }
            _ => {}
        }
    }
}
