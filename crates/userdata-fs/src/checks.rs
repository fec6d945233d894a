//! The checks of a change that need no lock, and the names of the values that it changes.

use std::collections::BTreeSet;

use userdata_core::file_name::FileName;
use userdata_core::store::{Op, Operation, Put, StoreError, StoreErrorKind};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Userid, WritableUserid};

use crate::{Directory, FileStore};

/// The names of the values that an operation changes. One name needs no list on the heap.
pub(crate) enum Names {
    One(FileName),
    Many(Vec<FileName>),
}

impl Names {
    pub(crate) fn as_slice(&self) -> &[FileName] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

impl<D: Directory> FileStore<D> {
    pub(crate) fn data_name(
        &self,
        domain: &DomainKey,
        userid: &Userid,
    ) -> Result<FileName, StoreError> {
        FileName::data(self.format, domain, userid).map_err(|error| {
            let kind = StoreErrorKind::NameTooLong(error);
            StoreError::new(Operation::Inspect, userid.as_bytes(), kind)
        })
    }

    /// The names of the values that this changes. Also makes the checks that need no lock.
    pub(crate) fn check(&self, domain: &DomainKey, op: &Op<'_>) -> Result<Names, StoreError> {
        match op {
            Op::Put { userid, data, .. } => self.check_put(domain, userid, *data).map(Names::One),
            Op::PutAll { values, .. } => self.check_put_all(domain, values).map(Names::Many),
            Op::Delete { userid, .. } => self.data_name(domain, userid).map(Names::One),
            _ => Ok(Names::Many(Vec::new())),
        }
    }

    fn check_put_all(
        &self,
        domain: &DomainKey,
        values: &[Put<'_>],
    ) -> Result<Vec<FileName>, StoreError> {
        let mut seen = BTreeSet::new();
        let checked = values.iter().map(|put| {
            let name = self.check_put(domain, put.userid, put.data)?;
            match seen.insert(put.userid.as_userid()) {
                true => Ok(name),
                // The caller does not say which of the two values is to stay.
                false => {
                    let kind = StoreErrorKind::Unsupported;
                    Err(StoreError::new(Operation::Admit, name, kind))
                }
            }
        });
        checked.collect()
    }

    fn check_put(
        &self,
        domain: &DomainKey,
        userid: &WritableUserid,
        data: NonEmpty<'_>,
    ) -> Result<FileName, StoreError> {
        let name = self.data_name(domain, userid.as_userid())?;
        let (limit, size) = (self.value_max, data.as_bytes().len() as u64);
        if size > limit {
            let kind = StoreErrorKind::LimitExceeded { limit, size };
            return Err(StoreError::new(Operation::Write, name, kind));
        }
        Ok(name)
    }
}
