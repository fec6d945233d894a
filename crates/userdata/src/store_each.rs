//! Storing values of many domains at once.

use userdata_core::store::{PutEach, StoredAll};
use userdata_core::{Hypervisor, Store};

use crate::clear::no_outcome;
use crate::protocol::{admit_store, find_alive};
use crate::store::Put;
use crate::{Target, Userdata, UserdataError};

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Stores values of many domains, and replaces what is there. For each domain it is all of them
    /// or none, as with [`Userdata::store_all`]; a domain that is refused does not stop the others.
    /// Returns the result for each domain, in order. If a domain is named twice, the later values
    /// are stored later.
    ///
    /// A [`FileStore`] on ext4, xfs and btrfs stores up to 64 domains with one sync of the file
    /// system and one of each directory, which makes durable stores many times faster. It keeps
    /// these domains locked until the values are durable. It waits for no lock meanwhile: a domain
    /// that another process has locked is stored after those, with a timeout of its own.
    ///
    /// A process that is killed, and a power cut, may leave a part of a domain's values, each
    /// whole, also in a tree; the same call completes them.
    ///
    /// [`FileStore`]: https://docs.rs/userdata-fs
    ///
    /// # Errors
    ///
    /// For each domain, the errors of [`Userdata::store_all`].
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
    /// # let (web, mail) = (host.create(NewDomain::new())?, host.create(NewDomain::new())?);
    /// # host.destroy(mail.domid)?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// let userid = WritableUserid::new("agent")?;
    /// let value = NonEmpty::new(b"state").expect("a value has bytes");
    /// let values = [Put::new(&userid, value)];
    /// // The domain `mail` was destroyed.
    /// let results = userdata.store_each(&[(web.into(), &values), (mail.into(), &values)]);
    /// assert!(matches!(&results[..], [Ok(_), Err(error)] if error.is_no_such_domain()));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(domains = values.len())))]
    pub fn store_each(
        &self,
        values: &[(Target, &[Put<'_>])],
    ) -> Vec<Result<StoredAll, UserdataError>> {
        let found = values.iter().map(|(target, values)| {
            let key = find_alive(&self.hypervisor, *target)?;
            Ok(PutEach::new(key, values))
        });
        let found: Vec<Result<PutEach<'_>, _>> = found.collect();
        let puts: Vec<PutEach<'_>> = found.iter().flatten().copied().collect();
        let stored = self.store.put_each(
            &puts,
            self.options.timeout,
            self.options.durability,
            &mut |key, state| admit_store(&self.hypervisor, key, state),
        );
        let mut stored = stored.into_iter();
        let results = found.into_iter().zip(values).map(|(found, (target, _))| {
            let result = found.and_then(|put| match stored.next() {
                Some(result) => Ok(result?),
                None => Err(no_outcome(&put.domain)),
            });
            result.map_err(|kind| UserdataError::of("store values for", None, *target, kind))
        });
        results.collect()
    }
}
