//! `Action`: what one process does to the userdata of a host.

use std::cell::Cell;

use hv_sim::SimHost;
use strum::EnumDiscriminants;
use thiserror::Error;
use userdata::follow::Selection;
use userdata::sweep::Sightings;
use userdata::{DestroyError, Destroyed, Outcome, Source, Userdata, follow};
use userdata_core::store::{Clash, Durability, Expect, Keep, Put};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Hypervisor, Store, Uuid, WritableUserid};

use super::damaged::import_damaged;
use super::each::{first_of, store_each};
use super::report::Report;
use super::swept::Swept;
use super::waits::Waits;

/// A domain and a userid: where a value is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The incarnation.
    pub domain: DomainKey,
    /// The userid.
    pub userid: WritableUserid,
}

/// One call of the facade.
#[derive(Clone, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(ActionKind),
    derive(PartialOrd, Ord, Hash),
    doc = "The kind of a call of the facade.",
    non_exhaustive
)]
#[non_exhaustive]
pub enum Action {
    /// [`Userdata::store`]; no bytes remove.
    Store {
        /// The place of the value.
        slot: Slot,
        /// The bytes.
        value: Vec<u8>,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::store_if`]; no bytes remove.
    StoreIf {
        /// The place of the value.
        slot: Slot,
        /// The bytes.
        value: Vec<u8>,
        /// The value that it expects to find.
        expect: Expect,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::update`] to a new value, whatever the old one is.
    Update {
        /// The place of the value.
        slot: Slot,
        /// The bytes.
        value: Vec<u8>,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::remove`].
    Remove {
        /// The place of the value.
        slot: Slot,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::clear`].
    Clear {
        /// The domain.
        domain: DomainKey,
        /// The data that stays.
        keep: Keep,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::destroy`], and the domain is gone.
    Destroy {
        /// The domain.
        domain: DomainKey,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::destroy`], where the toolstack's own function destroys the domain and returns an
    /// error all the same, as `xl destroy` does if its last steps fail.
    DestroyWithError {
        /// The domain.
        domain: DomainKey,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::destroy_with_export`] of all values, and the domain is gone.
    DestroyWithExport {
        /// The domain.
        domain: DomainKey,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::destroy`], where the toolstack's own function fails and the domain lives on.
    DestroyInVain {
        /// The domain.
        domain: DomainKey,
    },
    /// [`Userdata::import`], which replaces values that are there and differ.
    Import {
        /// The domain.
        domain: DomainKey,
        /// The values, each with at least one byte.
        values: Vec<(WritableUserid, Vec<u8>)>,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::store_each`] of these values, which replace what is there. Those of one domain
    /// follow each other.
    StoreEach {
        /// The values, each with at least one byte.
        values: Vec<(Slot, Vec<u8>)>,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::import`] of an archive in which one bit of a value was flipped, once for each
    /// bit: every such archive is refused.
    ImportDamaged {
        /// The domain.
        domain: DomainKey,
    },
    /// [`Userdata::carry`] of all values that go along.
    Carry {
        /// The incarnation that has them.
        from: DomainKey,
        /// The domain that gets them.
        to: DomainKey,
        /// The values that go along, if they are known.
        values: Vec<(WritableUserid, Vec<u8>)>,
        /// The durability of the change.
        durability: Durability,
    },
    /// [`Userdata::sweep`].
    Sweep {
        /// For how long sweeps must have seen that a domain is gone.
        waits: Waits,
        /// The incarnations whose data is known to be removed, if they are known.
        orphans: Vec<DomainKey>,
    },
    /// [`Userdata::retrieve`].
    Retrieve {
        /// The place of the value.
        slot: Slot,
    },
    /// [`Userdata::list`].
    List {
        /// The domain.
        domain: DomainKey,
    },
}

/// The error that the toolstack's own function returns.
#[derive(Debug, Error)]
#[error("the exit status is not zero")]
struct ExitStatus;

impl Action {
    /// Performs the action. A domain that is destroyed is gone from `host` at once.
    pub fn perform<H: Hypervisor + Clone, S: Store + Clone>(
        &self,
        userdata: &Userdata<H, S>,
        host: &SimHost,
    ) -> Report {
        self.perform_with(userdata, |key| host.destroy(key.domid))
    }

