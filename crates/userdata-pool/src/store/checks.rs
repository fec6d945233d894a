//! What no pool stores, and no pool changes.

use std::collections::BTreeSet;

use userdata_core::registry::stays_behind;
use userdata_core::store::{Op, Operation, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Domid, Userid, Uuid};

use super::PoolStore;
use crate::Engine;

impl<E: Engine> PoolStore<E> {
    /// Domain-0 and the nil uuid are the same on every host, so a pool has no data of them.
    pub(crate) fn check_domain(domain: &DomainKey) -> Result<(), StoreError> {
        match domain.domid {
            Domid::ZERO => Err(stays_in_files(domain.to_string())),
            _ => Self::check_uuid(domain.uuid),
        }
    }

    /// The same where the uuid alone is known.
    pub(crate) fn check_uuid(uuid: Uuid) -> Result<(), StoreError> {
        match uuid.is_nil() {
            true => Err(stays_in_files(uuid.to_string())),
            false => Ok(()),
        }
    }

    /// The owners of some values read them from the files of the host.
    fn check_userid(&self, userid: &Userid) -> Result<(), StoreError> {
        if self.options.keeps_every_userid || !stays_behind(userid) {
            return Ok(());
        }
        Err(stays_in_files(userid.as_bytes()))
    }

    /// Refuses a change that no pool makes.
    pub(super) fn check_ops(&self, ops: &[Op<'_>]) -> Result<(), StoreError> {
        for op in ops {
            match op {
                Op::Put { userid, .. } => self.check_userid(userid.as_userid())?,
                Op::PutAll { values, .. } => {
                    let mut userids = values.iter().map(|put| put.userid.as_userid());
                    userids.try_for_each(|userid| self.check_userid(userid))?;
                }
                _ => {}
            }
        }
        check_doubles(ops)
    }
}

fn stays_in_files(name: impl AsRef<[u8]>) -> StoreError {
    StoreError::new(Operation::Admit, name, StoreErrorKind::StaysInFiles)
}

/// Refuses a change that puts several values under one userid together.
fn check_doubles(ops: &[Op<'_>]) -> Result<(), StoreError> {
    for op in ops {
        let Op::PutAll { values, .. } = op else {
            continue;
        };
        let mut seen = BTreeSet::new();
        for put in *values {
            if !seen.insert(put.userid.as_userid()) {
                let (name, kind) = (put.userid.as_bytes(), StoreErrorKind::Unsupported);
                return Err(StoreError::new(Operation::Admit, name, kind));
            }
        }
    }
    Ok(())
}
