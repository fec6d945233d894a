//! `Report`: what the facade returned.

use std::fmt;

use userdata::{Outcome, UserdataError};
use userdata_core::store::{Cleared, Durability, Entry, StoreError, StoredAll, Transferred};
use userdata_core::{DomainKey, Userid, Value};

use super::swept::Swept;

/// The result that the facade returned.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// A value was stored or removed.
    Changed(Outcome),
    /// A domain's data was removed; with the problems that a toolstack would log.
    Cleared(Option<Cleared>, Vec<UserdataError>),
    /// The domain was not destroyed, and its data stays; with the problems that a toolstack would
    /// log.
    StillThere(Vec<UserdataError>),
    /// The hypervisor does not answer whether the domain was destroyed, and its data stays; with
    /// the problems that a toolstack would log.
    Unknown(Vec<UserdataError>),
    /// The value that was read, if there is one.
    Read(Option<Value>),
    /// The entries that were listed.
    Listed(Vec<Entry>),
    /// Several values were stored.
    StoredAll(StoredAll),
    /// Values of many domains were stored, or could not be; each domain has its own result.
    StoredEach(Vec<(DomainKey, Result<StoredAll, UserdataError>)>),
    /// Values were carried to another domain.
    Carried(Transferred),
    /// Every archive was refused.
    AllRefused,
    /// All values of a domain were exported, and then it was destroyed.
    Exported {
        /// The values.
        values: Vec<(Userid, Value)>,
        /// The report of the destroy.
        then: Box<Report>,
    },
    /// All domains were judged.
    Swept(Swept),
    /// It failed.
    Failed(UserdataError),
    /// It returned something that it must never return.
    Nonsense(String),
}

impl Report {
    /// Whether names that were changed before are on the disk for certain, as it says.
    #[must_use]
    pub fn says_synced(&self) -> bool {
        match self {
            Self::Changed(Outcome::Stored { durability, .. } | Outcome::Removed { durability }) => {
                *durability == Durability::Full
            }
            Self::Cleared(Some(cleared), _) => {
                cleared.durability == Durability::Full
                    && (!cleared.removed.is_empty() || !cleared.others.is_empty())
            }
            Self::StoredAll(stored) => is_synced(stored),
            Self::StoredEach(results) => {
                let mut results = results.iter();
                results.all(|(_, result)| result.as_ref().is_ok_and(is_synced))
            }
            Self::Carried(carried) => {
                carried.durability == Durability::Full && !carried.moved.is_empty()
            }
            _ => false,
        }
    }

    /// What it says of a domain that it concerns, if it says it of each by itself.
    pub(crate) fn of_domain(
        &self,
        domain: &DomainKey,
    ) -> Option<Result<&StoredAll, &UserdataError>> {
        let Self::StoredEach(results) = self else {
            return None;
        };
        let mut results = results.iter();
        let (_, result) = results.find(|(of, _)| of == domain)?;
        Some(result.as_ref())
    }

    /// The errors with which it says that the call failed, as a whole or for one domain.
    pub(crate) fn failures(&self) -> Vec<&UserdataError> {
        match self {
            Self::Failed(error) => vec![error],
            Self::StoredEach(results) => {
                let failed = results
                    .iter()
                    .filter_map(|(_, result)| result.as_ref().err());
                failed.collect()
            }
            _ => Vec::new(),
        }
    }

    /// The temporary files that it says could not be removed, although all values are in place.
    pub(crate) fn not_removed(&self) -> Vec<&StoreError> {
        match self {
            Self::StoredAll(stored) => stored.failed.iter().collect(),
            Self::StoredEach(results) => {
                let stored = results
                    .iter()
                    .filter_map(|(_, result)| result.as_ref().ok());
                stored.flat_map(|stored| &stored.failed).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Whether names that were changed before are on the disk for certain.
pub(crate) fn is_synced(stored: &StoredAll) -> bool {
    stored.durability == Durability::Full && !stored.stored.is_empty()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(outcome) => write!(f, "{outcome:?}"),
            Self::Cleared(Some(cleared), problems) => {
                let (removed, others) = (cleared.removed.len(), cleared.others.len());
                write!(f, "removed {removed} and {others} ({})", cleared.durability)?;
                cleared
                    .failed
                    .iter()
                    .try_for_each(|error| write!(f, "; {}", Chain(error)))?;
                problems
                    .iter()
                    .try_for_each(|error| write!(f, "; {}", Chain(error)))
            }
            Self::Cleared(None, problems)
            | Self::StillThere(problems)
            | Self::Unknown(problems) => {
                f.write_str(match self {
                    Self::Cleared(..) => "destroyed",
                    Self::Unknown(_) => "unknown whether destroyed",
                    _ => "still there",
                })?;
                problems
                    .iter()
                    .try_for_each(|error| write!(f, "; {}", Chain(error)))
            }
            Self::Read(None) => f.write_str("no value"),
            Self::Read(Some(value)) => write!(f, "\"{}\"", value.as_bytes().escape_ascii()),
            Self::Listed(entries) => {
                let mut entries = entries.iter();
                entries.try_for_each(|entry| write!(f, "{} ", entry.userid))
            }
            Self::StoredAll(stored) => {
                let (new, unchanged) = (stored.stored.len(), stored.unchanged.len());
                write!(
                    f,
                    "stored {new}, {unchanged} unchanged ({})",
                    stored.durability
                )
            }
            Self::StoredEach(results) => {
                results
                    .iter()
                    .try_for_each(|(domain, result)| match result {
                        Ok(stored) => write!(f, "{}: {} new; ", domain.domid, stored.stored.len()),
                        Err(error) => write!(f, "{}: {}; ", domain.domid, Chain(error)),
                    })
            }
            Self::Carried(carried) => {
                let (moved, kept) = (carried.moved.len(), carried.kept.len());
                write!(f, "carried {moved}, kept {kept} ({})", carried.durability)
            }
            Self::AllRefused => f.write_str("every archive was refused"),
            Self::Exported { values, then } => write!(f, "exported {}; {then}", values.len()),
            Self::Swept(swept) => swept.fmt(f),
            Self::Failed(error) => write!(f, "{}", Chain(error)),
            Self::Nonsense(why) => f.write_str(why),
        }
    }
}

/// An error with all its causes.
pub(super) struct Chain<'a>(pub(super) &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
