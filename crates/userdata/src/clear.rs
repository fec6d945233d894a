//! Clearing: all data of a domain.

use std::time::Duration;

use userdata_core::store::{Admit, Cleared, Done, Keep, Op, Operation, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Hypervisor, Life, Store};

use crate::protocol::{admit_clear_of_gone, admit_clear_of_present, life_of};
use crate::{Target, Userdata, UserdataError, UserdataErrorKind};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Removes all data of a domain. If the domain exists, the data that `keep` selects stays. A
    /// [`DomainKey`] may name a domain that is gone; then nothing stays.
    ///
    /// Replaces `libxl__userdata_destroyall`, and returns what was removed. The domain is looked up
    /// again under its lock before anything is removed.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::ExistsAgain`] if the domain was gone at first and exists when the lock
    /// is taken; [`UserdataErrorKind::UuidShared`] in the seed layout, if another domain with this
    /// uuid lives; [`UserdataErrorKind::NotHere`] in a pool of hosts, if the data belongs to
    /// another host or moves here and is not claimed; an error of the hypervisor, or of the store
    /// if nothing could be removed. The data is then as it was. If some records were removed and
    /// others could not be, the call succeeds, and the failures are in [`Cleared::failed`].
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host.clone(), FileStore::open(directory.path())?);
    /// use userdata::store::Keep;
    ///
    /// userdata.store(domain, &WritableUserid::new("agent")?, b"state")?;
    /// host.destroy(domain.domid)?; // by another program, which does not remove userdata
    /// let cleared = userdata.clear(domain, Keep::Essential)?;
    /// assert_eq!(cleared.removed.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "libxl__userdata_destroyall")]
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn clear(&self, target: impl Into<Target>, keep: Keep) -> Result<Cleared, UserdataError> {
        let target = target.into();
        self.try_clear(target, keep)
            .map_err(|kind| UserdataError::of("clear the userdata of", None, target, kind))
    }

    fn try_clear(&self, target: Target, keep: Keep) -> Result<Cleared, UserdataErrorKind> {
        let time_left = self.time_left();
        let key = self.key_to_read(target)?;
        match life_of(&self.hypervisor, &key)? {
            // The domain may be gone when the lock is taken. The process that destroyed it then
            // removes what is kept here.
            Some(Life::Alive | Life::Dying) => {
                let admit = &mut |state: &_| admit_clear_of_present(&self.hypervisor, &key, state);
                self.clear_admitted(&key, keep, time_left.get(), admit)
            }
            _ => self.clear_gone(&key, time_left.get()),
        }
    }

    /// Removes everything of a domain that is gone, unless it exists again under the lock.
    pub(crate) fn clear_gone(
        &self,
        key: &DomainKey,
        timeout: Duration,
    ) -> Result<Cleared, UserdataErrorKind> {
        let admit = &mut |state: &_| admit_clear_of_gone(&self.hypervisor, key, state);
        self.clear_admitted(key, Keep::Nothing, timeout, admit)
    }

    fn clear_admitted(
        &self,
        key: &DomainKey,
        keep: Keep,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Cleared, UserdataErrorKind> {
        let op = Op::Clear {
            keep,
            durability: self.options.durability,
        };
        let done = self.store.change(key, timeout, admit, &[op])?;
        match <[Done; 1]>::try_from(done) {
            Ok([Done::Cleared(cleared)]) => Ok(cleared),
            _ => Err(no_outcome(key)),
        }
    }
}

/// The error of a store that returned no outcome.
pub(crate) fn no_outcome(key: &DomainKey) -> UserdataErrorKind {
    let subject = key.to_string();
    UserdataErrorKind::Store(StoreError::new(
        Operation::Admit,
        subject,
        StoreErrorKind::NoOutcome,
    ))
}
