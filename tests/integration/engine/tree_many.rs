//! Calls of a `TreeStore` on many domains, and on all values of one.

use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{AdmitEach, Cleared, Durability, EachCleared, Keep, Owned, StoreError};
use userdata_core::{DomainKey, Userid, Value};
use userdata_fs::Directory;

use super::tree::{TreeStore, value_name};
use super::tree_lock::DomainLock;

impl<D: Directory> TreeStore<D> {
    /// The domains that have a directory, in order.
    pub(super) fn keys(&self) -> Result<Vec<DomainKey>, StoreError> {
        let names = Self::names(&self.child(self.boot.as_str())?)?;
        let key = |name: Vec<u8>| {
            let text = String::from_utf8(name).ok()?;
            let key: DomainKey = text.parse().ok()?;
            (key.to_string() == text).then_some(key)
        };
        let mut keys: Vec<DomainKey> = names.into_iter().filter_map(key).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    pub(super) fn show_owners(
        &self,
        each: &mut dyn FnMut(Owned) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        for key in self.keys()? {
            let Some(directory) = self.domain(&key)? else {
                continue;
            };
            let owner = Owner {
                domid: Some(key.domid),
                uuid: key.uuid,
            };
            let kinds = Self::names(&directory)?.into_iter().filter_map(|name| {
                let [letter, b'.', ..] = *name else {
                    return None;
                };
                Kind::from_letter(letter)
            });
            // A directory that is empty is a lock that is held.
            let owned = kinds
                .map(|kind| Owned::new(owner, kind))
                .reduce(Owned::with);
            if let Some(owned) = owned
                && each(owned).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn clear_many(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        let boot = self.child(self.boot.as_str())?;
        let mut clear_one = |domain: &DomainKey| -> Result<Cleared, StoreError> {
            let lock = DomainLock::acquire(&boot, domain.to_string(), timeout)?;
            let mut keep = Keep::Essential;
            Self::admit(&lock.directory, domain, &mut |state| {
                keep = admit(domain, state)?;
                Ok(())
            })?;
            self.clear_all(&lock, keep, durability, true)
        };
        let _ = domains
            .iter()
            .try_for_each(|domain| each(domain, clear_one(domain)));
        Ok(())
    }

    pub(super) fn show_values(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let boot = self.child(self.boot.as_str())?;
        let lock = DomainLock::acquire(&boot, domain.to_string(), timeout)?;
        for userid in Self::values(&lock.directory, which)? {
            if let Some(value) = self.read(&lock.directory, &value_name(&userid))?
                && each(userid, value).is_break()
            {
                break;
            }
        }
        lock.check()
    }

    /// The userids of a domain's values for which `which` returns true, in order.
    pub(super) fn values(
        directory: &D,
        which: &dyn Fn(&Userid) -> bool,
    ) -> Result<Vec<Userid>, StoreError> {
        let records = Self::records(directory)?.into_iter();
        let values = records.filter(|(kind, entry)| *kind == Kind::Data && which(&entry.userid));
        Ok(values.map(|(_, entry)| entry.userid).collect())
    }
}
