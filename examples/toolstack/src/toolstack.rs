//! `Toolstack`: how it stores recipes, and how it tidies up.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use thiserror::Error;
use userdata::hypervisor::HypervisorError;
use userdata::store::Keep;
use userdata::userid::UseridError;
use userdata::{
    DomainKey, Domid, Hypervisor, Life, Store, Userdata, UserdataError, WritableUserid,
};

/// A toolstack on the host of a hypervisor, with its data in a store.
#[derive(Debug)]
pub struct Toolstack<H, S> {
    hypervisor: H,
    userdata: Userdata<H, S>,
    userid: WritableUserid,
}

/// Why a call of the toolstack failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolstackError {
    /// The name of the toolstack is not a userid.
    #[error("the name of the toolstack is not a userid")]
    Name(#[source] UseridError),
    /// A recipe could not be stored, read or removed.
    #[error("cannot use the recipe of a domain")]
    Recipe(#[source] UserdataError),
    /// The recipes could not be listed.
    #[error("cannot list the recipes")]
    Recipes(#[source] UserdataError),
    /// The domains could not be listed or looked up.
    #[error("cannot find out which domains exist")]
    Domains(#[source] HypervisorError),
    /// The hypervisor has no domain 0, so none of its answers can be trusted.
    #[error("the hypervisor has no domain 0")]
    NoDomainZero,
}

impl<H: Hypervisor + Clone, S: Store> Toolstack<H, S> {
    /// Makes a toolstack with this name, which is the userid of its data.
    ///
    /// # Errors
    ///
    /// [`ToolstackError::Name`] if the name is not a userid.
    pub fn new(name: &str, hypervisor: H, store: S) -> Result<Self, ToolstackError> {
        Ok(Self {
            userdata: Userdata::new(hypervisor.clone(), store),
            userid: WritableUserid::new(name).map_err(ToolstackError::Name)?,
            hypervisor,
        })
    }

    /// Stores the recipe of a domain.
    ///
    /// # Errors
    ///
    /// [`ToolstackError::Recipe`] if the recipe could not be stored.
    pub fn keep(&self, domain: DomainKey, recipe: &[u8]) -> Result<(), ToolstackError> {
        let kept = self.userdata.store(domain, &self.userid, recipe);
        kept.map(drop).map_err(ToolstackError::Recipe)
    }

    /// The recipe of a domain, if there is one.
    ///
    /// # Errors
    ///
    /// [`ToolstackError::Recipe`] if the recipe could not be read.
    pub fn recipe(&self, domain: DomainKey) -> Result<Option<Vec<u8>>, ToolstackError> {
        let recipe = self.userdata.retrieve(domain, &self.userid);
        let recipe = recipe.map_err(ToolstackError::Recipe)?;
        Ok(recipe.map(userdata::Value::into_bytes))
    }

    /// Removes the data of domains that are gone.
    ///
    /// The planted bug: it compares domids, as libxl's own watch for the end of a domain does. If
    /// another domain has got the domid of one that is gone, the data of the first one stays.
    ///
    /// # Errors
    ///
    /// The first failure to list, scan or remove.
    pub fn tidy_up(&self) -> Result<(), ToolstackError> {
        let domains = self.hypervisor.domains().map_err(ToolstackError::Domains)?;
        let there: BTreeSet<Domid> = domains.iter().map(|domain| domain.key.domid).collect();
        self.remove_where(|key| Ok(!there.contains(&key.domid)))
    }

    /// Removes the data of domains that are gone, without the bug: it looks up each incarnation, and
    /// does not take a failure for an answer.
    ///
    /// # Errors
    ///
    /// The first failure to look up, scan or remove.
    pub fn tidy_up_with_care(&self) -> Result<(), ToolstackError> {
        let ask = |domid| {
            let domain = self.hypervisor.domain(domid);
            domain.map_err(ToolstackError::Domains)
        };
        if ask(Domid::ZERO)?.is_none() {
            return Err(ToolstackError::NoDomainZero);
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
