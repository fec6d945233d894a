//! `Swept`: the reports of a sweep.

use std::fmt;
use std::time::Duration;

use userdata::Userdata;
use userdata::sweep::{Kept, Orphan, Sightings, SweepError, Verdict, What};
use userdata_core::file_name::Kind;
use userdata_core::{DomainKey, Hypervisor, Store, Userid, Uuid};

use super::Waits;
use super::report::Chain;

/// What a sweep sees of an incarnation that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It does not exist.
    Gone,
    /// The domain of its domid has this uuid.
    OtherUuid(Uuid),
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("its end"),
            Self::OtherUuid(uuid) => write!(f, "the uuid {uuid} of its domid"),
        }
    }
}

/// What a sweep saw of an incarnation, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The incarnation.
    pub domain: DomainKey,
    /// What was seen of it.
    pub sight: Sight,
    /// When the sweep began, by the clock of the host.
    pub at: Duration,
}

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
    /// The incarnations that it judged to be gone, and why.
    pub orphans: Vec<(DomainKey, Sight)>,
    /// The incarnations whose data it keeps, because sweeps have not yet seen this for long enough.
    pub waiting: Vec<(DomainKey, Sight)>,
    /// The incarnations that it found alive, dying or closing. Earlier sightings of them are void.
    pub there: Vec<DomainKey>,
    /// When it began, by the clock of the host; zero if that does not matter.
    pub began: Duration,
    /// The incarnations whose lock it did not get, or of which the hypervisor did not answer.
    pub unknown: Vec<DomainKey>,
    /// Why it ended early.
    pub error: Option<SweepError>,
}

impl Swept {
    /// Whether it failed to list a directory of a tree, which it had taken away and so removed.
    pub(crate) fn is_unlisted(&self) -> bool {
        let mut failed = self.failed.iter();
        failed.any(|why| why.starts_with("cannot list"))
    }

    /// Sweeps with the sightings of earlier sweeps.
    pub(crate) fn by<H: Hypervisor, S: Store>(
        userdata: &Userdata<H, S>,
        waits: &Waits,
        sightings: &mut Sightings,
    ) -> Self {
        let options = waits.options();
        let mut this = Self::default();
        let swept = userdata.sweep(&options, sightings, |told| match &told.what {
            What::Removed(record) if record.kind == Kind::Data => {
                this.removed.push((told.domain, record.userid.clone()));
            }
            What::Removed(_) => this.others += 1,
            What::Failed(error) | What::NotReclaimed(error) => {
                this.failed.push(Chain(error).to_string());
            }
            What::Judged => match told.verdict {
                Verdict::Orphan(orphan) => {
                    let sight = match orphan {
                        Orphan::OtherUuid { uuid, .. } => Sight::OtherUuid(*uuid),
                        _ => Sight::Gone,
                    };
                    this.orphans.push((told.domain, sight));
                }
                Verdict::Kept(Kept::OtherUuid { uuid, .. }) => {
                    this.waiting.push((told.domain, Sight::OtherUuid(*uuid)));
                }
                Verdict::Kept(Kept::Settling { .. }) => {
                    this.waiting.push((told.domain, Sight::Gone));
                }
                Verdict::Kept(Kept::Failed(error)) => {
                    this.failed.push(Chain(error).to_string());
                    this.unknown.push(told.domain);
                }
                Verdict::Kept(Kept::Busy | Kept::Unknown(_)) => this.unknown.push(told.domain),
                Verdict::Kept(Kept::Alive { .. } | Kept::Dying | Kept::Closing) => {
                    this.there.push(told.domain);
                }
                _ => {}
            },
            _ => {}
        });
        this.error = swept.err();
        this
    }

    /// What it saw of incarnations that are not there.
    pub(crate) fn seen(&self) -> impl Iterator<Item = Seen> {
        let seen = self.orphans.iter().chain(&self.waiting);
        seen.map(|(domain, sight)| Seen {
            domain: *domain,
            sight: *sight,
            at: self.began,
        })
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
