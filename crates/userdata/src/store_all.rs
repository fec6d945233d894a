//! Storing several values of one domain at once.

use userdata_core::store::{Clash, Put, StoredAll};
use userdata_core::{Hypervisor, Store};

use crate::{Target, Userdata, UserdataError};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Stores several values of one domain, all of them or none, and replaces what is there. It is
    /// [`Userdata::import`] with [`Clash::Replace`].
    ///
    /// The lock is taken once. If the values are to be durable and at least eight change, they are
    /// written first and synced together, which makes a batch many times faster than single stores:
    /// on ext4, xfs and btrfs one sync of the file system before the first rename and one of each
    /// directory above the values after the last. The first also writes what other programs wrote
    /// to the same file system. On other file systems each file is synced.
    ///
    /// A reader may see some of the new values and not yet the others. A process that is killed,
    /// and a power cut, may leave some of them, each whole; the same call completes the batch.
    ///
    /// # Errors
    ///
    /// The errors of [`Userdata::store`]. No value is changed unless
    /// [`UserdataError::is_applied`]: then all are in place, and after a power cut some may have
    /// their old bytes again.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// use userdata::store::Put;
    /// use userdata::value::NonEmpty;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// let userids = [WritableUserid::new("agent")?, WritableUserid::new("console")?];
    /// let value = NonEmpty::new(b"state").expect("a value has bytes");
    /// let values = userids.each_ref().map(|userid| Put::new(userid, value));
    /// assert_eq!(userdata.store_all(domain, &values)?.stored.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn store_all(
        &self,
        target: impl Into<Target>,
        values: &[Put<'_>],
    ) -> Result<StoredAll, UserdataError> {
        self.put_all("store values for", target.into(), values, Clash::Replace)
    }
}
