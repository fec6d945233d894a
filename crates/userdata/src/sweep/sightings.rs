//! `Sightings`: since when sweeps have seen that a domain is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use userdata_core::hypervisor::BootId;
use userdata_core::{DomainKey, Uuid};

/// For each incarnation that has data: since when sweeps have seen that it is gone, or that its
/// domid belongs to another uuid. The caller keeps the sightings from one sweep to the next. If
/// they are lost, data stays longer, never shorter. In a pool they also tell since when data that
/// was released to this host is unclaimed.
///
/// The times are those of the store's clock, which begins at the boot of the host. Sightings of
/// another boot are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sightings {
    boot: Option<BootId>,
    seen: BTreeMap<DomainKey, Sighting>,
    /// In a pool: the data that was released to this host and that no domain here has claimed.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "BTreeMap::is_empty")
    )]
    unclaimed: BTreeMap<Uuid, Release>,
}

/// A release of data to this host, and since when no domain of its uuid was seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Release {
    revision: i64,
    since: Duration,
}

/// What was seen of one incarnation, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Sighting {
    sight: Sight,
    since: Duration,
}

/// What is seen of an incarnation that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub(crate) enum Sight {
    /// It does not exist.
    Gone,
    /// The domain of its domid has this uuid.
    OtherUuid(Uuid),
}

