//! Reads: values only where they are asked for, and only those of the home.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use thiserror::Error;
use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{Condition, Entry, Found, Operation, Owned, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Userid, Uuid, Value, Version};

use super::PoolStore;
use super::giving::readable;
use crate::basis::{Basis, Metas, Unreadable, meta, metas, parsed, turn};
use crate::deadline::Deadline;
use crate::engine::{Pair, Revision, Span, Txn};
use crate::pages::{Purpose, Range};
use crate::record::{HomeRecord, Meta, RecordError, Turn};
use crate::standing::Standing;
use crate::{Answer, Engine};

/// A value whose bytes are not those of its record.
#[derive(Debug, Error)]
enum Differs {
    #[error("the bytes are not those that were stored: their SHA-256 is another one")]
    Digest,
    #[error("the record of the value is there, and its bytes are missing")]
    NoBytes,
    #[error("the bytes of the value are there, and its record is missing")]
    NoRecord,
}

/// What a read of the whole pool is about.
const ALL: (Operation, &str) = (Operation::List, "all domains");

/// The homes that a host tells of.
type Homes = BTreeMap<Uuid, Option<HomeRecord>>;

impl<E: Engine> PoolStore<E> {
    fn read(&self, txn: &Txn, subject: &[u8], deadline: Deadline) -> Result<Answer, StoreError> {
        self.send(txn, deadline).map_err(|error| {
            StoreError::new(Operation::Read, subject, self.unanswered(error, deadline))
        })
    }

    /// All keys of these spans, however many there are.
    fn read_whole(
        &self,
        spans: impl IntoIterator<Item = Span>,
        purpose: Purpose,
        domain: &DomainKey,
        deadline: Deadline,
    ) -> Result<Answer, StoreError> {
        let answer = self.read_spans(spans, purpose, deadline);
        answer.map_err(|error| {
            let kind = self.unanswered(error, deadline);
            StoreError::new(Operation::Read, domain.to_string(), kind)
        })
    }

    /// The same as `read` for what a caller asks to see.
    fn look(&self, mut txn: Txn, subject: &[u8], deadline: Deadline) -> Result<Answer, StoreError> {
        txn.stale = self.is_stale(Purpose::Show);
        self.read(&txn, subject, deadline)
    }

    /// Whether the domain has the values that are stored under its uuid.
    fn has_values(
        &self,
        domain: &DomainKey,
        turn: Option<&Turn>,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        match Standing::of(turn.map(|turn| &turn.home), &self.me, domain) {
            Standing::Mine | Standing::Incoming(_) => Ok(true),
            Standing::Vacant => Ok(false),
            Standing::Away(_) | Standing::OtherLife { .. } if self.options.any_home => Ok(true),
            Standing::OtherLife { .. } => Ok(false),
            Standing::Away(home) => Err(self.elsewhere(domain, home, deadline)),
        }
    }

