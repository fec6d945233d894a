//! `Model`: a map, as the model of a store.

use std::collections::{BTreeMap, BTreeSet};

use userdata_core::file_name::{NameFormat, Owner};
use userdata_core::store::Expect;
use userdata_core::{DomainKey, Userid, Version};

/// Values by domain, as far as the store's names distinguish domains, and by userid.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    format: NameFormat,
    values: BTreeMap<(Owner, Userid), Vec<u8>>,
}

impl Model {
    pub(crate) fn new(format: NameFormat) -> Self {
        let values = BTreeMap::new();
        Self { format, values }
    }

    pub(crate) fn get(&self, key: &DomainKey, userid: &Userid) -> Option<&Vec<u8>> {
        self.values.get(&(self.owner(key), userid.clone()))
    }

    pub(crate) fn of(&self, owner: Owner, userid: &Userid) -> Option<&Vec<u8>> {
        self.values.get(&(owner, userid.clone()))
    }

    /// Stores a value, or removes it if there are no bytes. Returns whether there was a value.
    pub(crate) fn put(&mut self, key: &DomainKey, userid: &Userid, data: &[u8]) -> bool {
        let slot = (self.owner(key), userid.clone());
        if data.is_empty() {
            self.values.remove(&slot).is_some()
        } else {
            self.values.insert(slot, data.to_vec()).is_some()
        }
    }

    /// The values of one domain, in order.
    pub(crate) fn list(&self, key: &DomainKey) -> impl Iterator<Item = (&Userid, &Vec<u8>)> {
        let owner = self.owner(key);
        self.values
            .iter()
            .filter(move |((of, _), _)| *of == owner)
            .map(|((_, userid), data)| (userid, data))
    }

    /// Whose values there are.
    pub(crate) fn owners(&self) -> BTreeSet<Owner> {
        self.values.keys().map(|(owner, _)| *owner).collect()
    }

    /// Removes the values of one domain, except those of which this is true.
    pub(crate) fn retain(&mut self, key: &DomainKey, stays: impl Fn(&Userid) -> bool) {
        let owner = self.owner(key);
        self.values
            .retain(|(of, userid), _| *of != owner || stays(userid));
    }

    pub(crate) fn clear(&mut self, key: &DomainKey) {
        self.retain(key, |_| false);
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    fn owner(&self, key: &DomainKey) -> Owner {
        let domid = match self.format {
            NameFormat::Seed => None,
            _ => Some(key.domid),
        };
        let uuid = key.uuid;
        Owner { domid, uuid }
    }
}

/// Whether a change with this expectation is to be made if the store has this value.
pub(crate) fn is_met(expect: Expect, there: Option<&Vec<u8>>) -> bool {
    match expect {
        Expect::Absent => there.is_none(),
        Expect::Version(version) => there.is_some_and(|data| Version::of(data) == version),
        _ => true,
    }
}