    /// Performs the action. Domains are destroyed by `destroy`, the toolstack's own function.
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
            Self::DestroyWithExport { domain, .. } => {
                let mut values = None;
                let destroyed = userdata.destroy_with_export(
                    *domain,
                    &Selection::everything(),
                    &follow::Limits::default(),
                    |exported| -> Result<(), Source> {
                        values = Some(exported.values);
                        Ok(())
                    },
                    |key| destroy(key).map_err(Into::into),
                );
                let then = Box::new(of_destroy(destroyed));
                match values {
                    Some(values) => Report::Exported { values, then },
                    None => *then,
                }
            }
            Self::DestroyInVain { domain } => {
                destroyed(&userdata, *domain, |_| Err(ExitStatus.into()))
            }
            Self::Import { domain, values, .. } => {
                let puts = values.iter().filter_map(|(userid, value)| {
                    NonEmpty::new(value).map(|value| Put::new(userid, value))
                });
                let puts: Vec<Put<'_>> = puts.collect();
                userdata
                    .import(*domain, &puts, Clash::Replace)
                    .map_or_else(Report::Failed, Report::StoredAll)
            }
            Self::StoreEach { values, .. } => store_each(&userdata, values),
            Self::ImportDamaged { domain } => import_damaged(&userdata, *domain),
            Self::Carry { from, to, .. } => userdata
                .carry(*from, *to, &Selection::everything())
                .map_or_else(Report::Failed, Report::Carried),
            Self::Sweep { waits, .. } => {
                Report::Swept(Swept::by(&userdata, waits, &mut Sightings::new()))
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

    /// The domain that the action concerns, or the first of them.
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
            | Self::DestroyWithExport { domain, .. }
            | Self::DestroyInVain { domain }
            | Self::ImportDamaged { domain }
            | Self::Import { domain, .. }
            | Self::List { domain } => *domain,
            Self::Carry { to, .. } => *to,
            Self::StoreEach { values, .. } => first_of(values.as_slice()),
            // It concerns all domains but this one.
            Self::Sweep { .. } => DomainKey::new(Domid::ZERO, Uuid::nil()),
        }
    }

    /// Whether it may concern this incarnation.
    #[must_use]
    pub fn concerns(&self, key: &DomainKey) -> bool {
        match self {
            Self::Sweep { .. } => true,
            _ => self.domains().contains(key),
        }
    }

    /// The domains that the action names.
    #[must_use]
    pub fn domains(&self) -> Vec<DomainKey> {
        match self {
            Self::Carry { from, to, .. } => vec![*from, *to],
            Self::StoreEach { values, .. } => {
                let mut domains: Vec<_> = values.iter().map(|(slot, _)| slot.domain).collect();
                domains.dedup();
                domains
            }
            _ => vec![self.domain()],
        }
    }

    /// Whether the domain is gone afterwards, so that nothing can be stored for it any more.
    #[must_use]
    pub const fn ends_domain(&self) -> bool {
        matches!(
            self,
            Self::Destroy { .. } | Self::DestroyWithError { .. } | Self::DestroyWithExport { .. }
        )
    }

    /// The kind of the call.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        self.into()
    }

    /// The durability of the change.
    #[must_use]
    pub fn durability(&self) -> Durability {
        match self {
            Self::Store { durability, .. }
            | Self::StoreIf { durability, .. }
            | Self::Update { durability, .. }
            | Self::Remove { durability, .. }
            | Self::Clear { durability, .. }
            | Self::Destroy { durability, .. }
            | Self::DestroyWithError { durability, .. }
            | Self::DestroyWithExport { durability, .. }
            | Self::Import { durability, .. }
            | Self::StoreEach { durability, .. }
            | Self::Carry { durability, .. } => *durability,
            Self::Sweep { .. } => Durability::Process,
            Self::DestroyInVain { .. }
            | Self::ImportDamaged { .. }
            | Self::Retrieve { .. }
            | Self::List { .. } => Durability::default(),
        }
    }

    /// The content of `slot` afterwards, if this changes it: the bytes, or nothing.
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
            Self::Destroy { domain, .. }
            | Self::DestroyWithError { domain, .. }
            | Self::DestroyWithExport { domain, .. } => (*domain == slot.domain).then_some(None),
            Self::Import { domain, values, .. } => (*domain == slot.domain)
                .then(|| value_of(values, slot).map(Some))
                .flatten(),
            Self::StoreEach { values, .. } => {
                let mut values = values.iter();
                let value = values.find(|(changed, _)| changed == slot);
                value.map(|(_, value)| Some(value.as_slice()))
            }
            Self::Carry {
                from, to, values, ..
            } => {
                let value = value_of(values, slot)?;
                match slot.domain {
                    domain if domain == *from => Some(None),
                    domain if domain == *to => Some(Some(value)),
                    _ => None,
                }
            }
            Self::Sweep { orphans, .. } => orphans.contains(&slot.domain).then_some(None),
            Self::DestroyInVain { .. }
            | Self::ImportDamaged { .. }
            | Self::Retrieve { .. }
            | Self::List { .. } => None,
        }
    }
}

fn value_of<'v>(values: &'v [(WritableUserid, Vec<u8>)], slot: &Slot) -> Option<&'v [u8]> {
    let mut values = values.iter();
    let (_, value) = values.find(|(userid, _)| *userid == slot.userid)?;
    Some(value)
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
    of_destroy(result)
}

fn of_destroy(result: Result<Destroyed<()>, DestroyError>) -> Report {
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
