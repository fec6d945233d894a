//! The sweep of data that was released to this host and never claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use userdata::store::{HostName, Stage};
use userdata::sweep::{Sightings, SweepTotals};
use userdata::{DomainKey, Hypervisor as _, Store as _};
use userdata_pool::{Fate, Unclaimed as Found};

use super::report::{Action, Reason, Report};
use crate::arguments::Sweep;
use crate::chain::chain;
use crate::failure::Failure;
use crate::host::Host;
use crate::pool::Pool;

/// The domains of this host that move to another one, and that host. A move to the own host ends
/// with the boot, so only the pool knows whether its data is released or removed.
pub(super) fn moves(pool: &Pool, me: &HostName) -> Result<BTreeMap<DomainKey, HostName>, Failure> {
    let placed = pool.roster()?.placed.into_iter();
    let moving = placed.filter_map(|placed| {
        let home = placed.home.filter(|home| home.host == *me)?;
        match home.stage {
            Stage::Moving(to) if to != *me => Some((DomainKey::new(home.domid, placed.uuid), to)),
            _ => None,
        }
    });
    Ok(moving.collect())
}

/// The part of a sweep that is about unclaimed data: it goes on with the totals and the report.
pub(super) struct Unclaimed<'a> {
    totals: SweepTotals,
    report: &'a mut Report,
}

impl<'a> Unclaimed<'a> {
    pub(super) fn new(totals: SweepTotals, report: &'a mut Report) -> Self {
        Self { totals, report }
    }

    pub(super) const fn totals(&self) -> SweepTotals {
        self.totals
    }

    pub(super) fn sweep(
        &mut self,
        arguments: &Sweep,
        pool: &Pool,
        host: &Host,
        sightings: &mut Sightings,
    ) -> Result<(), Failure> {
        let now = pool.now();
        sightings.begin(host.boot().ok(), now);
        let mut waiting = BTreeSet::new();
        let mut seen_for = |uuid, revision| sightings.see_unclaimed(uuid, revision, now);
        let mut each = |found: &Found| {
            if stays_seen(&found.fate) {
                waiting.insert(found.domain.uuid);
            }
            self.tell(arguments, found);
        };
        pool.sweep_unclaimed(
            host,
            arguments.grace,
            arguments.dry_run,
            &mut seen_for,
            &mut each,
        )?;
        sightings.retain_unclaimed(|uuid| waiting.contains(&uuid));
        Ok(())
    }

    fn tell(&mut self, arguments: &Sweep, found: &Found) {
        let (fate, domain) = (&found.fate, &found.domain);
        count(&mut self.totals, fate, found.values.len() as u64);
        let reason = reason(found.source.as_str(), fate, arguments.grace);
        if let Fate::Unknown(_) | Fate::NoDomain0 | Fate::Failed(_) = fate {
            self.report.not_judged(domain, reason.clone());
        }
        let action = action(fate, arguments.dry_run);
        if arguments.explain {
            self.report.home(domain, action, None, &reason);
        }
        if action != Action::Kept || arguments.explain {
            for userid in &found.values {
                self.report.value(action, domain, userid, &reason);
            }
        }
    }
}

fn count(totals: &mut SweepTotals, fate: &Fate, values: u64) {
    totals.domains += 1;
    // A home without a value is a record, too.
    totals.records += values.max(1);
    match fate {
        Fate::Goes { .. } => {
            totals.orphans += 1;
            totals.removed += values;
        }
        Fate::Failed(_) => totals.failed += 1,
        _ => {}
    }
}

const fn action(fate: &Fate, dry_run: bool) -> Action {
    match fate {
        Fate::Goes { .. } if dry_run => Action::WouldRemove,
        Fate::Goes { .. } => Action::Removed,
        _ => Action::Kept,
    }
}

/// Whether it is still unclaimed after this sweep, or may be: what was seen of it holds.
const fn stays_seen(fate: &Fate) -> bool {
    !matches!(fate, Fate::Goes { .. } | Fate::MayBeClaimed)
}

fn reason(source: &str, fate: &Fate, grace: Duration) -> Reason {
    let (word, text) = match fate {
        Fate::Goes { seen } => {
            let seconds = seen.as_secs();
            let text =
                format!("{source} released it and no domain claimed it, seen for {seconds} s");
            ("unclaimed", text)
        }
        Fate::Waits { seen } => {
            let seconds = seen.as_secs();
            let grace = grace.as_secs();
            let text = format!(
                "{source} released it and no domain claimed it, seen for {seconds} s only; \
                 it goes after {grace} s (--grace)"
            );
            ("unclaimed", text)
        }
        Fate::MayBeClaimed => {
            let text = format!("{source} released it, and a domain with its uuid may claim it");
            ("arriving", text)
        }
        Fate::Unknown(error) => {
            let text = "the hypervisor does not say which domains exist";
            ("unknown", format!("{text}: {}", chain(error)))
        }
        Fate::NoDomain0 => {
            let text = "the hypervisor does not know Domain-0, so its answers prove nothing";
            ("unknown", text.to_owned())
        }
        Fate::Failed(error) => ("failed", chain(error)),
        _ => ("unknown", "this command does not know why".to_owned()),
    };
    Reason { word, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Duration = Duration::from_secs(70);

    #[test]
    fn what_was_seen_is_kept_while_the_data_may_still_be_unclaimed() {
        assert!(stays_seen(&Fate::Waits { seen: SEEN }));
        assert!(stays_seen(&Fate::NoDomain0));
        assert!(!stays_seen(&Fate::MayBeClaimed));
        assert!(!stays_seen(&Fate::Goes { seen: SEEN }));
    }

    #[test]
    fn the_totals_count_unclaimed_data_that_goes_and_that_stays() {
        let mut totals = SweepTotals::default();
        count(&mut totals, &Fate::Goes { seen: SEEN }, 3);
        count(&mut totals, &Fate::Waits { seen: SEEN }, 2);
        count(&mut totals, &Fate::MayBeClaimed, 0);
        assert_eq!((totals.domains, totals.records), (3, 6));
        assert_eq!((totals.orphans, totals.removed), (1, 3));
        assert_eq!(totals.failed, 0);
    }

    #[test]
    fn a_line_names_the_source_the_reason_and_the_time() {
        let goes = Fate::Goes { seen: SEEN };
        assert_eq!(action(&goes, false), Action::Removed);
        assert_eq!(action(&goes, true), Action::WouldRemove);
        let told = |fate: &Fate| {
            let Reason { word, text } = reason("a", fate, Duration::from_secs(3600));
            format!("{word}: {text}")
        };
        assert_eq!(
            told(&goes),
            "unclaimed: a released it and no domain claimed it, seen for 70 s"
        );
        let waits = Fate::Waits { seen: SEEN };
        assert_eq!(action(&waits, false), Action::Kept);
        assert_eq!(
            told(&waits),
            "unclaimed: a released it and no domain claimed it, seen for 70 s only; \
             it goes after 3600 s (--grace)"
        );
        assert_eq!(
            told(&Fate::MayBeClaimed),
            "arriving: a released it, and a domain with its uuid may claim it"
        );
    }
}
