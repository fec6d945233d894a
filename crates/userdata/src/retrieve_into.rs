//! Reading one value into the caller's buffer.

use userdata_core::{Hypervisor, Store, Userid};

use crate::{Target, Userdata, UserdataError};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Reads the value under `userid` into `buffer`, and returns its size in bytes; `None` if there
    /// is none. As [`Userdata::retrieve`], but with a [`FileStore`] it allocates no memory if the
    /// target is a key. A buffer with one byte more than the value has saves a system call.
    ///
    /// [`FileStore`]: https://docs.rs/userdata-fs
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::retrieve`]. If the value does not fit, the error is
    /// [`BufferTooSmall`](crate::store::StoreErrorKind::BufferTooSmall) with the size of the value,
    /// and the buffer is as it was. After any other error, and beyond the returned size, its bytes
    /// have no meaning.
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
    /// let mut buffer = [0; 100];
    /// let size = userdata.retrieve_into(domain, &userid, &mut buffer)?;
    /// assert_eq!(size.and_then(|size| buffer.get(..size)), Some(&b"state"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "libxl_userdata_retrieve")]
    #[cfg_attr(
        feature = "tracing",
        tracing::instrument(skip_all, fields(userid = %userid.as_ref()))
    )]
    pub fn retrieve_into(
        &self,
        target: impl Into<Target>,
        userid: impl AsRef<Userid>,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, UserdataError> {
        let (target, userid) = (target.into(), userid.as_ref());
        self.key_to_read(target)
            .and_then(|key| Ok(self.store.get_into(&key, userid, buffer)?))
            .map_err(|kind| UserdataError::of("retrieve", Some(userid), target, kind))
    }
}
