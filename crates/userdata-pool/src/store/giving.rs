//! A transfer: values that go from one domain to another, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use userdata_core::Userid;
use userdata_core::store::{
    Durability, Operation, StoreError, StoreErrorKind, Transfer, Transferred,
};

use super::PoolStore;
use crate::Engine;
use crate::basis::{Basis, Unreadable};
use crate::commit::{Next, Plan, Step};
use crate::deadline::Deadline;
use crate::effect::{Comes, Effect, comes};
use crate::record::{HomeRecord, Meta};
use crate::standing::Standing;

impl<E: Engine> PoolStore<E> {
    /// Works out a transfer between two domains of this host.
    pub(super) fn give(
        &self,
        transfer: &Transfer<'_>,
        bases: &[Basis],
        deadline: Deadline,
    ) -> Result<Step<Transferred>, StoreError> {
        let [from, to] = bases else {
            return Err(StoreError::new(
                Operation::Read,
                "",
                StoreErrorKind::NoOutcome,
            ));
        };
        let mut done = Transferred::default();
        done.durability = Durability::Full;
        let (source, target) = (from.standing(&self.me), to.standing(&self.me));
        if let Standing::Incoming(home) | Standing::Away(home) = &source {
            return Err(self.elsewhere(&from.domain, home.clone(), deadline));
        }
        if let Standing::Incoming(home) | Standing::Away(home) = &target {
            return Err(self.elsewhere(&to.domain, home.clone(), deadline));
        }
        let today = self.engine.today();
        let mine = source == Standing::Mine;
        let mut gone = BTreeSet::new();
        let mut bytes: BTreeMap<Userid, Vec<u8>> = BTreeMap::new();
        let there = match target {
            Standing::OtherLife { .. } => BTreeMap::new(),
            _ => to.metas.clone(),
        };
        let values = from
            .metas
            .iter()
            .filter(|(userid, _)| mine && transfer.has(userid));
        for (userid, meta) in values {
            let meta = readable(meta)?;
            match comes(there.get(userid), meta.version, userid, transfer.clash())? {
                Comes::Late => {
                    done.kept.push(userid.clone());
                    continue;
                }
                Comes::Twice => {}
                Comes::In => {
                    let value =
                        self.value(from.domain.uuid, userid, meta, from.revision, deadline)?;
                    bytes.insert(userid.clone(), value.into_bytes());
                }
            }
            gone.insert(userid.clone());
            done.moved.push(userid.clone());
        }
        if gone.is_empty() {
            return Ok(Step::Done(done));
        }
        let mut giving = Effect::new(&from.metas, today);
        for userid in &gone {
            giving.take(userid);
        }
        let mut taking = match target {
            Standing::OtherLife { .. } => Effect::anew(&to.metas, today),
            _ => Effect::new(&to.metas, today),
        };
        for (userid, bytes) in &bytes {
            taking.put(userid, bytes);
        }
        let home = match target {
            Standing::Mine => Next::MovedOn,
            _ => Next::Home(HomeRecord::life(&self.me, to.domain.domid)),
        };
        let mut writes = giving.requests(&self.keys, from.domain.uuid);
        writes.extend(taking.requests(&self.keys, to.domain.uuid));
        let empty = giving.leaves_nothing();
        let moving = from
            .turn
            .as_ref()
            .is_some_and(|turn| turn.home.to.is_some());
        let left = if empty && !moving {
            Next::Removed
        } else {
            Next::MovedOn
        };
        Ok(Step::Commit(Plan {
            next: vec![left, home],
            compares: Vec::new(),
            writes,
            value: done,
        }))
    }
}

/// The record of a value, if it can be read.
pub(super) fn readable(meta: &Result<Meta, Unreadable>) -> Result<&Meta, StoreError> {
    meta.as_ref()
        .map_err(|unreadable| unreadable.told(Operation::Read))
}
