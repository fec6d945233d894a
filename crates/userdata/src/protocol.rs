//! What is asked of the hypervisor, and when.

use userdata_core::{Domain, DomainKey, Hypervisor, Life, Refused, State};

use crate::{Target, UserdataErrorKind};

/// The domain a target names, whatever its life.
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
        // A dead domain never comes back: for its data it is gone.
        (Some(domain), _) if domain.life != Life::Dead => Ok(domain),
        _ => Err(UserdataErrorKind::NoSuchDomain),
    }
}

/// The domain a target names, if data may be stored for it at all.
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

/// The checks of a store, under the lock and in this order. `leaving` comes before the look-up:
/// real libxl announces that it takes a domain apart, then deletes its userdata, and only then lets
/// the hypervisor destroy it, so that a domain may still look alive when its data is gone already.
pub(crate) fn admit_store(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
    state: &State,
) -> Result<(), Refused> {
    if state.closing || hypervisor.leaving(key).map_err(Refused::Unknown)? {
        return Err(Refused::BeingDestroyed);
    }
    match life_of(hypervisor, key)? {
        Some(Life::Alive) => Ok(()),
        Some(Life::Dying) => Err(Refused::BeingDestroyed),
        _ => Err(Refused::NoSuchDomain),
    }
}

/// The check of a removal, under the lock: nothing can leak by it, so the domain only has to be
/// there.
pub(crate) fn admit_removal(hypervisor: &impl Hypervisor, key: &DomainKey) -> Result<(), Refused> {
    match life_of(hypervisor, key)? {
        Some(Life::Alive | Life::Dying) => Ok(()),
        _ => Err(Refused::NoSuchDomain),
    }
}

/// How this very incarnation is, or `None` if it is not there.
pub(crate) fn life_of(
    hypervisor: &impl Hypervisor,
    key: &DomainKey,
) -> Result<Option<Life>, Refused> {
    let domain = hypervisor.domain(key.domid).map_err(Refused::Unknown)?;
    Ok(domain
        .filter(|domain| domain.key == *key)
        .map(|domain| domain.life))
}
