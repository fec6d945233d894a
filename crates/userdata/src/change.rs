//! Changing one value: store and remove.

use std::time::Duration;

use userdata_core::store::{Expect, Op};
use userdata_core::userid::UseridError;
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Hypervisor, Store, Userid, WritableUserid};

use crate::protocol::{admit_removal, admit_store, find, find_alive};
use crate::{Outcome, Target, Userdata, UserdataError, UserdataErrorKind};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Replaces the value under `userid`, or creates it. If `data` is empty, the value is removed.
    ///
    /// Replaces `libxl_userdata_store`. The change is atomic: a reader sees the whole old or the
    /// whole new value. That holds after a power cut as well, unless the durability is `Process`.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`], [`UserdataErrorKind::BeingDestroyed`], or an error of
    /// the store or the hypervisor. The old value stays unless [`UserdataError::is_applied`].
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
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store(domain, &userid, b"state")?;
    /// host.destroy(domain.domid)?;
    /// let error = userdata.store(domain, &userid, b"late").unwrap_err();
    /// assert!(error.is_no_such_domain());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "libxl_userdata_store")]
    pub fn store(
        &self,
        target: impl Into<Target>,
        userid: &WritableUserid,
        data: &[u8],
    ) -> Result<Outcome, UserdataError> {
        self.store_if(target, userid, data, Expect::Any)
    }

    /// As [`Userdata::store`], but only if the value is the expected one.
    ///
    /// # Errors
    ///
    /// Also [`UserdataError::is_conflict`]; the error then has the version of the value that is
    /// there.
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
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// use userdata::store::Expect;
    ///
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store_if(domain, &userid, b"first", Expect::Absent)?;
    /// let again = userdata.store_if(domain, &userid, b"second", Expect::Absent);
    /// assert!(again.unwrap_err().is_conflict());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(
        feature = "tracing",
        tracing::instrument(skip_all, fields(userid = %userid, bytes = data.len()))
    )]
    pub fn store_if(
        &self,
        target: impl Into<Target>,
        userid: &WritableUserid,
        data: &[u8],
        expect: Expect,
    ) -> Result<Outcome, UserdataError> {
        let target = target.into();
        let time_left = self.time_left();
        find_alive(&self.hypervisor, target)
            .and_then(|key| self.put(&key, userid, data, expect, time_left.get()))
            .map_err(|kind| UserdataError::of("store", Some(userid.as_userid()), target, kind))
    }

    /// Stores the bytes; if there are none, removes the value.
    pub(crate) fn put(
        &self,
        key: &DomainKey,
        userid: &WritableUserid,
        data: &[u8],
        expect: Expect,
        timeout: Duration,
    ) -> Result<Outcome, UserdataErrorKind> {
        let durability = self.options.durability;
        let op = match NonEmpty::new(data) {
            Some(data) => Op::Put {
                userid,
                data,
                expect,
                durability,
            },
            None => Op::Delete {
                userid: userid.as_userid(),
                expect,
                durability,
            },
        };
        let done = self.store.change(
            key,
            timeout,
            &mut |state| admit_store(&self.hypervisor, key, state),
            &[op],
        )?;
        Outcome::of(key, &done)
    }

    /// Removes the value under `userid`, no matter which program stored it. A link, FIFO or socket
    /// that has the value's name is removed, too. Allowed while the domain is being destroyed.
    ///
    /// Replaces `libxl_userdata_unlink`, but the removal of an absent value succeeds.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`]; [`UserdataErrorKind::Userid`] for `libxl-json`, see
    /// [`Userdata::remove_libxl_json`]; an error of the store or the hypervisor.
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
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// use userdata::Outcome;
    ///
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store(domain, &userid, b"state")?;
    /// assert!(matches!(userdata.remove(domain, &userid)?, Outcome::Removed { .. }));
    /// assert_eq!(userdata.remove(domain, &userid)?, Outcome::NothingToRemove);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "libxl_userdata_unlink")]
    pub fn remove(
        &self,
        target: impl Into<Target>,
        userid: impl AsRef<Userid>,
    ) -> Result<Outcome, UserdataError> {
        self.remove_if(target, userid, Expect::Any)
    }

    /// As [`Userdata::remove`], but only if the value is the expected one.
    ///
    /// # Errors
    ///
    /// Also [`UserdataError::is_conflict`]; the error then has the version of the value that is
    /// there.
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
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// use userdata::Version;
    /// use userdata::store::Expect;
    ///
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store(domain, &userid, b"mine")?;
    /// let other = Expect::Version(Version::of(b"another"));
    /// assert!(userdata.remove_if(domain, &userid, other).unwrap_err().is_conflict());
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_if(
        &self,
        target: impl Into<Target>,
        userid: impl AsRef<Userid>,
        expect: Expect,
    ) -> Result<Outcome, UserdataError> {
        let (target, userid) = (target.into(), userid.as_ref());
        if userid.is_libxl_json() {
            let kind = UserdataErrorKind::Userid(UseridError::LibxlJson);
            return Err(UserdataError::of("remove", Some(userid), target, kind));
        }
        self.delete(target, userid, expect)
    }

    /// Removes libxl's own record of a domain, without which `xl` assumes that the domain is being
    /// created or destroyed. It is a method of its own so that it does not happen by accident.
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::remove_if`].
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Outcome, Userdata};
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// use userdata::store::Expect;
    ///
    /// let outcome = userdata.remove_libxl_json(domain, Expect::Any)?;
    /// assert_eq!(outcome, Outcome::NothingToRemove);
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_libxl_json(
        &self,
        target: impl Into<Target>,
        expect: Expect,
    ) -> Result<Outcome, UserdataError> {
        self.delete(
            target.into(),
            WritableUserid::libxl_json().as_userid(),
            expect,
        )
    }

    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(userid = %userid)))]
    fn delete(
        &self,
        target: Target,
        userid: &Userid,
        expect: Expect,
    ) -> Result<Outcome, UserdataError> {
        let time_left = self.time_left();
        let change = |key: DomainKey| {
            let op = Op::Delete {
                userid,
                expect,
                durability: self.options.durability,
            };
            let done = self.store.change(
                &key,
                time_left.get(),
                &mut |_| admit_removal(&self.hypervisor, &key),
                &[op],
            )?;
            Outcome::of(&key, &done)
        };
        find(&self.hypervisor, target)
            .and_then(|domain| change(domain.key))
            .map_err(|kind| UserdataError::of("remove", Some(userid), target, kind))
    }
}
