//! Sweeping: removing the data of every domain that does not exist.
//!
//! A sweep reads the names in the store once, then asks the hypervisor for its list. An incarnation
//! that is in the list, alive, is kept. The list proves nothing more: every other incarnation is
//! looked up by its own domid, under its own lock, and its data goes only on that answer.

mod error;
mod judge;
mod run;
mod sightings;
mod verdict;

use std::time::Duration;

use userdata_core::store::{Found, Record, StoreError};
use userdata_core::{DomainKey, Hypervisor, Store};

use crate::Userdata;
use run::Sweep;

pub use error::{SweepError, SweepErrorKind};
pub use sightings::Sightings;
pub use verdict::{Kept, Orphan, Verdict};

/// How a sweep judges and what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepOptions {
    /// For how long sweeps must have seen that the domain of a domid has another uuid, before the
    /// data of the former uuid goes; and how old a temporary file of a living domain must be.
    /// Default: one hour.
    pub grace: Duration,
    /// For how long sweeps must have seen that a domain is gone, before its data goes. Default:
    /// zero.
    pub settle: Duration,
    /// Whether everything stays, and what would go is only told. Default: false.
    pub dry_run: bool,
    /// Whether each record that stays is told, too. Default: false.
    pub explain: bool,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(3600),
            settle: Duration::ZERO,
            dry_run: false,
            explain: false,
        }
    }
}

/// One thing that a sweep tells while it works.
#[derive(Debug)]
#[non_exhaustive]
pub struct Swept<'a> {
    /// The incarnation.
    pub domain: DomainKey,
    /// What becomes of its data, and why.
    pub verdict: &'a Verdict,
    /// What is told.
    pub what: What<'a>,
}

/// What a sweep tells of one incarnation.
#[derive(Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// It is judged, and all that goes of it is told.
    Judged,
    /// The record was removed.
    Removed(&'a Record),
    /// The record could not be removed, or not durably.
    Failed(&'a StoreError),
    /// The record would be removed if this were not a dry run.
    WouldGo(&'a Found),
    /// The record stays.
    Stays(&'a Found),
}

/// What a sweep did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepTotals {
    /// How many incarnations had records.
    pub domains: u64,
    /// How many records they had.
    pub records: u64,
    /// How many of the incarnations do not exist.
    pub orphans: u64,
    /// How many records were removed; in a dry run, how many would be.
    pub removed: u64,
    /// How many records could not be removed, and domains not be judged because the store failed.
    pub failed: u64,
    /// How many records that no domain can reach were removed.
    pub reclaimed: u64,
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Removes the data of every domain that does not exist, by the hypervisor's answer about
    /// exactly this domain at the moment of the removal. libxl has no such call, and leaves behind
    /// what was stored while a domain was destroyed, and all data of a host that crashed.
    ///
    /// A domain that lives, or of which the hypervisor does not say whether it does, keeps its
    /// data; so does Domain-0. Where the domain of a domid has another uuid than the data, the data
    /// goes only when sweeps have seen exactly that for [`SweepOptions::grace`], which `sightings`
    /// carries from one sweep to the next: toolstacks change the uuid of a living domain during a
    /// migration. Of a living domain, temporary files of at least that age are removed, and closing
    /// marks that no process holds.
    ///
    /// `each` is told every record that is removed, at once. Nothing is synced: what a power cut
    /// brings back the next sweep removes. A sweep that is killed leaves nothing half done, and may
    /// be run again, or by several processes at once.
    ///
    /// # Errors
    ///
    /// If the sweep could not begin or go on: the hypervisor does not answer, or knows no Domain-0,
    /// or the layout of the store does not name the domids. What was told to `each` before has
    /// happened. A record that could not be removed is told to `each`, and does not end the sweep.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// use userdata::sweep::{Sightings, SweepOptions, What};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host.clone(), FileStore::open(directory.path())?);
    /// userdata.store(domain, &WritableUserid::new("agent")?, b"state")?;
    /// host.destroy(domain.domid)?; // by a toolstack that leaves its data behind
    /// let mut sightings = Sightings::new();
    /// let totals = userdata.sweep(&SweepOptions::default(), &mut sightings, |swept| {
    ///     if let What::Removed(record) = swept.what {
    ///         println!("{} {}: {}", swept.domain, record.userid, swept.verdict);
    ///     }
    /// })?;
    /// assert_eq!((totals.orphans, totals.removed), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn sweep(
        &self,
        options: &SweepOptions,
        sightings: &mut Sightings,
        each: impl FnMut(&Swept<'_>),
    ) -> Result<SweepTotals, SweepError> {
        let mut sweep = Sweep::new(self, options, each);
        // A dry run leaves no trace, not even here.
        let mut copy = sightings.clone();
        let sightings = if options.dry_run {
            &mut copy
        } else {
            sightings
        };
        match sweep.run(sightings) {
            Ok(()) => Ok(sweep.totals()),
            Err(kind) => Err(SweepError {
                totals: sweep.totals(),
                kind: Box::new(kind),
            }),
        }
    }
}
