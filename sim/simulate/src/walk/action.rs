//! `Action`: what one process does to the userdata of a host.

use std::cell::Cell;
use std::fmt;

use hv_sim::SimHost;
use strum::EnumDiscriminants;
use thiserror::Error;
use userdata::{DestroyError, Outcome, Source, Userdata, UserdataError};
use userdata_core::store::{Cleared, Durability, Entry, Expect, Keep};
use userdata_core::{DomainKey, Hypervisor, Store, Value, WritableUserid};

/// A domain and a userid: where a value is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Which incarnation of which domain.
    pub domain: DomainKey,
    /// Under which userid.
    pub userid: WritableUserid,
}

/// One call of the facade.
#[derive(Clone, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(ActionKind),
    derive(PartialOrd, Ord, Hash),
    doc = "Which call of the facade.",
    non_exhaustive
)]
#[non_exhaustive]
pub enum Action {
    /// [`Userdata::store`]; no bytes remove.
    Store {
        /// Where.
        slot: Slot,
        /// The bytes.
        value: Vec<u8>,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::store_if`]; no bytes remove.
    StoreIf {
        /// Where.
        slot: Slot,
        /// The bytes.
        value: Vec<u8>,
        /// What must be there.
        expect: Expect,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::update`] to a new value, whatever the old one is.
    Update {
        /// Where.
        slot: Slot,
        /// The bytes.
        value: Vec<u8>,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::remove`].
    Remove {
        /// Where.
        slot: Slot,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::clear`].
    Clear {
        /// Which domain.
        domain: DomainKey,
        /// Which of it.
        keep: Keep,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::destroy`], and the domain is gone.
    Destroy {
        /// Which domain.
        domain: DomainKey,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::destroy`], where the toolstack's own function destroys the domain and returns an
    /// error all the same, as `xl destroy` does if its last steps fail.
    DestroyWithError {
        /// Which domain.
        domain: DomainKey,
        /// What it must survive.
        durability: Durability,
    },
    /// [`Userdata::destroy`], where the toolstack's own function fails and the domain lives on.
    DestroyInVain {
        /// Which domain.
        domain: DomainKey,
    },
    /// [`Userdata::retrieve`].
    Retrieve {
        /// Where.
        slot: Slot,
    },
    /// [`Userdata::list`].
    List {
        /// Which domain.
        domain: DomainKey,
    },
}

/// What the facade returned.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// A value was stored or removed.
    Changed(Outcome),
    /// A domain's data was removed; with the problems that a toolstack would log.
    Cleared(Option<Cleared>, Vec<UserdataError>),
    /// The domain was not destroyed, and its data stays; with the problems that a toolstack would
    /// log.
    StillThere(Vec<UserdataError>),
    /// The hypervisor does not answer whether the domain was destroyed, and its data stays; with
    /// the problems that a toolstack would log.
    Unknown(Vec<UserdataError>),
    /// What was read.
    Read(Option<Value>),
    /// What was listed.
    Listed(Vec<Entry>),
    /// It failed.
    Failed(UserdataError),
    /// It returned something that it must never return.
    Nonsense(String),
}

/// The error that the toolstack's own function returns.
#[derive(Debug, Error)]
#[error("the exit status is not zero")]
struct ExitStatus;

impl Action {
    /// Performs it. A domain that is destroyed is gone from `host` at once.
    pub fn perform<H: Hypervisor + Clone, S: Store + Clone>(
        &self,
        userdata: &Userdata<H, S>,
        host: &SimHost,
    ) -> Report {
        self.perform_with(userdata, |key| host.destroy(key.domid))
    }

