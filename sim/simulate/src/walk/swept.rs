//! `Swept`: the reports of a sweep.

use std::fmt;
use std::time::Duration;

use userdata::Userdata;
use userdata::sweep::{Kept, Orphan, Sightings, SweepError, SweepOptions, Verdict, What};
use userdata_core::file_name::Kind;
use userdata_core::{DomainKey, Hypervisor, Store, Userid, Uuid};

use super::report::Chain;

/// The reports of a sweep.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Swept {
    /// The values that it removed.
    pub removed: Vec<(DomainKey, Userid)>,
    /// How many other records it removed.
    pub others: usize,
    /// The errors about records that it could not remove, and domains that it could not judge.
    pub failed: Vec<String>,
    /// The incarnations that it judged to be gone.
    pub orphans: Vec<DomainKey>,
    /// The orphans that it judged so because their domids belong to these uuids.
    pub displaced: Vec<(DomainKey, Uuid)>,
    /// The incarnations whose domids it saw to belong to these uuids, orphans included.
    pub seen: Vec<(DomainKey, Uuid)>,
    /// When it began, by the clock of the host; zero if that does not matter.
    pub began: Duration,
    /// The incarnations whose lock it did not get, or of which the hypervisor did not answer.
    pub unknown: Vec<DomainKey>,
    /// Why it ended early.
    pub error: Option<SweepError>,
}

impl Swept {
    /// Sweeps with the sightings of earlier sweeps.
    pub(crate) fn by<H: Hypervisor, S: Store>(
        userdata: &Userdata<H, S>,
        grace: Duration,
        sightings: &mut Sightings,
    ) -> Self {
        let mut options = SweepOptions::default();
        options.grace = grace;
        let mut this = Self::default();
        let swept = userdata.sweep(&options, sightings, |told| match &told.what {
            What::Removed(record) if record.kind == Kind::Data => {
                this.removed.push((told.domain, record.userid.clone()));
            }
            What::Removed(_) => this.others += 1,
            What::Failed(error) => this.failed.push(Chain(error).to_string()),
            What::Judged => match told.verdict {
                Verdict::Orphan(orphan) => {
                    this.orphans.push(told.domain);
                    if let Orphan::OtherUuid { uuid, .. } = orphan {
                        this.seen.push((told.domain, *uuid));
                        this.displaced.push((told.domain, *uuid));
                    }
                }
                Verdict::Kept(Kept::OtherUuid { uuid, .. }) => {
                    this.seen.push((told.domain, *uuid));
                }
                Verdict::Kept(Kept::Failed(error)) => {
                    this.failed.push(Chain(error).to_string());
                    this.unknown.push(told.domain);
                }
                Verdict::Kept(Kept::Busy | Kept::Unknown(_)) => this.unknown.push(told.domain),
                _ => {}
            },
            _ => {}
        });
        this.error = swept.err();
        this
    }

    /// Whether it removed the value of this userid of this incarnation.
    #[must_use]
    pub fn has_removed(&self, domain: &DomainKey, userid: &Userid) -> bool {
        let mut removed = self.removed.iter();
        removed.any(|(of, removed)| of == domain && removed == userid)
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (removed, orphans) = (self.removed.len(), self.orphans.len());
        let (others, unknown) = (self.others, self.unknown.len());
        write!(
            f,
            "swept {removed} values and {others} others of {orphans}, {unknown} unknown"
        )?;
        for failed in &self.failed {
            write!(f, "; {failed}")?;
        }
        match &self.error {
            Some(error) => write!(f, "; {}", Chain(error)),
            None => Ok(()),
        }
    }
}
