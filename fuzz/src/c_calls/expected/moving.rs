//! What an export and an import answer.

use userdata_archive::{Archive, Limits, ReadError};
use userdata_capi::called::Domain;
use userdata_core::{Hypervisor as _, Value, registry};

use super::{
    DAMAGED, Expected, FAIL, INVAL, LIMIT, NO_MEMORY, NO_SPACE, PRECONDITION, Result, target,
};
use crate::c_calls::archive_of;
use crate::c_calls::input::{From, To};

impl Expected {
    pub(super) fn export(&self, max: u64, domain: Domain, to: To, flags: u32) -> Result<Archive> {
        if flags > 1 {
            return Err(INVAL);
        }
        let target = target(domain)?;
        if matches!(to, To::Closed | To::Negative) {
            return Err(INVAL);
        }
        let key = self.key_to_read(target)?;
        let mut values = Vec::new();
        for (userid, data) in self.values.list(&key) {
            if flags == 0 && registry::stays_behind(userid) {
                continue;
            }
            if data.len() as u64 > max {
                return Err(LIMIT);
            }
            values.push((userid.clone(), Value::new(data.clone())));
        }
        let found = self.host.domain(key.domid).ok().flatten();
        let name = found
            .filter(|found| found.key == key)
            .and_then(|_| self.host.last_name(key.domid));
        match to {
            To::Full => Err(NO_SPACE),
            To::ReadOnly => Err(FAIL),
            _ => Archive::new(key, name.map(str::to_owned), values).map_err(|_| FAIL),
        }
    }

    pub(super) fn import(
        &mut self,
        max: u64,
        domain: Domain,
        from: &From,
        flags: u32,
    ) -> Result<()> {
        let (takes_all, clash) = (flags & 4 != 0, flags & !4);
        if clash > 2 {
            return Err(INVAL);
        }
        let target = target(domain)?;
        let bytes = match from {
            From::Closed | From::Negative => return Err(INVAL),
            From::WriteOnly => return Err(FAIL),
            from => archive_of(from, &self.last_archive),
        };
        let archive = Archive::read(&*bytes, &Limits::new(max)).map_err(|error| match error {
            ReadError::Damaged { .. } => DAMAGED,
            ReadError::Limit(_) => LIMIT,
            ReadError::Userid { .. } => INVAL,
            ReadError::OutOfMemory { .. } => NO_MEMORY,
            _ => FAIL,
        })?;
        let key = self.find_alive(target)?;
        self.admit(&key)?;
        let mut puts = Vec::new();
        for (userid, value) in archive.values() {
            let userid = userid.as_userid();
            if !takes_all && registry::stays_behind(userid) {
                continue;
            }
            match (self.values.get(&key, userid), clash) {
                (Some(there), 0 | 2) if there.len() as u64 > max => return Err(LIMIT),
                (Some(there), 0) if there != value.as_bytes() => return Err(PRECONDITION),
                (Some(_), 2) => {}
                _ => puts.push((userid, value.as_bytes())),
            }
        }
        for (userid, data) in puts {
            self.values.put(&key, userid, data);
        }
        Ok(())
    }
}