    pub(super) fn read_value(
        &self,
        domain: &DomainKey,
        userid: &Userid,
        deadline: Deadline,
    ) -> Result<Option<Value>, StoreError> {
        let (uuid, keys) = (domain.uuid, &self.keys);
        let all = [
            keys.turn(uuid),
            keys.meta(uuid, userid),
            keys.data(uuid, userid),
        ];
        let answer = self.look(Txn::read(all.map(Span::key)), userid.as_bytes(), deadline)?;
        let one = |place: usize| answer.found.get(place).and_then(|page| page.pairs.first());
        let turn = turn(keys, uuid, one(0))?;
        if !self.has_values(domain, turn.as_ref(), deadline)? {
            return Ok(None);
        }
        let meta = parsed(one(1), Meta::parse)?;
        let data = one(2).map(|pair| pair.value.clone());
        let key = || keys.data(uuid, userid);
        match (meta, data) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(damaged(key(), Differs::NoRecord)),
            (Some(_), None) => Err(damaged(key(), Differs::NoBytes)),
            (Some(meta), Some(bytes)) => verified(key(), &meta, bytes).map(Some),
        }
    }

    /// The bytes of a value whose record was read at this revision. They are of the same one: those
    /// of a later revision may be of another record.
    pub(super) fn value(
        &self,
        uuid: Uuid,
        userid: &Userid,
        meta: &Meta,
        at: Revision,
        deadline: Deadline,
    ) -> Result<Value, StoreError> {
        let key = self.keys.data(uuid, userid);
        let mut reading = Txn::read([Span::key(key.clone())]);
        reading.at = Some(at);
        let answer = self.read(&reading, userid.as_bytes(), deadline)?;
        match answer.into_pairs().next() {
            Some(pair) => verified(key, meta, pair.value),
            None => Err(damaged(key, Differs::NoBytes)),
        }
    }

    pub(super) fn read_entry(
        &self,
        domain: &DomainKey,
        userid: &Userid,
    ) -> Result<Option<Entry>, StoreError> {
        let deadline = self.within_options();
        let (uuid, keys) = (domain.uuid, &self.keys);
        let spans = [keys.turn(uuid), keys.meta(uuid, userid)].map(Span::key);
        let answer = self.look(Txn::read(spans), domain.to_string().as_bytes(), deadline)?;
        Ok(self
            .metas_of(domain, &answer, deadline)?
            .iter()
            .map(entry)
            .next())
    }

    pub(super) fn read_list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        let deadline = self.within_options();
        let answer = self.read_whole(self.spans(domain), Purpose::Show, domain, deadline)?;
        let metas = self.metas_of(domain, &answer, deadline)?;
        Ok(metas.iter().map(entry).collect())
    }

    /// The turn of a domain, and the records of its values.
    fn spans(&self, domain: &DomainKey) -> [Span; 2] {
        let (turn, metas) = (self.keys.turn(domain.uuid), self.keys.metas(domain.uuid));
        [Span::key(turn), metas]
    }

    /// The records of the values that the domain has, of an answer to those spans.
    fn metas_of(
        &self,
        domain: &DomainKey,
        answer: &Answer,
        deadline: Deadline,
    ) -> Result<Metas, StoreError> {
        let pair = answer.found.first().and_then(|page| page.pairs.first());
        let turn = turn(&self.keys, domain.uuid, pair)?;
        let found = match self.has_values(domain, turn.as_ref(), deadline)? {
            true => answer
                .found
                .get(1)
                .map(|page| metas(&self.keys, &page.pairs)),
            false => None,
        };
        Ok(found.unwrap_or_default())
    }

    pub(super) fn read_snapshot(
        &self,
        domain: &DomainKey,
        deadline: Deadline,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // An export precedes a clear, so it is never stale.
        let answer = self.read_whole(self.spans(domain), Purpose::Decide, domain, deadline)?;
        let (revision, metas) = (answer.revision, self.metas_of(domain, &answer, deadline)?);
        for (userid, meta) in metas.into_iter().filter(|(userid, _)| which(userid)) {
            let meta = readable(&meta)?;
            let value = self.value(domain.uuid, &userid, meta, revision, deadline)?;
            if each(userid, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The home of a turn, if this host tells of it: its own, and those on their way to it. A
    /// damaged turn, which may be of any host, has none.
    fn home(&self, pair: &Pair) -> Option<(Uuid, Option<HomeRecord>)> {
        let Some((uuid, b"")) = self.keys.parse("turn", &pair.key) else {
            return None;
        };
        let home = match Turn::parse(&pair.value) {
            Ok(turn) => Some(turn.home),
            Err(RecordError::Malformed) => None,
            Err(RecordError::Newer { .. }) => return None,
        };
        let me = &self.me.name;
        let ours = home
            .as_ref()
            .is_none_or(|home| home.host == *me && !home.released || home.to.as_ref() == Some(me));
        (ours || self.options.any_home).then_some((uuid, home))
    }

    pub(super) fn read_all(
        &self,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let ranges = [self.keys.turns(), self.keys.all_metas()].map(Range::of);
        let (_, all) = self.gather(
            &ranges,
            Purpose::Show,
            ALL,
            |(homes, all): &mut (Homes, Vec<_>), place, pair| {
                if place == 0 {
                    homes.extend(self.home(&pair));
                } else if let Some((uuid, userid)) = self.keys.userid(&pair.key)
                    && let Some(home) = homes.get(&uuid)
                {
                    let domid = home.as_ref().map(|home| home.domid);
                    let mut entry = entry((&userid, &meta(&pair)));
                    if domid.is_none() {
                        // Without a home no value is read.
                        entry.condition = Condition::Damaged;
                    }
                    all.push(Found::new(Owner { domid, uuid }, Kind::Data, entry));
                }
            },
        )?;
        let _ = all.into_iter().try_for_each(each);
        Ok(())
    }

    /// The homes of this host, in order: those whose domain this host's hypervisor can be asked
    /// about; and damaged turns.
    pub(super) fn read_owners(
        &self,
        each: &mut dyn FnMut(Owned) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let ranges = [
            Range::of(self.keys.turns()),
            Range::keys_only(self.keys.all_metas()),
        ];
        let mine = |home: &HomeRecord| home.host == self.me.name && !home.released;
        let is_told = |(_, home): &(Uuid, Option<HomeRecord>)| {
            self.options.any_home || home.as_ref().is_none_or(mine)
        };
        let gathered = self.gather(
            &ranges,
            Purpose::Decide,
            ALL,
            |owned: &mut BTreeMap<_, _>, place, pair| {
                if place == 0 {
                    let home = self.home(&pair).filter(is_told);
                    owned.extend(home.map(|(uuid, home)| (uuid, (home, 0))));
                } else if let Some((uuid, _)) = self.keys.userid(&pair.key)
                    && let Some((_, records)) = owned.get_mut(&uuid)
                {
                    *records += 1;
                }
            },
        )?;
        let mut all: Vec<Owned> = gathered
            .into_iter()
            .map(|(uuid, (home, records))| {
                let domid = home.as_ref().map(|home| home.domid);
                let mut owned = Owned::new(Owner { domid, uuid }, Kind::Data);
                // A home without a value is a record, too.
                owned.records = records.max(1);
                // What an earlier boot left is removed even if a domain has this key again.
                owned.leftovers = home
                    .as_ref()
                    .is_some_and(|home| home.host == self.me.name && home.boot != self.me.boot);
                owned.damaged = home.is_none();
                owned
            })
            .collect();
        all.sort_unstable();
        let _ = all.into_iter().try_for_each(each);
        Ok(())
    }

    /// Reads the records of a domain.
    fn basis(&self, domain: &DomainKey, deadline: Deadline) -> Result<Basis, StoreError> {
        let spans = Basis::spans(&self.keys, &self.me, domain);
        let answer = self.read_whole(spans, Purpose::Decide, domain, deadline)?;
        Basis::of(
            &self.keys,
            &self.me,
            *domain,
            answer.revision,
            &answer.found,
        )
    }

    /// The same, asked again until the engine answers or the deadline has passed.
    pub(crate) fn basis_within(
        &self,
        domain: &DomainKey,
        deadline: Deadline,
    ) -> Result<Basis, StoreError> {
        loop {
            let basis = self.basis(domain, deadline);
            let unanswered = basis
                .as_ref()
                .err()
                .is_some_and(|error| matches!(error.kind(), StoreErrorKind::Unreachable { .. }));
            if !unanswered || self.is_past(deadline) {
                return basis;
            }
        }
    }
}

fn entry((userid, meta): (&Userid, &Result<Meta, Unreadable>)) -> Entry {
    match meta {
        Ok(meta) => Entry::new(userid.clone(), meta.size, Condition::Whole)
            .with_modified(std::time::SystemTime::UNIX_EPOCH + meta.time),
        Err(_) => Entry::new(userid.clone(), 0, Condition::Damaged),
    }
}

fn verified(key: Vec<u8>, meta: &Meta, bytes: Vec<u8>) -> Result<Value, StoreError> {
    if Version::of(&bytes) == meta.version {
        Ok(Value::new(bytes))
    } else {
        Err(damaged(key, Differs::Digest))
    }
}

fn damaged(key: Vec<u8>, differs: Differs) -> StoreError {
    let kind = StoreErrorKind::Damaged(differs.into());
    StoreError::new(Operation::Read, key, kind)
}
