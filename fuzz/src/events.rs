//! Histories of a simulated host.

use arbitrary::{Arbitrary, Unstructured};
use hv_sim::{Event, HostOptions, HostState, NewDomain, ShutdownReason, Until};
use userdata_core::hypervisor::HypervisorErrorKind;
use userdata_core::{Domid, Hypervisor, Uuid};

use crate::host_file::holds;

/// The most events of an input.
const EVENTS_MAX: usize = 64;

/// A few names, so that domains collide.
const NAMES: [&str; 5] = ["web", "web--incoming", "Domain-0", "", "\u{e9}\u{1}\"\\"];

#[derive(Arbitrary, Debug)]
struct History {
    seed: u64,
    spurious_one_in: u32,
    happenings: Vec<Happening>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Happening {
    Create {
        name: Option<u8>,
        uuid: Option<u8>,
        domid: Option<u16>,
    },
    Shutdown(u8, Reason),
    Resume(u8),
    Reboot(u8),
    Destroy(u8, Far),
    Kill(u8),
    MigrateBegin(u8),
    MigrateEnd(u8, u8),
    SoftReset(u8),
    SetUuid(u8, u8),
    Rename(u8, u8),
    Hide(u8),
    Show(u8),
    Pin(u8),
    Unpin(u8),
    Spurious,
    BootHost,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Reason {
    Poweroff,
    Reboot,
    Suspend,
    Crash,
    Watchdog,
    SoftReset,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Far {
    Leaving,
    Dying,
    Dead,
    Gone,
}

/// A refused event changes nothing. After any other event the host is valid: its JSON is read back, and
/// its answers agree with each other.
pub fn events(data: &[u8]) {
    let Ok(history) = History::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let options = HostOptions::new(history.seed).with_spurious_one_in(history.spurious_one_in);
    let mut host = HostState::new(options);
    for happening in history.happenings.iter().take(EVENTS_MAX) {
        let event = happening.event();
        let text = serde_json::to_string(&event).unwrap_or_default();
        assert_eq!(
            serde_json::from_str::<Event>(&text).ok(),
            Some(event.clone())
        );
        let before = host.clone();
        match host.apply(&event) {
            Ok(applied) => {
                let created = applied.created;
                let is_there = |key: userdata_core::DomainKey| {
                    host.guests()
                        .any(|(domid, guest)| domid == key.domid && guest.uuid() == key.uuid)
                };
                assert!(created.is_none_or(is_there), "{event:?}: {created:?}");
            }
            Err(_) => assert_eq!(host, before, "{event:?} was refused and changed the host"),
        }
        agrees(&host);
    }
    holds(&host);
}

/// The list of domains agrees with the look-up of each.
fn agrees(host: &HostState) {
    let Ok(domains) = host.domains() else {
        panic!("a simulated host lists its domains")
    };
    assert!(domains.is_sorted_by_key(|domain| domain.key.domid));
    let mut listed = domains.into_iter();
    for (domid, _) in host.guests() {
        match host.domain(domid) {
            Ok(found) => assert_eq!(found, listed.next()),
            Err(error) => assert!(
                matches!(error.kind(), HypervisorErrorKind::NotPermitted { .. }),
                "{error:?}"
            ),
        }
    }
    assert_eq!(listed.next(), None);
}

impl Happening {
    fn event(self) -> Event {
        match self {
            Self::Create { name, uuid, domid } => {
                let mut new = NewDomain::new();
                if let Some(text) = name.map(name_of) {
                    new = new.with_name(text);
                }
                if let Some(number) = uuid {
                    new = new.with_uuid(uuid_of(number));
                }
                if let Some(domid) = domid.and_then(|number| Domid::new(number).ok()) {
                    new = new.with_domid(domid);
                }
                Event::Create(new)
            }
            Self::Shutdown(number, reason) => Event::Shutdown {
                domid: domid_of(number),
                reason: reason.reason(),
            },
            Self::Resume(number) => Event::Resume {
                domid: domid_of(number),
            },
            Self::Reboot(number) => Event::Reboot {
                domid: domid_of(number),
            },
            Self::Destroy(number, far) => Event::Destroy {
                domid: domid_of(number),
                until: far.until(),
            },
            Self::Kill(number) => Event::Kill {
                domid: domid_of(number),
            },
            Self::MigrateBegin(number) => Event::MigrateBegin {
                domid: domid_of(number),
            },
            Self::MigrateEnd(source, target) => Event::MigrateEnd {
                source: domid_of(source),
                target: domid_of(target),
            },
            Self::SoftReset(number) => Event::SoftReset {
                domid: domid_of(number),
            },
            Self::SetUuid(number, uuid) => Event::SetUuid {
                domid: domid_of(number),
                uuid: uuid_of(uuid),
            },
            Self::Rename(number, name) => Event::Rename {
                domid: domid_of(number),
                name: name_of(name).to_owned(),
            },
            Self::Hide(number) => Event::Hide {
                domid: domid_of(number),
            },
            Self::Show(number) => Event::Show {
                domid: domid_of(number),
            },
            Self::Pin(number) => Event::Pin {
                domid: domid_of(number),
            },
            Self::Unpin(number) => Event::Unpin {
                domid: domid_of(number),
            },
            Self::Spurious => Event::Spurious,
            Self::BootHost => Event::BootHost,
        }
    }
}

impl Reason {
    fn reason(self) -> ShutdownReason {
        match self {
            Self::Poweroff => ShutdownReason::Poweroff,
            Self::Reboot => ShutdownReason::Reboot,
            Self::Suspend => ShutdownReason::Suspend,
            Self::Crash => ShutdownReason::Crash,
            Self::Watchdog => ShutdownReason::Watchdog,
            Self::SoftReset => ShutdownReason::SoftReset,
        }
    }
}

impl Far {
    fn until(self) -> Until {
        match self {
            Self::Leaving => Until::Leaving,
            Self::Dying => Until::Dying,
            Self::Dead => Until::Dead,
            Self::Gone => Until::Gone,
        }
    }
}

/// One of a few domids, so that events collide.
fn domid_of(number: u8) -> Domid {
    Domid::new(u16::from(number % 6)).unwrap_or(Domid::ZERO)
}

fn uuid_of(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number % 3))
}

fn name_of(number: u8) -> &'static str {
    let at = usize::from(number) % NAMES.len();
    NAMES.get(at).copied().unwrap_or_default()
}
