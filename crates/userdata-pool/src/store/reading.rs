//! Reads: values only where they are asked for, and only those of the home.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use thiserror::Error;
use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{
    Condition, Entry, FileType, Found, Operation, Owned, StoreError, StoreErrorKind,
};
use userdata_core::{DomainKey, Userid, Uuid, Value, Version};

use super::PoolStore;
use super::giving::readable;
use crate::basis::{Basis, Metas, metas, parsed};
use crate::engine::{Request, Revision, Span, Txn};
use crate::record::{HomeRecord, Meta, RecordError, Turn};
use crate::standing::Standing;
use crate::{Answer, Engine};

/// A value whose bytes are not those of its record.
#[derive(Debug, Error)]
enum Differs {
    #[error("the bytes have another digest than the record of the value")]
    Digest,
    #[error("the value has a record and no bytes")]
    NoBytes,
    #[error("the value has bytes and no record")]
    NoRecord,
}

impl<E: Engine> PoolStore<E> {
    fn read(&self, txn: &Txn, subject: &[u8]) -> Result<Answer, StoreError> {
        let started = self.engine.now();
        self.engine.txn(txn, self.options.timeout).map_err(|error| {
            StoreError::new(Operation::Read, subject, self.unanswered(error, started))
        })
    }

    /// Whether the domain has the values that are stored under its uuid.
    fn has_values(&self, domain: &DomainKey, turn: Option<&Turn>) -> Result<bool, StoreError> {
        match Standing::of(turn.map(|turn| &turn.home), &self.me, domain) {
            Standing::Mine | Standing::Incoming(_) => Ok(true),
            Standing::Vacant => Ok(false),
            Standing::Away(_) | Standing::OtherLife { .. } if self.options.any_home => Ok(true),
            Standing::OtherLife { .. } => Ok(false),
            Standing::Away(home) => Err(self.elsewhere(domain, home)),
        }
    }

