//! Sweeping: removing the data of every domain that does not exist.
//!
//! A sweep reads the names in the store once, then asks the hypervisor for its list. An incarnation
//! that is in the list, alive, is kept. The list proves nothing more: every other incarnation is
//! looked up by its own domid, under its own lock, and only that answer decides whether its data is
//! removed. A dry run takes no lock.

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

/// How a sweep judges, and how much it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepOptions {
    /// If the domain of a domid has another uuid than the data, the data is removed once sweeps
    /// have seen this for so long. A temporary file of a living domain is removed at this age.
    /// Default: one hour.
    pub grace: Duration,
    /// If a domain is gone, its data is removed once sweeps have seen this for so long. Data under
    /// another uuid waits for the longer of `grace` and `settle`. Default: zero.
    pub settle: Duration,
    /// If true, nothing is removed, and the sweep only reports what it would remove. Default:
    /// false.
    pub dry_run: bool,
    /// If true, the sweep also reports each record that stays. Default: false.
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

/// One report of a sweep, made while it works.
#[derive(Debug)]
#[non_exhaustive]
pub struct Swept<'a> {
    /// The incarnation.
    pub domain: DomainKey,
    /// The decision about its data, and the reason.
    pub verdict: &'a Verdict,
    /// The event that is reported.
    pub what: What<'a>,
}

/// An event of a sweep, about one incarnation.
#[derive(Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// The incarnation is judged. Unless this is a dry run, each record that was removed is
    /// reported before this.
    Judged,
    /// The record was removed.
    Removed(&'a Record),
    /// The record could not be removed, or not durably.
    Failed(&'a StoreError),
    /// The record would be removed if this were not a dry run.
    WouldGo(&'a Found),
    /// The record stays.
    Stays(&'a Found),
    /// Something that no domain can reach could not be removed: see [`Store::reclaim`]. Or the
    /// record that names the incarnation is damaged: see
    /// [`Owned::damaged`](userdata_core::store::Owned). This is about no known incarnation, so it
    /// is given as Domain-0 with the nil uuid.
    NotReclaimed(&'a StoreError),
}

/// What a sweep did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepTotals {
    /// How many incarnations had records.
    pub domains: u64,
    /// How many records they had.
    pub records: u64,
    /// How many of the incarnations were found to be orphans. Data that still waits for `grace` or
    /// `settle` does not count.
    pub orphans: u64,
    /// How many records were removed; in a dry run, how many would be.
    pub removed: u64,
    /// How many records could not be removed, plus how many domains could not be judged because the
    /// store failed.
    pub failed: u64,
    /// How many records [`Store::reclaim`] removed, which no domain can reach.
    pub reclaimed: u64,
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Removes the data of every domain that does not exist. The hypervisor is asked about exactly
    /// this domain at the moment of the removal. libxl has no such call, and leaves behind what was
    /// stored while a domain was destroyed, and all data of a host that crashed.
    ///
    /// A domain that lives keeps its data. So does Domain-0, and a domain about which the
    /// hypervisor does not answer. If the domain of a domid has another uuid than the data, the
    /// data is removed only once sweeps have seen exactly that for [`SweepOptions::grace`], since
    /// toolstacks change the uuid of a living domain during a migration; `sightings` carries this
    /// from one sweep to the next. Of a living domain, temporary files of at least that age are
    /// removed, and closing marks that no process holds.
    ///
    /// `each` is called for every record as soon as it is removed. Nothing is synced: if a power
    /// cut brings a record back, the next sweep removes it. A sweep that is killed leaves nothing
    /// half done, and may be run again, or by several processes at once.
    ///
    /// # Errors
    ///
    /// If the sweep could not begin or continue: the hypervisor does not answer, or knows no
    /// Domain-0, or the names in the store contain no domids. Everything that was reported to
    /// `each` before has happened. A record that could not be removed is reported to `each`, and
    /// does not end the sweep.
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
