//! The write of a host record.
//!
//! A host that is forgotten has no record, as before it joined the first time. So that a join which
//! arrives late is not made behind its end, each host has a grave: it is made before the first
//! record, every removal of the record moves it on, and a join compares it.

use userdata_core::store::{HostName, StoreError, StoreErrorKind};

use crate::basis::parsed;
use crate::commit::deletes_alone;
use crate::deadline::Deadline;
use crate::engine::{Compare, Pair, Request, Span, Txn};
use crate::first_graves::first_grave;
use crate::members::failed;
use crate::record::HostRecord;
use crate::{Engine, EngineError, PoolStore};

/// What becomes of a host record.
pub(crate) enum Becomes {
    /// It stays as it is, absent or not.
    Same,
    /// It is this one.
    Record(HostRecord),
    /// It is removed.
    Absent,
}

/// A host record and the grave of the host, as they were read.
struct Found {
    record: Option<Pair>,
    grave: Compare,
}

impl<E: Engine> PoolStore<E> {
    /// Whether a host is a member by the name, and by which revision of its record.
    pub(crate) fn host_compare(
        &self,
        host: &HostName,
        deadline: Deadline,
    ) -> Result<(Compare, Option<HostRecord>), StoreError> {
        let record = self.host_record(host, deadline);
        let record = record
            .map_err(|error| failed(host, self.unanswered(error, deadline)))?
            .record;
        let compare = self.compare_host(host, record.as_ref());
        Ok((compare, parsed(record.as_ref(), HostRecord::parse)?))
    }

    fn host_record(&self, host: &HostName, deadline: Deadline) -> Result<Found, EngineError> {
        let (record, grave) = (self.keys.host(host), self.keys.host_grave(host));
        let spans = [record, grave.clone()].map(Span::key);
        let answer = self.send(&Txn::read(spans), deadline)?;
        let mut found = answer.found.into_iter();
        let mut next = || found.next()?.pairs.into_iter().next();
        let (record, grave_pair) = (next(), next());
        let revision = grave_pair.map_or(0, |pair| pair.revision);
        let grave = Compare {
            key: grave,
            revision,
        };
        Ok(Found { record, grave })
    }

    fn compare_host(&self, host: &HostName, record: Option<&Pair>) -> Compare {
        Compare {
            key: self.keys.host(host),
            revision: record.map_or(0, |pair| pair.revision),
        }
    }

    /// Writes or removes a host record until no other change comes between. Each try leads to the
    /// same end, so a commit whose answer is lost is looked for in the record itself. If that is
    /// not read any more, no error tells that nothing was changed.
    pub(crate) fn write_host(
        &self,
        host: &HostName,
        mut wanted: impl FnMut(Option<&Pair>) -> Result<Becomes, StoreError>,
    ) -> Result<(), StoreError> {
        let deadline = self.within_options();
        // A commit that may have been made; and one that was refused for space, which etcd may have
        // made: it looks at its quota again when it applies a transaction.
        let (mut lost, mut full) = (None, None);
        // Some versions of etcd refuse removals alone, too.
        let mut removes_alone = false;
        let told = |kind, lost: Option<EngineError>| {
            let lost = lost.map(|lost| StoreErrorKind::AnswerLost(lost.into()));
            Err(failed(host, lost.unwrap_or(kind)))
        };
        let passed = || {
            let waited = self.waited(deadline);
            StoreErrorKind::DeadlinePassed { waited }
        };
        loop {
            let is_last = lost.is_some() && self.is_past(deadline);
            let found = match self.host_record(host, deadline) {
                Ok(read) => read,
                Err(error) => return told(self.unanswered(error, deadline), lost.or(full)),
            };
            let txn = match wanted(found.record.as_ref())? {
                Becomes::Same => return Ok(()),
                Becomes::Record(_) if found.has_no_revision() => {
                    match self.send(&self.first_host_grave(found.grave), deadline) {
                        Ok(_) | Err(EngineError::Lost(_) | EngineError::NotSent(_))
                            if !self.is_past(deadline) =>
                        {
                            continue;
                        }
                        Ok(_) => return told(passed(), lost),
                        Err(error) => return told(self.unanswered(error, deadline), lost),
                    }
                }
                Becomes::Record(record) => self.host_txn(host, found, Some(&record)),
                Becomes::Absent => self.host_txn(host, found, None),
            };
            let txn = match full.take() {
                None => txn,
                Some(full) => match deletes_alone(&txn).filter(|_| !removes_alone) {
                    Some(alone) => {
                        removes_alone = true;
                        alone
                    }
                    None => return told(self.unanswered(full, deadline), lost),
                },
            };
            if is_last {
                return told(passed(), lost);
            }
            match self.send(&txn, deadline) {
                Ok(answer) if answer.made => return Ok(()),
                Ok(_) if lost.is_none() && self.is_past(deadline) => return told(passed(), lost),
                Ok(_) => {}
                Err(EngineError::NotSent(_)) if !self.is_past(deadline) => {}
                Err(error @ EngineError::Lost(_)) => lost = Some(error),
                Err(error @ EngineError::NoSpace(_)) => full = Some(error),
                Err(error) => return told(self.unanswered(error, deadline), lost),
            }
        }
    }

    fn first_host_grave(&self, grave: Compare) -> Txn {
        Txn {
            requests: vec![first_grave(grave.key.clone(), self.engine.number())],
            compares: vec![grave],
            ..Txn::default()
        }
    }

    /// Writes the record, or removes it and moves the grave on.
    fn host_txn(&self, host: &HostName, found: Found, record: Option<&HostRecord>) -> Txn {
        let key = self.keys.host(host);
        let requests = match record {
            Some(record) => vec![Request::Put {
                key,
                value: record.format(),
                lease: None,
            }],
            None => vec![
                Request::Delete {
                    span: Span::key(key),
                },
                first_grave(found.grave.key.clone(), self.engine.number()),
            ],
        };
        Txn {
            compares: vec![
                self.compare_host(host, found.record.as_ref()),
                // The last one: see `deletes_alone`.
                found.grave,
            ],
            requests,
            ..Txn::default()
        }
    }
}

impl Found {
    /// Whether neither the record nor the grave is there.
    const fn has_no_revision(&self) -> bool {
        self.record.is_none() && self.grave.revision == 0
    }
}
