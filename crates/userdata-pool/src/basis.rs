//! `Basis`: the records of one domain at one revision, from which a change is worked out.

use std::collections::BTreeMap;

use thiserror::Error;
use userdata_core::store::{Operation, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Userid, Uuid};

use crate::engine::{Compare, Page, Pair, Revision, Span};
use crate::keys::Keys;
use crate::record::{Grave, HostRecord, MarkRecord, Meta, RecordError, Turn};
use crate::standing::Standing;
use crate::{Answer, Identity};

/// The values of a domain, by their meta records. One that cannot be read is there all the same.
pub(crate) type Metas = BTreeMap<Userid, Result<Meta, Unreadable>>;

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    key: Vec<u8>,
    error: RecordError,
}

impl Unreadable {
    /// The error of a call that needs the record; it names the key.
    pub(crate) fn told(&self, operation: Operation) -> StoreError {
        let source = self.error.clone().into();
        let kind = match self.error {
            RecordError::Newer { .. } => StoreErrorKind::Failed(source),
            RecordError::Malformed => StoreErrorKind::Damaged(source),
        };
        StoreError::new(operation, &*self.key, kind)
    }
}

/// The turn is damaged, so that no host is known as the home.
#[derive(Debug, Error)]
#[error(
    "no host is known as the home; if no host needs the data, `pool discard {uuid}` removes it"
)]
struct NoHome {
    uuid: Uuid,
    source: RecordError,
}

/// The records of one domain.
#[derive(Debug)]
pub(crate) struct Basis {
    pub(crate) domain: DomainKey,
    /// The revision at which they were read.
    pub(crate) revision: Revision,
    /// `None` if there is none, or if it is damaged.
    pub(crate) turn: Option<Turn>,
    /// Whether the turn is there and is damaged.
    pub(crate) is_damaged: bool,
    pub(crate) turn_revision: Revision,
    /// The mark that is in force.
    pub(crate) mark: Option<MarkRecord>,
    pub(crate) mark_revision: Revision,
    /// `None` if it is damaged. The next removal writes it anew.
    pub(crate) grave: Option<Grave>,
    pub(crate) grave_revision: Revision,
    /// Whether this host is a member, by the boot that runs now.
    pub(crate) is_member: bool,
    pub(crate) host_revision: Revision,
    pub(crate) metas: Metas,
}

impl Basis {
    /// How many spans [`Basis::spans`] has.
    pub(crate) const SPANS: usize = 5;

    pub(crate) fn spans(keys: &Keys, me: &Identity, domain: &DomainKey) -> [Span; Self::SPANS] {
        let uuid = domain.uuid;
        [
            Span::key(keys.turn(uuid)),
            Span::key(keys.mark(uuid)),
            Span::key(keys.grave(uuid)),
            Span::key(keys.host(&me.name)),
            keys.metas(uuid),
        ]
    }

    /// Reads the answer of this revision to those spans.
    pub(crate) fn of(
        keys: &Keys,
        me: &Identity,
        domain: DomainKey,
        at: Revision,
        found: &[Page],
    ) -> Result<Self, StoreError> {
        let one = |place: usize| found.get(place).and_then(|page| page.pairs.first());
        let revision = |place| one(place).map_or(0, |pair| pair.revision);
        let host = parsed(one(3), HostRecord::parse)?;
        let turn = unless_damaged(one(0), Turn::parse)?;
        let grave = unless_damaged(one(2), Grave::parse)?;
        Ok(Self {
            domain,
            revision: at,
            is_damaged: turn.is_none(),
            turn: turn.flatten(),
            turn_revision: revision(0),
            // A mark that cannot be read still is one: it ends with its lease. Each mark is made on
            // a lease, so a record without one is not a mark.
            mark: one(1).filter(|pair| pair.leased).map(|pair| {
                MarkRecord::parse(&pair.value).unwrap_or_else(|_| MarkRecord {
                    host: me.name.clone(),
                    domid: domain.domid,
                    number: 0,
                })
            }),
            mark_revision: revision(1),
            grave: grave.map(Option::unwrap_or_default),
            grave_revision: revision(2),
            is_member: host.is_some_and(|host| host.is(me)),
            host_revision: revision(3),
            metas: found
                .get(4)
                .map(|page| metas(keys, &page.pairs))
                .unwrap_or_default(),
        })
    }

    /// Refuses a damaged turn: its home may be any host.
    pub(crate) fn check_turn(&self, keys: &Keys) -> Result<(), StoreError> {
        match self.is_damaged {
            false => Ok(()),
            true => Err(no_home(keys, self.domain.uuid)),
        }
    }

    /// The numbers of the last removals; none if the grave is damaged.
    pub(crate) fn grave_numbers(&self) -> &[u64] {
        self.grave.as_ref().map_or(&[], |grave| &grave.numbers)
    }

