//! The questions to the hypervisor, and the moment at which each is asked.

use userdata_core::store::{Refused, State};
use userdata_core::{Domain, DomainKey, Hypervisor, Life};

use crate::{Target, UserdataErrorKind};

/// The domain that a target names, unless it is dead.
pub(crate) fn find(
    hypervisor: &impl Hypervisor,
    target: Target,
) -> Result<Domain, UserdataErrorKind> {
    let domain = hypervisor
        .domain(target.domid())
        .map_err(UserdataErrorKind::Hypervisor)?;
    match (domain, target) {
        (Some(domain), Target::Key(key)) if domain.key != key => {
            Err(UserdataErrorKind::NoSuchDomain)
        }
        // A dead domain never comes back, so its data is treated as that of a domain that is gone.
        (Some(domain), _) if domain.life != Life::Dead => Ok(domain),
        _ => Err(UserdataErrorKind::NoSuchDomain),
    }
}

/// The domain that a target names, if it is alive: data may be stored for no other.
pub(crate) fn find_alive(
    hypervisor: &impl Hypervisor,
    target: Target,
) -> Result<DomainKey, UserdataErrorKind> {
    let domain = find(hypervisor, target)?;
    match domain.life {
        Life::Alive => Ok(domain.key),
        _ => Err(UserdataErrorKind::BeingDestroyed),
    }
}

/// The checks of a store, under the lock and in this order.
///
/// `leaving` comes before the look-up. Real libxl removes the domain's xenstore node, then deletes
/// its userdata, and only then has the hypervisor destroy the domain. So the domain may still look
/// alive when its data is already deleted.
pub(crate) fn admit_store(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
    state: &State,
) -> Result<(), Refused> {
    if let Some(other) = &state.displaces {
        admit_displacement(hypervisor, other)?;
    }
    if state.closing || hypervisor.leaving(key).map_err(Refused::Unknown)? {
        return Err(Refused::BeingDestroyed);
    }
    match life_of(hypervisor, key)? {
        Some(Life::Alive) => Ok(()),
        Some(Life::Dying) => Err(Refused::BeingDestroyed),
        _ => Err(Refused::NoSuchDomain),
    }
}

/// The check of a removal, under the lock. A removal leaves nothing behind, so it is allowed while
/// the domain is being destroyed.
pub(crate) fn admit_removal(hypervisor: &impl Hypervisor, key: &DomainKey) -> Result<(), Refused> {
    match life_of(hypervisor, key)? {
        Some(Life::Alive | Life::Dying) => Ok(()),
        _ => Err(Refused::NoSuchDomain),
    }
}

/// Refuses unless the other incarnation, whose data the change would remove, is proven gone. While
/// a domain with its domid lives, it is not: toolstacks change the uuid of a living domain during a
/// migration, and change it back.
fn admit_displacement(hypervisor: &impl Hypervisor, other: &DomainKey) -> Result<(), Refused> {
    let found = hypervisor.domain(other.domid).map_err(Refused::Unknown)?;
    match found.map(|found| found.life) {
        None | Some(Life::Dead) => Ok(()),
        Some(_) => Err(Refused::UuidShared { other: other.domid }),
    }
}

/// The check before all data of a domain that exists is cleared, under the lock.
pub(crate) fn admit_clear_of_present(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
    state: &State,
) -> Result<(), Refused> {
    admit_removal(hypervisor, key)?;
    admit_shared_uuid(hypervisor, key, state)
}

/// The check before all data of a domain that is gone is removed, under the lock: one boot of a
/// host can have the same domid and uuid twice, and the data may be that of the second domain.
pub(crate) fn admit_clear_of_gone(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
    state: &State,
) -> Result<(), Refused> {
    match life_of(hypervisor, key)? {
        Some(Life::Alive) => Err(Refused::ExistsAgain),
        _ => admit_shared_uuid(hypervisor, key, state),
    }
}

/// Refuses if the store keeps data by uuid alone and another domain that exists has this uuid: the
/// data may be that domain's.
fn admit_shared_uuid(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
    state: &State,
) -> Result<(), Refused> {
    if !state.shared_by_uuid {
        return Ok(());
    }
    let other = hypervisor
        .domains()
        .map_err(Refused::Unknown)?
        .into_iter()
        .find(|other| {
            other.key.uuid == key.uuid
                && other.key.domid != key.domid
                && matches!(other.life, Life::Alive | Life::Dying)
        });
    match other {
        Some(other) => Err(Refused::UuidShared {
            other: other.key.domid,
        }),
        None => Ok(()),
    }
}

/// The life of this incarnation, or `None` if it does not exist.
pub(crate) fn life_of(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
) -> Result<Option<Life>, Refused> {
    let domain = hypervisor.domain(key.domid).map_err(Refused::Unknown)?;
    Ok(domain
        .filter(|domain| domain.key == *key)
        .map(|domain| domain.life))
}
