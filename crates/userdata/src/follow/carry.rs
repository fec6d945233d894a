//! Carry: moving values from one domain to another on the same host.

use userdata_core::store::{State, Transfer, Transferred};
use userdata_core::{DomainKey, Hypervisor, Store};

use super::Selection;
use crate::protocol::{admit_store, find_alive};
use crate::{Target, Userdata, UserdataError, UserdataErrorKind};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Moves the values of one incarnation, which may live or be gone, to a domain that lives. This
    /// is for toolstacks that create the new domain before they destroy the old one, and for a
    /// domain whose uuid was changed. At every instant each value belongs to exactly one of the
    /// two.
    ///
    /// A value that is stored for the old domain afterwards stays there; such a store is refused if
    /// the carry is made within [`Userdata::destroy`] of the old domain. If the process is killed,
    /// the same call completes the carry. If there is nothing to carry, the call succeeds.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::SameDomain`]; [`UserdataErrorKind::NoSuchDomain`] or
    /// [`UserdataErrorKind::BeingDestroyed`] for the new domain. If the new domain already has one
    /// of the values with other bytes, nothing is changed, and
    /// [`is_conflict`](UserdataError::is_conflict) of the error is true.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// use userdata::follow::Selection;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let (old, new) = (host.create(NewDomain::new())?, host.create(NewDomain::new())?);
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store(old, &userid, b"state")?;
    /// userdata.carry(old, new, &Selection::new())?;
    /// assert!(userdata.retrieve(old, &userid)?.is_none());
    /// assert!(userdata.retrieve(new, &userid)?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn carry(
        &self,
        from: DomainKey,
        to: impl Into<Target>,
        which: &Selection,
    ) -> Result<Transferred, UserdataError> {
        let target = to.into();
        let time_left = self.time_left();
        let transfer = || {
            let to = find_alive(&self.hypervisor, target)?;
            if from == to {
                return Err(UserdataErrorKind::SameDomain);
            }
            let has = |userid: &_| which.has(userid);
            let transfer = Transfer::new(from, to, &has).with_durability(self.options.durability);
            // The old domain may be marked as closing: its values are moved before they would be
            // removed.
            let mut admit = |_: &State, state: &State| admit_store(&self.hypervisor, &to, state);
            Ok(self
                .store
                .transfer(&transfer, time_left.get(), &mut admit)?)
        };
        transfer().map_err(|kind| UserdataError::of("carry userdata to", None, target, kind))
    }
}
