//! `userdata sim`: events of a simulated host. The store is never touched.

use hv_sim::{Event, Guest, HostFile, NewDomain, Phase, Until};
use userdata::DomainKey;

use crate::arguments::{Create, Sim, SimCommand, StopAt};
use crate::document;
use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::options::Options;
use crate::output::{Output, printable, table};
use crate::status::Status;

impl Sim {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let host = options.simulated()?.ok_or(Failure::NotSimulated)?;
        let key_of = |domain: &DomainArgument| -> Result<DomainKey, Failure> {
            Ok(domain.key_on(&host.snapshot()?)?)
        };
        let output = options.output();
        match &self.event {
            SimCommand::Create(create) => {
                let key = host.apply(&Event::Create(create.domain()))?;
                created("create", key, output)
            }
            SimCommand::Destroy { domain, stop_at } => {
                let key = key_of(domain)?;
                let until = match stop_at {
                    None => Until::Gone,
                    Some(StopAt::Dying) => Until::Dying,
                    Some(StopAt::Dead) => Until::Dead,
                };
                host.apply(&Event::Destroy {
                    domid: key.domid,
                    until,
                })?;
                happened("destroy", Some(key), output)
            }
            SimCommand::Pause { domain } => {
                let key = key_of(domain)?;
                host.apply(&Event::Pause { domid: key.domid })?;
                happened("pause", Some(key), output)
            }
            SimCommand::Unpause { domain } => {
                let key = key_of(domain)?;
                host.apply(&Event::Unpause { domid: key.domid })?;
                happened("unpause", Some(key), output)
            }
            SimCommand::Shutdown { domain, reason } => {
                let key = key_of(domain)?;
                host.apply(&Event::Shutdown {
                    domid: key.domid,
                    reason: *reason,
                })?;
                happened("shutdown", Some(key), output)
            }
            SimCommand::Reboot { domain } => {
                let domid = key_of(domain)?.domid;
                created("reboot", host.apply(&Event::Reboot { domid })?, output)
            }
            SimCommand::List => list(&host, output),
            SimCommand::BootHost => {
                host.apply(&Event::BootHost)?;
                happened("boot_host", None, output)
            }
        }
    }
}

impl Create {
    fn domain(&self) -> NewDomain {
        let mut new = NewDomain::new();
        new.name.clone_from(&self.name);
        new.uuid = self.uuid;
        new.domid = self.domid;
        new
    }
}

/// Writes the key of a domain that was created, which the caller needs for the next command.
fn created(event: &'static str, key: Option<DomainKey>, output: Output) -> Result<Status, Failure> {
    show(event, key, output, || {
        key.map(|key| format!("{key}\n")).unwrap_or_default()
    })
}

fn happened(
    event: &'static str,
    key: Option<DomainKey>,
    output: Output,
) -> Result<Status, Failure> {
    show(event, key, output, String::new)
}

fn show(
    event: &'static str,
    key: Option<DomainKey>,
    output: Output,
    text: impl FnOnce() -> String,
) -> Result<Status, Failure> {
    let document = document::SimEvent {
        event,
        domain: key.map(document::Domain::from),
    };
    output.show(&document, text)?;
    Ok(Status::Done)
}

fn list(host: &HostFile, output: Output) -> Result<Status, Failure> {
    let snapshot = host.snapshot()?;
    let state = snapshot.state();
    let names = state.last_names();
    let domains = state.guests().map(|(domid, guest)| document::SimDomain {
        domain: DomainKey::new(domid, guest.uuid()).into(),
        name: names.get(&domid).map(|name| (*name).to_owned()),
        phase: guest.phase().to_string(),
        paused: guest.paused(),
    });
    let document = document::SimList {
        host: host.path().display().to_string(),
        boots: state.boots(),
        domains: domains.collect(),
    };
    output.show(&document, || {
        let rows = state.guests().map(|(domid, guest)| {
            let name = names.get(&domid);
            let name = name.map_or_else(|| "-".to_owned(), |name| printable(name));
            [
                domid.to_string(),
                name,
                guest.uuid().to_string(),
                phase(guest),
            ]
        });
        table(["DOMID", "NAME", "UUID", "PHASE"], rows.collect())
    })?;
    Ok(Status::Done)
}

/// The phase in the table. A domain that is being destroyed is not shown as paused: it never runs
/// again.
fn phase(guest: &Guest) -> String {
    match (guest.phase(), guest.paused()) {
        (Phase::Running, true) => "paused".to_owned(),
        (phase @ Phase::Shutdown(_), true) => format!("{phase}, paused"),
        (phase, _) => phase.to_string(),
    }
}
