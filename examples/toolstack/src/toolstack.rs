//! `Toolstack`: what it keeps, and how it tidies up.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use thiserror::Error;
use userdata::hypervisor::HypervisorError;
use userdata::store::Keep;
use userdata::userid::UseridError;
use userdata::{
    DomainKey, Domid, Hypervisor, Life, Store, Userdata, UserdataError, WritableUserid,
};

/// A toolstack on a host of this hypervisor, which keeps its data in this store.
#[derive(Debug)]
pub struct Toolstack<H, S> {
    hypervisor: H,
    userdata: Userdata<H, S>,
    userid: WritableUserid,
}

/// Why the toolstack could not do it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolstackError {
    /// The name under which the toolstack keeps its data is none.
    #[error("the toolstack has no name")]
    Name(#[source] UseridError),
    /// A recipe could not be kept, read or removed.
    #[error("the recipe of a domain")]
    Recipe(#[source] UserdataError),
    /// The recipes could not be listed.
    #[error("the list of recipes")]
    Recipes(#[source] UserdataError),
    /// The hypervisor did not say who is there.
    #[error("the list of domains")]
    Domains(#[source] HypervisorError),
    /// The hypervisor does not know Domain-0, so that it knows nothing.
    #[error("the hypervisor does not know the domain that this runs in")]
    Bewildered,
}

impl<H: Hypervisor + Clone, S: Store> Toolstack<H, S> {
    /// A toolstack of this name.
    ///
    /// # Errors
    ///
    /// [`ToolstackError::Name`].
    pub fn new(name: &str, hypervisor: H, store: S) -> Result<Self, ToolstackError> {
        Ok(Self {
            userdata: Userdata::new(hypervisor.clone(), store),
            userid: WritableUserid::new(name).map_err(ToolstackError::Name)?,
            hypervisor,
        })
    }

    /// Keeps the recipe of a domain.
    ///
    /// # Errors
    ///
    /// [`ToolstackError::Recipe`].
    pub fn keep(&self, domain: DomainKey, recipe: &[u8]) -> Result<(), ToolstackError> {
        let kept = self.userdata.store(domain, &self.userid, recipe);
        kept.map(drop).map_err(ToolstackError::Recipe)
    }

    /// The recipe of a domain, if it has one.
    ///
    /// # Errors
    ///
    /// [`ToolstackError::Recipe`].
    pub fn recipe(&self, domain: DomainKey) -> Result<Option<Vec<u8>>, ToolstackError> {
        let recipe = self.userdata.retrieve(domain, &self.userid);
        let recipe = recipe.map_err(ToolstackError::Recipe)?;
        Ok(recipe.map(userdata::Value::into_bytes))
    }

    /// Removes what domains have left that are gone.
    ///
    /// The planted bug: it goes by domids, as libxl's own watch for the end of a domain does, and a
    /// domid that was given to another domain meanwhile hides that the first one is gone.
    ///
    /// # Errors
    ///
    /// The first thing that could not be done.
    pub fn tidy_up(&self) -> Result<(), ToolstackError> {
        let domains = self.hypervisor.domains().map_err(ToolstackError::Domains)?;
        let there: BTreeSet<Domid> = domains.iter().map(|domain| domain.key.domid).collect();
        self.remove_where(|key| Ok(!there.contains(&key.domid)))
    }

    /// The same without the bug: asks for each incarnation by itself, and takes no failure for an
    /// answer.
    ///
    /// # Errors
    ///
    /// The first thing that could not be done.
    pub fn tidy_up_with_care(&self) -> Result<(), ToolstackError> {
        let ask = |domid| {
            let domain = self.hypervisor.domain(domid);
            domain.map_err(ToolstackError::Domains)
        };
        if ask(Domid::ZERO)?.is_none() {
            return Err(ToolstackError::Bewildered);
        }
        self.remove_where(|key| {
            let domain = ask(key.domid)?.filter(|domain| domain.key == *key);
            Ok(domain.is_none_or(|domain| domain.life == Life::Dead))
        })
    }

    fn remove_where(
        &self,
        is_gone: impl Fn(&DomainKey) -> Result<bool, ToolstackError>,
    ) -> Result<(), ToolstackError> {
        let mut owners = BTreeSet::new();
        let scanned = self.userdata.scan(|found| {
            owners.extend(found.owner.key());
            ControlFlow::Continue(())
        });
        scanned.map_err(ToolstackError::Recipes)?;
        for owner in owners {
            if is_gone(&owner)? {
                let removed = self.userdata.clear(owner, Keep::Nothing);
                removed.map_err(ToolstackError::Recipe)?;
            }
        }
        Ok(())
    }
}