    /// The key of a mark that is not in force and has no lease to end with.
    pub(crate) fn stray_mark(&self, keys: &Keys) -> Option<Vec<u8>> {
        let stray = self.mark.is_none() && self.mark_revision != 0;
        stray.then(|| keys.mark(self.domain.uuid))
    }

    pub(crate) fn standing(&self, me: &Identity) -> Standing {
        Standing::of(self.turn.as_ref().map(|turn| &turn.home), me, &self.domain)
    }

    /// Whether a mark that is not the one with this number closes the domain.
    pub(crate) fn is_closing(&self, me: &Identity, own: Option<u64>) -> bool {
        self.mark.as_ref().is_some_and(|mark| {
            mark.host == me.name && mark.domid == self.domain.domid && Some(mark.number) != own
        })
    }

    /// The conditions on which every commit is made. A removed turn has revision 0 again, so where
    /// there is none, the grave is compared in its place; and no turn is made before there is one.
    pub(crate) fn compares(&self, keys: &Keys, me: &Identity, with_grave: bool) -> Vec<Compare> {
        let uuid = self.domain.uuid;
        let compare = |key, revision| Compare { key, revision };
        let mut all = vec![
            compare(keys.turn(uuid), self.turn_revision),
            compare(keys.mark(uuid), self.mark_revision),
            compare(keys.host(&me.name), self.host_revision),
        ];
        if with_grave || self.turn.is_none() {
            all.push(compare(keys.grave(uuid), self.grave_revision));
        }
        all
    }
}

/// The meta records of one domain.
pub(crate) fn metas(keys: &Keys, pairs: &[Pair]) -> Metas {
    let named = |pair: &Pair| {
        let (_, userid) = keys.userid(&pair.key)?;
        Some((userid, meta(pair)))
    };
    pairs.iter().filter_map(named).collect()
}

/// The meta record of one value.
pub(crate) fn meta(pair: &Pair) -> Result<Meta, Unreadable> {
    let key = pair.key.clone();
    Meta::parse(&pair.value).map_err(|error| Unreadable { key, error })
}

/// The turn of this uuid, if there is one.
pub(crate) fn turn(
    keys: &Keys,
    uuid: Uuid,
    pair: Option<&Pair>,
) -> Result<Option<Turn>, StoreError> {
    match pair.map(|pair| Turn::parse(&pair.value)) {
        Some(Err(RecordError::Malformed)) => Err(no_home(keys, uuid)),
        _ => parsed(pair, Turn::parse),
    }
}

fn no_home(keys: &Keys, uuid: Uuid) -> StoreError {
    let source = RecordError::Malformed;
    let kind = StoreErrorKind::Damaged(NoHome { uuid, source }.into());
    StoreError::new(Operation::Read, keys.turn(uuid), kind)
}

/// Reads the domain's records, and those of others, from an answer to their spans in a row.
pub(crate) fn all_of(
    keys: &Keys,
    me: &Identity,
    domains: &[DomainKey],
    answer: &Answer,
) -> Result<Vec<Basis>, StoreError> {
    let chunks = answer.found.chunks(Basis::SPANS);
    domains
        .iter()
        .zip(chunks)
        .map(|(domain, found)| Basis::of(keys, me, *domain, answer.revision, found))
        .collect()
}

/// The spans of the records of these domains.
pub(crate) fn spans_of_all(
    keys: &Keys,
    me: &Identity,
    domains: &[DomainKey],
) -> impl Iterator<Item = Span> {
    domains
        .iter()
        .flat_map(|domain| Basis::spans(keys, me, domain))
}

/// Reads a record, if there is one; `None` if it is damaged.
fn unless_damaged<T>(
    pair: Option<&Pair>,
    parse: fn(&[u8]) -> Result<T, RecordError>,
) -> Result<Option<Option<T>>, StoreError> {
    match pair.map(|pair| parse(&pair.value)) {
        Some(Err(RecordError::Malformed)) => Ok(None),
        _ => parsed(pair, parse).map(Some),
    }
}

/// Reads a record, if there is one.
pub(crate) fn parsed<T>(
    pair: Option<&Pair>,
    parse: fn(&[u8]) -> Result<T, RecordError>,
) -> Result<Option<T>, StoreError> {
    let Some(pair) = pair else { return Ok(None) };
    parse(&pair.value).map(Some).map_err(|error| {
        let key = pair.key.clone();
        Unreadable { key, error }.told(Operation::Read)
    })
}

impl HostRecord {
    /// Whether it is the record of this boot of this machine.
    pub(crate) fn is(&self, me: &Identity) -> bool {
        self.machine == me.machine && self.product == me.product && self.boot == me.boot
    }
}
