//! Reading: one value, its size, and lists. No lock is taken and nothing is written.

use std::ops::ControlFlow;

use userdata_core::store::{Condition, Entry, Found, Operation, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Hypervisor, Store, Userid, Value};

use crate::protocol::find;
use crate::{Target, Userdata, UserdataError, UserdataErrorKind};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// The value under `userid`, or `None` if there is none.
    ///
    /// Replaces `libxl_userdata_retrieve`, but takes no lock and needs no right to write. Works
    /// while the domain is being destroyed. A [`DomainKey`] is not looked up, so that the data of a
    /// domain that is gone can be read.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`], or an error of the store or the hypervisor. A value
    /// that is empty or damaged is an error and never `None`.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, Userid, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// assert_eq!(userdata.retrieve(domain, &Userid::new("xl")?)?, None);
    /// userdata.store(domain, &WritableUserid::new("xl")?, b"memory = 512\n")?;
    /// let value = userdata.retrieve(domain, &Userid::new("xl")?)?;
    /// assert_eq!(value.map(|value| value.into_bytes()), Some(b"memory = 512\n".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "libxl_userdata_retrieve")]
    #[cfg_attr(
        feature = "tracing",
        tracing::instrument(skip_all, fields(userid = %userid.as_ref()))
    )]
    pub fn retrieve(
        &self,
        target: impl Into<Target>,
        userid: impl AsRef<Userid>,
    ) -> Result<Option<Value>, UserdataError> {
        let (target, userid) = (target.into(), userid.as_ref());
        self.key_to_read(target)
            .and_then(|key| Ok(self.store.get(&key, userid)?))
            .map_err(|kind| UserdataError::of("retrieve", Some(userid), target, kind))
    }

    /// The size of the value under `userid` in bytes, without reading it; `None` if there is none.
    ///
    /// Replaces `libxl_userdata_retrieve` with a null pointer for the data.
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::retrieve`].
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
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store(domain, &userid, b"state")?;
    /// assert_eq!(userdata.size(domain, &userid)?, Some(5));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(
        feature = "tracing",
        tracing::instrument(skip_all, fields(userid = %userid.as_ref()))
    )]
    pub fn size(
        &self,
        target: impl Into<Target>,
        userid: impl AsRef<Userid>,
    ) -> Result<Option<u64>, UserdataError> {
        let (target, userid) = (target.into(), userid.as_ref());
        let measure = |key| match self.store.stat(&key, userid)? {
            None => Ok(None),
            Some(entry) => size_of(&entry).map(Some),
        };
        self.key_to_read(target)
            .and_then(measure)
            .map_err(|kind| UserdataError::of("measure", Some(userid), target, kind))
    }

    /// Whether there is a value under `userid`, without reading it.
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::retrieve`].
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, Userid};
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// assert!(!userdata.exists(domain, &Userid::new("xl")?)?);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(
        feature = "tracing",
        tracing::instrument(skip_all, fields(userid = %userid.as_ref()))
    )]
    pub fn exists(
        &self,
        target: impl Into<Target>,
        userid: impl AsRef<Userid>,
    ) -> Result<bool, UserdataError> {
        self.size(target, userid).map(|size| size.is_some())
    }

    /// Every value of a domain, in order of userid. A [`DomainKey`] is not looked up.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`], or an error of the store or the hypervisor.
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
    /// userdata.store(domain, &WritableUserid::new("agent")?, b"state")?;
    /// for entry in userdata.list(domain)? {
    ///     println!("{}: {} bytes", entry.userid, entry.size);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn list(&self, target: impl Into<Target>) -> Result<Vec<Entry>, UserdataError> {
        let target = target.into();
        self.key_to_read(target)
            .and_then(|key| Ok(self.store.list(&key)?))
            .map_err(|kind| UserdataError::of("list the userdata of", None, target, kind))
    }

    /// Calls `each` with every record of every domain, existing or not, until `each` breaks.
    ///
    /// # Errors
    ///
    /// An error of the store.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, SimHost};
    /// # use userdata::Userdata;
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// use std::ops::ControlFlow;
    ///
    /// let mut bytes = 0;
    /// userdata.scan(|found| {
    ///     bytes += found.entry.size;
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn scan(
        &self,
        mut each: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), UserdataError> {
        let scanned = self.store.scan(&mut each);
        scanned.map_err(|error| UserdataError::of_all("list the userdata of", error.into()))
    }

    /// The key under which data is read. A domid is looked up, a key is not.
    pub(crate) fn key_to_read(&self, target: Target) -> Result<DomainKey, UserdataErrorKind> {
        match target {
            Target::Key(key) => Ok(key),
            Target::Domid(_) => find(&self.hypervisor, target).map(|domain| domain.key),
        }
    }
}

/// The size of the value, or the error that a read of it would give.
fn size_of(entry: &Entry) -> Result<u64, UserdataErrorKind> {
    let kind = match entry.condition {
        Condition::Whole => return Ok(entry.size),
        Condition::NotRegular(file_type) => StoreErrorKind::NotRegular(file_type),
        Condition::Damaged => StoreErrorKind::Damaged("its record cannot be read".into()),
        _ => StoreErrorKind::Empty,
    };
    let userid = entry.userid.as_bytes();
    Err(UserdataErrorKind::Store(StoreError::new(
        Operation::Inspect,
        userid,
        kind,
    )))
}