    /// Performs it. Domains are destroyed by `destroy`, the toolstack's own function.
    pub fn perform_with<H: Hypervisor + Clone, S: Store + Clone, E: Into<Source>>(
        &self,
        userdata: &Userdata<H, S>,
        destroy: impl FnOnce(&DomainKey) -> Result<(), E>,
    ) -> Report {
        let userdata = userdata.clone().with_durability(self.durability());
        let changed =
            |result: Result<Outcome, _>| result.map_or_else(Report::Failed, Report::Changed);
        match self {
            Self::Store { slot, value, .. } => {
                changed(userdata.store(slot.domain, &slot.userid, value))
            }
            Self::StoreIf {
                slot,
                value,
                expect,
                ..
            } => changed(userdata.store_if(slot.domain, &slot.userid, value, *expect)),
            Self::Update { slot, value, .. } => {
                changed(userdata.update(slot.domain, &slot.userid, |_| {
                    Ok::<_, Source>(Some(value.clone()))
                }))
            }
            Self::Remove { slot, .. } if slot.userid.as_userid().is_libxl_json() => {
                changed(userdata.remove_libxl_json(slot.domain, Expect::Any))
            }
            Self::Remove { slot, .. } => changed(userdata.remove(slot.domain, &slot.userid)),
            Self::Clear { domain, keep, .. } => userdata
                .clear(*domain, *keep)
                .map_or_else(Report::Failed, |cleared| {
                    Report::Cleared(Some(cleared), Vec::new())
                }),
            Self::Destroy { domain, .. } => {
                destroyed(&userdata, *domain, |key| destroy(key).map_err(Into::into))
            }
            Self::DestroyWithError { domain, .. } => destroyed(&userdata, *domain, |key| {
                destroy(key).map_err(Into::into)?;
                Err(ExitStatus.into())
            }),
            Self::DestroyInVain { domain } => {
                destroyed(&userdata, *domain, |_| Err(ExitStatus.into()))
            }
            Self::Retrieve { slot } => userdata
                .retrieve(slot.domain, &slot.userid)
                .map_or_else(Report::Failed, Report::Read),
            Self::List { domain } => userdata
                .list(*domain)
                .map_or_else(Report::Failed, Report::Listed),
        }
    }

    /// The value that it concerns, if it concerns one.
    #[must_use]
    pub const fn slot(&self) -> Option<&Slot> {
        match self {
            Self::Store { slot, .. }
            | Self::StoreIf { slot, .. }
            | Self::Update { slot, .. }
            | Self::Remove { slot, .. }
            | Self::Retrieve { slot } => Some(slot),
            _ => None,
        }
    }

    /// Which domain it concerns.
    #[must_use]
    pub const fn domain(&self) -> DomainKey {
        match self {
            Self::Store { slot, .. }
            | Self::StoreIf { slot, .. }
            | Self::Update { slot, .. }
            | Self::Remove { slot, .. }
            | Self::Retrieve { slot } => slot.domain,
            Self::Clear { domain, .. }
            | Self::Destroy { domain, .. }
            | Self::DestroyWithError { domain, .. }
            | Self::DestroyInVain { domain }
            | Self::List { domain } => *domain,
        }
    }

    /// Whether the domain is gone afterwards, so that nothing can be stored for it any more.
    #[must_use]
    pub const fn ends_domain(&self) -> bool {
        matches!(self, Self::Destroy { .. } | Self::DestroyWithError { .. })
    }

    /// Which call it is.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        self.into()
    }

    /// What it must survive.
    #[must_use]
    pub fn durability(&self) -> Durability {
        match self {
            Self::Store { durability, .. }
            | Self::StoreIf { durability, .. }
            | Self::Update { durability, .. }
            | Self::Remove { durability, .. }
            | Self::Clear { durability, .. }
            | Self::Destroy { durability, .. }
            | Self::DestroyWithError { durability, .. } => *durability,
            Self::DestroyInVain { .. } | Self::Retrieve { .. } | Self::List { .. } => {
                Durability::default()
            }
        }
    }

    /// What is in `slot` afterwards, if this changes it: the bytes, or nothing.
    #[must_use]
    pub fn effect_on(&self, slot: &Slot) -> Option<Option<&[u8]>> {
        match self {
            Self::Store {
                slot: changed,
                value,
                ..
            }
            | Self::StoreIf {
                slot: changed,
                value,
                ..
            }
            | Self::Update {
                slot: changed,
                value,
                ..
            } => (changed == slot)
                .then_some(Some(value.as_slice()).filter(|value| !value.is_empty())),
            Self::Remove { slot: changed, .. } => (changed == slot).then_some(None),
            Self::Clear { domain, keep, .. } => {
                let kept = *keep == Keep::Essential && slot.userid.as_userid().is_libxl_json();
                (*domain == slot.domain && !kept).then_some(None)
            }
            Self::Destroy { domain, .. } | Self::DestroyWithError { domain, .. } => {
                (*domain == slot.domain).then_some(None)
            }
            Self::DestroyInVain { .. } | Self::Retrieve { .. } | Self::List { .. } => None,
        }
    }
}

