//! Import: storing several values for a domain, all of them or none.

use userdata_core::store::{Clash, Done, Op, Put, StoredAll};
use userdata_core::{Hypervisor, Store};

use crate::clear::no_outcome;
use crate::protocol::{admit_store, find_alive};
use crate::{Target, Userdata, UserdataError};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Stores several values, all of them or none: if one can't be stored, none is changed. A value
    /// that is already there with the same bytes does not clash, so the same call completes an
    /// import that was killed. A process that reads meanwhile may see some of the new values and
    /// not the others.
    ///
    /// # Errors
    ///
    /// The errors of [`Userdata::store`]. If a value clashes and `clash` refuses that, nothing is
    /// changed, and [`is_conflict`](UserdataError::is_conflict) of the error is true.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// use userdata::store::{Clash, Put};
    /// use userdata::value::NonEmpty;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// let userid = WritableUserid::new("agent")?;
    /// let value = NonEmpty::new(b"state").expect("a value has bytes");
    /// let all = [Put::new(&userid, value)];
    /// assert_eq!(userdata.import(domain, &all, Clash::Refuse)?.stored.len(), 1);
    /// assert_eq!(userdata.import(domain, &all, Clash::Refuse)?.unchanged.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(values = values.len())))]
    pub fn import(
        &self,
        target: impl Into<Target>,
        values: &[Put<'_>],
        clash: Clash,
    ) -> Result<StoredAll, UserdataError> {
        self.put_all("import userdata for", target.into(), values, clash)
    }

    /// Puts the values. `what` says in an error what was done to the target.
    pub(crate) fn put_all(
        &self,
        what: &'static str,
        target: Target,
        values: &[Put<'_>],
        clash: Clash,
    ) -> Result<StoredAll, UserdataError> {
        let time_left = self.time_left();
        let store = || {
            let key = find_alive(&self.hypervisor, target)?;
            let op = Op::PutAll {
                values,
                clash,
                durability: self.options.durability,
            };
            let mut admit = |state: &_| admit_store(&self.hypervisor, &key, state);
            let done = self
                .store
                .change(&key, time_left.get(), &mut admit, &[op])?;
            match <[Done; 1]>::try_from(done) {
                Ok([Done::StoredAll(stored)]) => Ok(stored),
                _ => Err(no_outcome(&key)),
            }
        };
        store().map_err(|kind| UserdataError::of(what, None, target, kind))
    }
}