    pub(super) fn read_value(
        &self,
        domain: &DomainKey,
        userid: &Userid,
    ) -> Result<Option<Value>, StoreError> {
        let (uuid, keys) = (domain.uuid, &self.keys);
        let all = [
            keys.turn(uuid),
            keys.meta(uuid, userid),
            keys.data(uuid, userid),
        ];
        let answer = self.read(&Txn::read(all.map(Span::key)), userid.as_bytes())?;
        let one = |place: usize| answer.found.get(place).and_then(|pairs| pairs.first());
        let turn = parsed(one(0), Turn::parse)?;
        if !self.has_values(domain, turn.as_ref())? {
            return Ok(None);
        }
        let meta = parsed(one(1), Meta::parse)?;
        let data = one(2).map(|pair| pair.value.clone());
        match (meta, data) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(damaged(userid, Differs::NoRecord)),
            (Some(_), None) => Err(damaged(userid, Differs::NoBytes)),
            (Some(meta), Some(bytes)) => verified(userid, &meta, bytes).map(Some),
        }
    }

    /// The bytes of a value whose record is known, at this revision.
    pub(super) fn value(
        &self,
        uuid: Uuid,
        userid: &Userid,
        meta: &Meta,
        at: Option<Revision>,
    ) -> Result<Value, StoreError> {
        let mut reading = Txn::read([Span::key(self.keys.data(uuid, userid))]);
        reading.at = at;
        let answer = self.read(&reading, userid.as_bytes())?;
        match answer.found.into_iter().flatten().next() {
            Some(pair) => verified(userid, meta, pair.value),
            None => Err(damaged(userid, Differs::NoBytes)),
        }
    }

    pub(super) fn read_entry(
        &self,
        domain: &DomainKey,
        userid: &Userid,
    ) -> Result<Option<Entry>, StoreError> {
        let (uuid, keys) = (domain.uuid, &self.keys);
        let spans = [keys.turn(uuid), keys.meta(uuid, userid)].map(Span::key);
        Ok(self.read_metas(domain, spans)?.1.iter().map(entry).next())
    }

    pub(super) fn read_list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        let (_, metas) = self.read_domain(domain)?;
        Ok(metas.iter().map(entry).collect())
    }

    fn read_domain(&self, domain: &DomainKey) -> Result<(Revision, Metas), StoreError> {
        let spans = [
            Span::key(self.keys.turn(domain.uuid)),
            self.keys.metas(domain.uuid),
        ];
        self.read_metas(domain, spans)
    }

    fn read_metas(
        &self,
        domain: &DomainKey,
        spans: [Span; 2],
    ) -> Result<(Revision, Metas), StoreError> {
        let answer = self.read(&Txn::read(spans), domain.to_string().as_bytes())?;
        let turn = answer.found.first().and_then(|pairs| pairs.first());
        let turn = parsed(turn, Turn::parse)?;
        let found = match self.has_values(domain, turn.as_ref())? {
            true => answer.found.get(1).map(|pairs| metas(&self.keys, pairs)),
            false => None,
        };
        Ok((answer.revision, found.unwrap_or_default()))
    }

    pub(super) fn read_snapshot(
        &self,
        domain: &DomainKey,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (revision, metas) = self.read_domain(domain)?;
        for (userid, meta) in metas.into_iter().filter(|(userid, _)| which(userid)) {
            let meta = readable(&userid, &meta)?;
            let value = self.value(domain.uuid, &userid, meta, Some(revision))?;
            if each(userid, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The homes that this host tells of: its own, and those on their way to it.
    fn homes(&self, answer: &Answer) -> BTreeMap<Uuid, HomeRecord> {
        let mut homes = BTreeMap::new();
        for pair in answer.found.first().into_iter().flatten() {
            let uuid = self.keys.parse("turn", &pair.key);
            // A turn that cannot be read has no home; `discard` removes it.
            if let (Some((uuid, b"")), Ok(turn)) = (uuid, Turn::parse(&pair.value)) {
                let (home, me) = (turn.home, &self.me.name);
                let ours = home.host == *me && !home.released || home.to.as_ref() == Some(me);
                if ours || self.options.any_home {
                    homes.insert(uuid, home);
                }
            }
        }
        homes
    }

    pub(super) fn read_all(
        &self,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let spans = [self.keys.turns(), self.keys.all_metas()];
        let answer = self.read(&Txn::read(spans), b"all domains")?;
        let homes = self.homes(&answer);
        for pair in answer.found.get(1).into_iter().flatten() {
            let Some((uuid, userid)) = self.keys.userid(&pair.key) else {
                continue;
            };
            let Some(home) = homes.get(&uuid) else {
                continue;
            };
            let owner = Owner {
                domid: Some(home.domid),
                uuid,
            };
            let meta = Meta::parse(&pair.value);
            if each(Found::new(owner, Kind::Data, entry((&userid, &meta)))).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The homes of this host, in order: those whose domain this host's hypervisor can be asked
    /// about.
    pub(super) fn read_owners(
        &self,
        each: &mut dyn FnMut(Owned) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let range = |span, values| Request::Range { span, values };
        let reading = Txn {
            requests: vec![
                range(self.keys.turns(), true),
                range(self.keys.all_metas(), false),
            ],
            ..Txn::default()
        };
        let answer = self.read(&reading, b"all domains")?;
        let mut records: BTreeMap<Uuid, u32> = BTreeMap::new();
        for pair in answer.found.get(1).into_iter().flatten() {
            if let Some((uuid, _)) = self.keys.userid(&pair.key) {
                *records.entry(uuid).or_default() += 1;
            }
        }
        let homes = self.homes(&answer).into_iter();
        let homes = homes.filter(|(_, home)| {
            self.options.any_home || home.host == self.me.name && !home.released
        });
        let mut all: Vec<Owned> = homes
            .map(|(uuid, home)| {
                let domid = Some(home.domid);
                let mut owned = Owned::new(Owner { domid, uuid }, Kind::Data);
                // A home without a value is a record, too.
                owned.records = records.get(&uuid).copied().unwrap_or(1);
                // What an earlier boot left is removed even if a domain has this key again.
                owned.leftovers = home.host == self.me.name && home.boot != self.me.boot;
                owned
            })
            .collect();
        all.sort_unstable();
        let _ = all.into_iter().try_for_each(each);
        Ok(())
    }

    /// Reads the records of a domain.
    pub(crate) fn basis(&self, domain: &DomainKey) -> Result<Basis, StoreError> {
        let spans = Basis::spans(&self.keys, &self.me, domain);
        let answer = self.read(&Txn::read(spans), domain.to_string().as_bytes())?;
        Basis::of(&self.keys, &self.me, *domain, &answer.found)
    }

    /// The same, for a call that began then: it asks until the engine answers, or the timeout.
    pub(crate) fn basis_within(
        &self,
        domain: &DomainKey,
        started: Duration,
        timeout: Duration,
    ) -> Result<Basis, StoreError> {
        loop {
            let basis = self.basis(domain);
            let unanswered = basis
                .as_ref()
                .err()
                .is_some_and(|error| matches!(error.kind(), StoreErrorKind::Unreachable { .. }));
            if !unanswered || self.waited(started) >= timeout {
                return basis;
            }
        }
    }
}

fn entry((userid, meta): (&Userid, &Result<Meta, RecordError>)) -> Entry {
    match meta {
        Ok(meta) => Entry::new(userid.clone(), meta.size, Condition::Whole)
            .with_modified(std::time::SystemTime::UNIX_EPOCH + meta.time),
        Err(_) => {
            let condition = Condition::NotRegular(FileType::Other);
            Entry::new(userid.clone(), 0, condition)
        }
    }
}

fn verified(userid: &Userid, meta: &Meta, bytes: Vec<u8>) -> Result<Value, StoreError> {
    if Version::of(&bytes) == meta.version {
        Ok(Value::new(bytes))
    } else {
        Err(damaged(userid, Differs::Digest))
    }
}

fn damaged(userid: &Userid, differs: Differs) -> StoreError {
    let kind = StoreErrorKind::Damaged(differs.into());
    StoreError::new(Operation::Read, userid.as_bytes(), kind)
}
