//! Membership: which machine has which name, and by which boot.

use thiserror::Error;
use userdata_core::store::{HostName, Operation, StoreError, StoreErrorKind};

use crate::basis::parsed;
use crate::host_write::Becomes;
use crate::record::{HostRecord, RecordError};
use crate::{Engine, PoolStore};

/// What [`PoolStore::join`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Joined {
    /// The host is a new member.
    New,
    /// The host was a member by an earlier boot, whose commits are refused from now on.
    Renewed,
    /// The host was a member already.
    Already,
}

/// Another machine has the name.
#[derive(Debug, Error)]
#[error(
    "the name {name} belongs to the machine {machine}: name this host otherwise in the file of the \
     pool, or, if that machine is gone, forget it with 'pool forget {name} --it-is-dead'"
)]
struct NameTaken {
    name: HostName,
    machine: String,
}

/// The identity of this machine cannot be part of a record.
#[derive(Debug, Error)]
#[error("the machine-id or the product uuid of this host is empty or has a space")]
struct NoIdentity;

impl<E: Engine> PoolStore<E> {
    /// Makes this host a member, bound to its machine-id and product uuid, or renews its record
    /// after a boot. Made again, it changes nothing more.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotPermitted`] if another machine has the name; it is named.
    /// [`StoreErrorKind::AnswerLost`] if it is not known whether the record was written, and any
    /// other error of the engine if it was not; the call may then be repeated.
    pub fn join(&self) -> Result<Joined, StoreError> {
        let wanted = HostRecord {
            machine: self.me.machine.clone(),
            product: self.me.product.clone(),
            boot: self.me.boot.clone(),
        };
        let has_space = |text: &str| text.contains(char::is_whitespace);
        if wanted.machine.is_empty() || has_space(&wanted.machine) || has_space(&wanted.product) {
            let kind = StoreErrorKind::Failed(NoIdentity.into());
            return Err(failed(&self.me.name, kind));
        }
        let mut first = None;
        self.write_host(&self.me.name, |pair| {
            match parsed(pair, HostRecord::parse)? {
                None => {
                    first.get_or_insert(Joined::New);
                    Ok(Becomes::Record(wanted.clone()))
                }
                Some(found) if found.is(&self.me) => Ok(Becomes::Same),
                Some(found) => {
                    self.check_machine(&found)?;
                    first.get_or_insert(Joined::Renewed);
                    Ok(Becomes::Record(wanted.clone()))
                }
            }
        })?;
        Ok(first.unwrap_or(Joined::Already))
    }

    /// Ends the membership of this host. Data whose home it is must be adopted or discarded then.
    /// Returns whether it was a member.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotPermitted`] if another machine has the name: that one would lose its
    /// membership. The errors of the engine, as [`PoolStore::join`].
    pub fn leave(&self) -> Result<bool, StoreError> {
        let mut was_member = false;
        self.write_host(&self.me.name, |pair| {
            let Some(found) = parsed(pair, HostRecord::parse)? else {
                return Ok(Becomes::Same);
            };
            match self.check_machine(&found) {
                // Another machine has taken the name since.
                Err(_) if was_member => return Ok(Becomes::Same),
                checked => checked?,
            }
            was_member = true;
            Ok(Becomes::Absent)
        })?;
        Ok(was_member)
    }

    /// Refuses a record under this host's name that is another machine's.
    fn check_machine(&self, found: &HostRecord) -> Result<(), StoreError> {
        if found.machine == self.me.machine && found.product == self.me.product {
            return Ok(());
        }
        let (name, machine) = (self.me.name.clone(), found.machine.clone());
        let kind = StoreErrorKind::NotPermitted(NameTaken { name, machine }.into());
        Err(failed(&self.me.name, kind))
    }

    /// Declares that a host is dead, or fenced: whatever still runs there can store nothing from
    /// now on, and its homes are free to be adopted or discarded. Returns whether it was a member.
    ///
    /// Only a person or a fencing agent knows that a host is dead. No time-out does.
    ///
    /// # Errors
    ///
    /// The errors of the engine, as [`PoolStore::join`]. A repeated call returns false if the first
    /// one has ended the membership.
    pub fn forget(&self, host: &HostName) -> Result<bool, StoreError> {
        // A damaged record goes, too.
        let mut was_member = false;
        self.write_host(host, |pair| {
            was_member |= pair.is_some();
            match pair.map(|pair| HostRecord::parse(&pair.value)) {
                None => Ok(Becomes::Same),
                Some(Err(RecordError::Newer { .. })) => {
                    parsed(pair, HostRecord::parse).map(|_| Becomes::Same)
                }
                Some(_) => Ok(Becomes::Absent),
            }
        })?;
        Ok(was_member)
    }
}

pub(crate) fn failed(host: &HostName, kind: StoreErrorKind) -> StoreError {
    StoreError::new(Operation::Admit, format!("the record of host {host}"), kind)
}
