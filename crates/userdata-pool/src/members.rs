//! Membership: which machine has which name, and by which boot.

use thiserror::Error;
use userdata_core::store::{HostName, Operation, StoreError, StoreErrorKind};

use crate::basis::parsed;
use crate::deadline::Deadline;
use crate::engine::{Compare, Pair, Request, Span, Txn};
use crate::record::{HostRecord, RecordError};
use crate::{Engine, EngineError, PoolStore};

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

/// The outcome of the commit of a host record is not known.
#[derive(Debug, Error)]
#[error("the cluster's answers were lost; run the same command again")]
struct NoAnswer;

/// The record to write, or none in its place; `None` if nothing is to change.
type Wanted = Result<Option<Option<HostRecord>>, StoreError>;

impl<E: Engine> PoolStore<E> {
    /// Makes this host a member, bound to its machine-id and product uuid, or renews its record
    /// after a boot. Made again, it changes nothing more.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotPermitted`] if another machine has the name; it is named. An error of
    /// the engine; the call may then be repeated.
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
                    Ok(Some(Some(wanted.clone())))
                }
                Some(found) if found.is(&self.me) => Ok(None),
                Some(found) => {
                    self.check_machine(&found)?;
                    first.get_or_insert(Joined::Renewed);
                    Ok(Some(Some(wanted.clone())))
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
    /// membership. An error of the engine; the call may then be repeated.
    pub fn leave(&self) -> Result<bool, StoreError> {
        let mut was_member = false;
        self.write_host(&self.me.name, |pair| {
            let Some(found) = parsed(pair, HostRecord::parse)? else {
                return Ok(None);
            };
            self.check_machine(&found)?;
            was_member = true;
            Ok(Some(None))
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
    /// An error of the engine; the call may then be repeated.
    pub fn forget(&self, host: &HostName) -> Result<bool, StoreError> {
        // A damaged record goes, too.
        let mut was_member = false;
        self.write_host(host, |pair| {
            was_member |= pair.is_some();
            match pair.map(|pair| HostRecord::parse(&pair.value)) {
                None => Ok(None),
                Some(Err(RecordError::Newer { .. })) => {
                    parsed(pair, HostRecord::parse).map(|_| None)
                }
                Some(_) => Ok(Some(None)),
            }
        })?;
        Ok(was_member)
    }

    /// Whether a host is a member by the name, and by which revision of its record.
    pub(crate) fn host_compare(
        &self,
        host: &HostName,
        deadline: Deadline,
    ) -> Result<(Compare, Option<HostRecord>), StoreError> {
        let (compare, pair) = self.host_pair(host, deadline)?;
        Ok((compare, parsed(pair.as_ref(), HostRecord::parse)?))
    }

    fn host_pair(
        &self,
        host: &HostName,
        deadline: Deadline,
    ) -> Result<(Compare, Option<Pair>), StoreError> {
        let key = self.keys.host(host);
        let answer = self
            .send(&Txn::read([Span::key(key.clone())]), deadline)
            .map_err(|error| failed(host, self.unanswered(error, deadline)))?;
        let pair = answer.into_pairs().next();
        let revision = pair.as_ref().map_or(0, |pair| pair.revision);
        Ok((Compare { key, revision }, pair))
    }

    /// Writes or removes a host record until no other change comes between. Each try leads to the
    /// same end, so a commit whose answer is lost is looked for in the record itself.
    fn write_host(
        &self,
        host: &HostName,
        mut wanted: impl FnMut(Option<&Pair>) -> Wanted,
    ) -> Result<(), StoreError> {
        let deadline = self.within_options();
        loop {
            let (compare, found) = self.host_pair(host, deadline)?;
            let Some(wanted) = wanted(found.as_ref())? else {
                return Ok(());
            };
            let key = self.keys.host(host);
            let request = match wanted {
                Some(record) => Request::Put {
                    key,
                    value: record.format(),
                    lease: None,
                },
                None => Request::Delete {
                    span: Span::key(key),
                },
            };
            let txn = Txn {
                compares: vec![compare],
                requests: vec![request],
                ..Txn::default()
            };
            match self.send(&txn, deadline) {
                Ok(answer) if answer.made => return Ok(()),
                Ok(_) | Err(EngineError::Lost(_) | EngineError::NotSent(_))
                    if !self.is_past(deadline) => {}
                Err(error) => return Err(failed(host, self.unanswered(error, deadline))),
                Ok(_) => return Err(failed(host, StoreErrorKind::Failed(NoAnswer.into()))),
            }
        }
    }
}

fn failed(host: &HostName, kind: StoreErrorKind) -> StoreError {
    StoreError::new(Operation::Admit, format!("the record of host {host}"), kind)
}