impl Sightings {
    /// No sightings, as before the first sweep.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of sightings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len() + self.unclaimed.len()
    }

    /// Whether there are no sightings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.unclaimed.is_empty()
    }

    /// Keeps only the sightings that `other` has as well, each with the later of the two times. A
    /// caller needs this if another sweep has replaced the sightings with which its own sweep
    /// began: a sighting that only one of the two has may not have been true all the time.
    pub fn agree_with(&mut self, other: &Self) {
        if self.boot != other.boot {
            self.seen.clear();
            self.unclaimed.clear();
        }
        self.unclaimed.retain(|uuid, mine| {
            let theirs = other.unclaimed.get(uuid);
            let theirs = theirs.filter(|theirs| theirs.revision == mine.revision);
            if let Some(theirs) = theirs {
                mine.since = mine.since.max(theirs.since);
            }
            theirs.is_some()
        });
        self.seen.retain(|domain, mine| {
            let theirs = other.seen.get(domain);
            let theirs = theirs.filter(|theirs| theirs.sight == mine.sight);
            if let Some(theirs) = theirs {
                mine.since = mine.since.max(theirs.since);
            }
            theirs.is_some()
        });
    }

    /// Forgets every sighting that may be of another boot: all of them if the boot is another one
    /// or unknown, and those that are later than now.
    ///
    /// [`Userdata::sweep`](crate::Userdata::sweep) does this itself, but in a dry run only to a
    /// copy. `now` is the time by [`Store::now`](userdata_core::Store::now).
    pub fn begin(&mut self, boot: Option<BootId>, now: Duration) {
        if boot.is_none() || self.boot != boot {
            self.seen.clear();
            self.unclaimed.clear();
        }
        self.boot = boot;
        self.seen.retain(|_, sighting| sighting.since <= now);
        self.unclaimed.retain(|_, release| release.since <= now);
    }

    /// Records that the data of this uuid was released to this host, in this revision of the pool,
    /// and that no domain of the uuid is here. Returns for how long sweeps have seen exactly that;
    /// zero if none has before now.
    pub fn see_unclaimed(&mut self, uuid: Uuid, revision: i64, now: Duration) -> Duration {
        let new = Release {
            revision,
            since: now,
        };
        let known = self.unclaimed.entry(uuid).or_insert(new);
        if known.revision != revision {
            *known = new;
        }
        now.saturating_sub(known.since)
    }

    /// Forgets the unclaimed data for which `stays` returns false: it was claimed or removed, or a
    /// domain of its uuid is here.
    pub fn retain_unclaimed(&mut self, mut stays: impl FnMut(Uuid) -> bool) {
        self.unclaimed.retain(|uuid, _| stays(*uuid));
    }

    /// Records a sighting, and returns for how long it has been the same.
    pub(crate) fn see(&mut self, domain: &DomainKey, sight: Sight, now: Duration) -> Duration {
        let new = Sighting { sight, since: now };
        let known = self.seen.entry(*domain).or_insert(new);
        if known.sight != sight {
            *known = new;
        }
        now.saturating_sub(known.since)
    }

    /// Forgets a domain that exists, or whose data is gone.
    pub(crate) fn forget(&mut self, domain: &DomainKey) {
        self.seen.remove(domain);
    }

    /// Forgets every domain for which `stays` returns false.
    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&DomainKey) -> bool) {
        self.seen.retain(|domain, _| stays(domain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn key() -> DomainKey {
        "5.11111111-2222-3333-4444-abcdef555555".parse().unwrap()
    }

    #[test]
    fn only_the_same_sighting_grows_old() {
        let other = Sight::OtherUuid(Uuid::from_u128(7));
        let mut sightings = Sightings::new();
        assert_eq!(sightings.see(&key(), Sight::Gone, SECOND), Duration::ZERO);
        assert_eq!(sightings.see(&key(), Sight::Gone, SECOND * 3), SECOND * 2);
        assert_eq!(sightings.see(&key(), other, SECOND * 4), Duration::ZERO);
        assert_eq!(sightings.see(&key(), other, SECOND * 9), SECOND * 5);
        let third = Sight::OtherUuid(Uuid::from_u128(8));
        assert_eq!(sightings.see(&key(), third, SECOND * 9), Duration::ZERO);
        sightings.forget(&key());
        assert!(sightings.is_empty());
    }

    #[test]
    fn of_two_sweeps_only_what_both_saw_counts() {
        let other_uuid = Sight::OtherUuid(Uuid::from_u128(7));
        let [mine, theirs, both, differs] = [1, 2, 3, 4].map(|n| {
            let domid = userdata_core::Domid::new(n).unwrap();
            DomainKey::new(domid, key().uuid)
        });
        let (mut own, mut other) = (Sightings::new(), Sightings::new());
        own.see(&mine, Sight::Gone, SECOND);
        own.see(&both, Sight::Gone, SECOND * 2);
        own.see(&differs, Sight::Gone, SECOND);
        other.see(&theirs, Sight::Gone, SECOND);
        other.see(&both, Sight::Gone, SECOND * 5);
        other.see(&differs, other_uuid, SECOND);
        own.agree_with(&other);
        let mut expected = Sightings::new();
        expected.see(&both, Sight::Gone, SECOND * 5);
        assert_eq!(own, expected);
        other.begin(Some("one".parse().unwrap()), SECOND * 9);
        own.agree_with(&other);
        assert!(own.is_empty());
    }

    #[test]
    fn another_boot_or_a_later_time_counts_for_nothing() {
        let boots = ["one", "two"].map(|text| Some(text.parse::<BootId>().unwrap()));
        let [one, two] = boots;
        let mut sightings = Sightings::new();
        sightings.begin(one.clone(), SECOND);
        sightings.see(&key(), Sight::Gone, SECOND);
        for (boot, now, stays) in [
            (one.clone(), SECOND, true),
            (two, SECOND * 9, false),
            (None, SECOND * 9, false),
            (one, Duration::ZERO, false),
        ] {
            let mut later = sightings.clone();
            later.begin(boot, now);
            assert_eq!(!later.is_empty(), stays);
        }
    }
    #[test]
    fn only_the_same_release_grows_old() {
        let uuid = key().uuid;
        let mut sightings = Sightings::new();
        for (revision, now, seen) in [(7, 1, 0), (7, 1, 0), (7, 3, 2), (8, 4, 0), (8, 9, 5)] {
            let found = sightings.see_unclaimed(uuid, revision, SECOND * now);
            assert_eq!(found, SECOND * seen);
        }
        sightings.retain_unclaimed(|seen| seen != uuid);
        assert!(sightings.is_empty());
    }

    #[test]
    fn unclaimed_data_is_seen_anew_after_a_boot_and_without_agreement() {
        let one: BootId = "one".parse().unwrap();
        let uuid = key().uuid;
        let seen = |revision, since| {
            let mut sightings = Sightings::new();
            sightings.begin(Some(one.clone()), SECOND);
            sightings.see_unclaimed(uuid, revision, SECOND * since);
            sightings
        };
        for (boot, now, stays) in [
            (Some(one.clone()), 1, true),
            (Some(one.clone()), 0, false),
            (Some("two".parse().unwrap()), 1, false),
            (None, 1, false),
        ] {
            let mut sightings = seen(7, 1);
            sightings.begin(boot, SECOND * now);
            assert_eq!(!sightings.is_empty(), stays);
        }
        let mut own = seen(7, 1);
        own.agree_with(&seen(7, 3));
        assert_eq!(own, seen(7, 3));
        own.agree_with(&seen(8, 3));
        assert!(own.is_empty());
        let mut of_no_boot = Sightings::new();
        of_no_boot.see_unclaimed(uuid, 7, SECOND);
        of_no_boot.agree_with(&seen(7, 1));
        assert!(of_no_boot.is_empty());
    }
}
