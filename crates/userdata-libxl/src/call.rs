//! The three calls, in terms of Rust.

use userdata::domain::DomidError;
use userdata::store::Expect;
use userdata::{
    Domid, Hypervisor, Outcome, Store, Userdata, UserdataError, Userid, WritableUserid,
};

use crate::failure::Failure;

/// A userid and the number of a domain, as C gives them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) domid: u32,
    pub(crate) userid: &'a [u8],
}

/// What a retrieve has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Retrieved {
    /// There is no value.
    Nothing,
    /// The value was not asked for, but its size.
    Size(u64),
    /// The value.
    Value(Vec<u8>),
}

impl Asked<'_> {
    fn domid(self) -> Result<Domid, Failure> {
        u16::try_from(self.domid)
            .map_err(|_| DomidError::Reserved)
            .and_then(Domid::new)
            .map_err(|source| Failure::Domid {
                domid: self.domid,
                source,
            })
    }

    /// Stores the bytes; if there are none, removes the value.
    pub(crate) fn store<H: Hypervisor, S: Store>(
        self,
        data: &[u8],
        open: impl FnOnce() -> Result<Userdata<H, S>, Failure>,
    ) -> Result<(), Failure> {
        let domid = self.domid()?;
        let userid = WritableUserid::as_libxl_accepts(self.userid).map_err(Failure::Userid)?;
        done(open()?.store(domid, &userid, data)).map(drop)
    }

    /// Reads the value, or its size alone.
    pub(crate) fn retrieve<H: Hypervisor, S: Store>(
        self,
        size_only: bool,
        open: impl FnOnce() -> Result<Userdata<H, S>, Failure>,
    ) -> Result<Retrieved, Failure> {
        let domid = self.domid()?;
        let userid = Userid::new(self.userid).map_err(Failure::Userid)?;
        let found = if size_only {
            open()?.size(domid, &userid)?.map(Retrieved::Size)
        } else {
            let value = open()?.retrieve(domid, &userid)?;
            value.map(|value| Retrieved::Value(value.into_bytes()))
        };
        Ok(found.unwrap_or(Retrieved::Nothing))
    }

    /// Removes the value.
    pub(crate) fn unlink<H: Hypervisor, S: Store>(
        self,
        open: impl FnOnce() -> Result<Userdata<H, S>, Failure>,
    ) -> Result<(), Failure> {
        let domid = self.domid()?;
        let userid = Userid::new(self.userid).map_err(Failure::Userid)?;
        let userdata = open()?;
        let outcome = if userid.is_libxl_json() {
            userdata.remove_libxl_json(domid, Expect::Any)
        } else {
            userdata.remove(domid, &userid)
        };
        match done(outcome)? {
            Outcome::NothingToRemove => Err(Failure::NothingToRemove),
            _ => Ok(()),
        }
    }
}

/// A lock file that could not be removed is left without a failure, as by libxl: no process waits
/// for it, and the change is made.
fn done(outcome: Result<Outcome, UserdataError>) -> Result<Outcome, Failure> {
    match outcome {
        Err(error) if error.is_lock_left() => Ok(Outcome::Unchanged),
        outcome => Ok(outcome?),
    }
}

#[cfg(test)]
mod tests;
