//! The graves that are made before the first turn.
//!
//! Every absent key has revision 0. So a change that was worked out while turn and grave were both
//! absent could arrive late and be made whenever both are absent again, which happens: on a full
//! quota a removal deletes the grave, too. No turn is made on such a comparison: the grave is made
//! first, in a transaction of its own.

use std::collections::BTreeSet;

use crate::basis::Basis;
use crate::commit::Next;
use crate::engine::{Compare, Request, Txn};
use crate::record::Grave;
use crate::{Engine, PoolStore};

impl<E: Engine> PoolStore<E> {
    /// The transaction that makes the graves which must be there before these changes of the turns;
    /// `None` if all are.
    pub(crate) fn first_graves(&self, bases: &[Basis], next: &[Next]) -> Option<Txn> {
        let makes_turn = |next: &Next| matches!(next, Next::Home(_));
        let missing: BTreeSet<Vec<u8>> = bases
            .iter()
            .zip(next)
            .filter(|(basis, next)| makes_turn(next) && basis.has_no_revision())
            .map(|(basis, _)| self.keys.grave(basis.domain.uuid))
            .collect();
        if missing.is_empty() {
            return None;
        }
        let number = self.engine.number();
        let compare = |key: &Vec<u8>| Compare {
            key: key.clone(),
            revision: 0,
        };
        Some(Txn {
            compares: missing.iter().map(compare).collect(),
            requests: missing
                .into_iter()
                .map(|key| first_grave(key, number))
                .collect(),
            ..Txn::default()
        })
    }
}

/// The request that makes a grave.
pub(crate) fn first_grave(key: Vec<u8>, number: u64) -> Request {
    let numbers = vec![number];
    Request::Put {
        key,
        value: Grave { numbers }.format(),
        lease: None,
    }
}

impl Basis {
    /// Whether neither the turn nor the grave is there.
    pub(crate) const fn has_no_revision(&self) -> bool {
        self.turn_revision == 0 && self.grave_revision == 0
    }
}
