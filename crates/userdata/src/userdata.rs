//! `Userdata`: what programs call.

use std::time::Duration;

use userdata_core::store::Durability;
use userdata_core::{Hypervisor, Store};

use crate::Options;
use crate::waiting::TimeLeft;

/// The userdata of the domains of one host.
///
/// Nothing is cached: no call depends on an earlier one. Threads and processes may use the same
/// host and store at the same time. Threads may share a `Userdata`, or each have one.
///
/// Most methods take a [`Target`](crate::Target): a [`Domid`](crate::Domid), or better a
/// [`DomainKey`](crate::DomainKey), which names one incarnation.
#[derive(Clone, Debug)]
pub struct Userdata<H, S> {
    pub(crate) hypervisor: H,
    pub(crate) store: S,
    pub(crate) options: Options,
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// The userdata in `store` of the domains that `hypervisor` knows.
    ///
    /// ```
    /// use hv_sim::{HostOptions, SimHost};
    /// use userdata::Userdata;
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let directory = tempfile::tempdir()?;
    /// let host = SimHost::new(HostOptions::new(1));
    /// let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(hypervisor: H, store: S) -> Self {
        Self {
            hypervisor,
            store,
            options: Options::default(),
        }
    }

    /// Sets the timeout, which bounds all waits of one call for other processes together. With a
    /// timeout of zero, each lock is tried once. The store itself bounds the wait of a read for a
    /// file on which another process has a lease, see `FileStore::with_read_timeout`;
    /// [`Userdata::update`] may wait that long in addition, once.
    ///
    /// ```
    /// # use hv_sim::{HostOptions, SimHost};
    /// # use userdata::Userdata;
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// use std::time::Duration;
    ///
    /// let userdata = Userdata::new(host, FileStore::open(directory.path())?)
    ///     .with_timeout(Duration::from_millis(500));
    /// assert_eq!(userdata.options().timeout, Duration::from_millis(500));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets the durability of changes.
    ///
    /// ```
    /// # use hv_sim::{HostOptions, SimHost};
    /// # use userdata::Userdata;
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// use userdata::store::Durability;
    ///
    /// let userdata = Userdata::new(host, FileStore::open(directory.path())?)
    ///     .with_durability(Durability::Process); // as libxl: no power cut survived
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// The options with which changes are made.
    ///
    /// ```
    /// # use hv_sim::{HostOptions, SimHost};
    /// # use userdata::Userdata;
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// use std::time::Duration;
    /// use userdata::store::Durability;
    ///
    /// let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// assert_eq!(userdata.options().timeout, Duration::from_secs(10));
    /// assert_eq!(userdata.options().durability, Durability::Full);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn options(&self) -> Options {
        self.options
    }

    /// Starts the timeout of a call that begins now.
    pub(crate) fn time_left(&self) -> TimeLeft<'_, S> {
        TimeLeft::new(&self.store, self.options.timeout)
    }
}