/// Destroys a domain by the toolstack's own function. The result must say whether that function
/// returned an error.
fn destroyed<H: Hypervisor, S: Store>(
    userdata: &Userdata<H, S>,
    domain: DomainKey,
    destroy: impl FnOnce(&DomainKey) -> Result<(), Source>,
) -> Report {
    let fails = Cell::new(false);
    let result = userdata.destroy(domain, |key| destroy(key).inspect_err(|_| fails.set(true)));
    let says_failed = match &result {
        Ok(_)
        | Err(DestroyError::StillAlive { .. } | DestroyError::Unknown { source: None, .. }) => {
            false
        }
        Err(DestroyError::NotStarted(_)) => fails.get(),
        Err(_) => true,
    };
    if says_failed != fails.get() {
        return Report::Nonsense("it misreports the error of the toolstack".to_owned());
    }
    match result {
        Ok(destroyed) => Report::Cleared(destroyed.cleared, destroyed.problems),
        Err(DestroyError::NotStarted(error)) => Report::Failed(error),
        Err(DestroyError::StillAlive { problems } | DestroyError::Failed { problems, .. }) => {
            Report::StillThere(problems)
        }
        Err(DestroyError::DestroyedWithError {
            cleared, problems, ..
        }) => Report::Cleared(cleared, problems),
        Err(DestroyError::Unknown { problems, .. }) => Report::Unknown(problems),
        Err(other) => Report::Nonsense(other.to_string()),
    }
}

impl Report {
    /// Whether names that were changed before are on the disk for certain, as it says.
    #[must_use]
    pub fn says_synced(&self) -> bool {
        match self {
            Self::Changed(Outcome::Stored { durability, .. } | Outcome::Removed { durability }) => {
                *durability == Durability::Full
            }
            Self::Cleared(Some(cleared), _) => {
                cleared.durability == Durability::Full
                    && (!cleared.removed.is_empty() || !cleared.others.is_empty())
            }
            _ => false,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(outcome) => write!(f, "{outcome:?}"),
            Self::Cleared(Some(cleared), problems) => {
                let (removed, others) = (cleared.removed.len(), cleared.others.len());
                write!(f, "removed {removed} and {others} ({})", cleared.durability)?;
                cleared
                    .failed
                    .iter()
                    .try_for_each(|error| write!(f, "; {}", Chain(error)))?;
                problems
                    .iter()
                    .try_for_each(|error| write!(f, "; {}", Chain(error)))
            }
            Self::Cleared(None, problems)
            | Self::StillThere(problems)
            | Self::Unknown(problems) => {
                f.write_str(match self {
                    Self::Cleared(..) => "destroyed",
                    Self::Unknown(_) => "unknown whether destroyed",
                    _ => "still there",
                })?;
                problems
                    .iter()
                    .try_for_each(|error| write!(f, "; {}", Chain(error)))
            }
            Self::Read(None) => f.write_str("no value"),
            Self::Read(Some(value)) => write!(f, "\"{}\"", value.as_bytes().escape_ascii()),
            Self::Listed(entries) => {
                let mut entries = entries.iter();
                entries.try_for_each(|entry| write!(f, "{} ", entry.userid))
            }
            Self::Failed(error) => write!(f, "{}", Chain(error)),
            Self::Nonsense(why) => f.write_str(why),
        }
    }
}

/// An error with all its causes.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.domain.domid, self.userid.as_userid())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store {
                slot,
                value,
                durability,
            } => {
                write!(
                    f,
                    "store {slot} \"{}\" ({durability})",
                    value.escape_ascii()
                )
            }
            Self::StoreIf {
                slot,
                value,
                expect,
                durability,
            } => {
                let value = value.escape_ascii();
                write!(f, "store {slot} \"{value}\" ({durability}) if ")?;
                match expect {
                    Expect::Version(version) => write!(f, "version {version}"),
                    Expect::Absent => f.write_str("there is none"),
                    other => write!(f, "{other:?}"),
                }
            }
            Self::Update {
                slot,
                value,
                durability,
            } => {
                write!(
                    f,
                    "update {slot} \"{}\" ({durability})",
                    value.escape_ascii()
                )
            }
            Self::Remove { slot, durability } => write!(f, "remove {slot} ({durability})"),
            Self::Clear {
                domain,
                keep,
                durability,
            } => {
                write!(f, "clear {}, keep {keep:?} ({durability})", domain.domid)
            }
            Self::Destroy { domain, durability } => {
                write!(f, "destroy {} ({durability})", domain.domid)
            }
            Self::DestroyWithError { domain, durability } => {
                write!(f, "destroy {} and fail ({durability})", domain.domid)
            }
            Self::DestroyInVain { domain } => write!(f, "destroy {} in vain", domain.domid),
            Self::Retrieve { slot } => write!(f, "retrieve {slot}"),
            Self::List { domain } => write!(f, "list {}", domain.domid),
        }
    }
}
