//! Sweeps: data whose domid belongs to another uuid goes only after the grace, and all data only
//! after the settle time. A sweep that no other process disturbs leaves no data of a domain that
//! does not exist and has settled.

use userdata_core::DomainKey;
use userdata_core::file_name::FileName;
use userdata_core::store::FileType;

use super::complaint::Complaint;
use super::facts::{Facts, HostImage};
use super::last_sweep::is_out_of_reach;
use super::operation::Operation;
use crate::history::Event;
use crate::walk::{Action, Guarantee, Report, Seen, Sight, Swept, Waits};

/// Checks each removal that rests on what sweeps have seen before: one of this boot must have seen
/// the same, that long ago, and none since must have found the domain there. What sweeps report to
/// have seen must have been so. `seen` is what they had seen before the history begins.
pub(crate) fn check(facts: &Facts<'_>, seen: &[Seen]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (place, operation) in facts.operations.iter().enumerate() {
        let Some((waits, swept)) = swept(operation) else {
            continue;
        };
        let mut complain = |why: String| {
            let about = Guarantee::Lifetime;
            complaints.push(Complaint::new(facts, about, None, why, [place]));
        };
        for Seen { domain, sight, .. } in swept.seen() {
            if !operation.hypervisor_lied && !was_so(facts, operation, &domain, sight) {
                complain(format!("a sweep saw of {domain} {sight}, which was not so"));
            }
        }
        for (domain, sight) in &swept.orphans {
            let span = match sight {
                Sight::Gone => waits.settle,
                Sight::OtherUuid(_) => waits.of_other_uuid(),
            };
            let is_it = |seen: &Seen| {
                (seen.domain, seen.sight) == (*domain, *sight)
                    && seen.at.saturating_add(span) <= swept.began
            };
            // What sweeps saw before one of them found the domain there is void.
            let void = facts.operations.iter().filter_map(|earlier| {
                let there = earlier.ended < operation.began
                    && swept_of(earlier).is_some_and(|swept| swept.there.contains(domain));
                there.then_some(earlier.began)
            });
            let void = void.max();
            let mut earlier = facts.operations.iter().filter(|earlier| {
                earlier.ended < operation.began && void.is_none_or(|void| earlier.ended > void)
            });
            let seen_before = void.is_none() && seen.iter().any(is_it);
            let saw_it = |earlier: &Operation<'_>| {
                swept_of(earlier).is_some_and(|swept| swept.seen().any(|seen| is_it(&seen)))
            };
            if !span.is_zero() && !seen_before && !earlier.any(saw_it) {
                complain(format!(
                    "a sweep removed the data of {domain} because of {sight}, and no sweep of this \
                     boot had seen that for {span:?}"
                ));
            }
        }
    }
    complaints
}

/// Whether what a sweep saw of a domain was so at some moment of it.
fn was_so(facts: &Facts<'_>, sweep: &Operation<'_>, domain: &DomainKey, sight: Sight) -> bool {
    let (lifetimes, span) = (&facts.lifetimes, sweep.span());
    match sight {
        Sight::Gone => lifetimes.ever_gone(domain, span),
        Sight::OtherUuid(uuid) => {
            let keys = lifetimes.keys(domain.domid, span);
            keys.contains(&DomainKey::new(domain.domid, uuid))
        }
    }
}

/// Checks what is left if the last operation of all was a sweep that began when all others had
/// ended, as in a boot of the host, and that reports that all went well.
pub(crate) fn check_last(facts: &Facts<'_>, after: &HostImage) -> Vec<Complaint> {
    let Some((place, operation)) = facts.operations.iter().enumerate().next_back() else {
        return Vec::new();
    };
    let is_alone = facts
        .operations
        .iter()
        .take(place)
        .all(|other| other.ended < operation.began);
    let mut since = facts.history.events.iter().skip(operation.began);
    let something_else = since.any(|event| {
        matches!(
            event,
            Event::Host { .. } | Event::Planted { .. } | Event::PowerCut
        )
    });
    let is_undisturbed = !operation.directory_failed && !operation.hypervisor_failed;
    let Some(swept) = swept_of(operation).filter(|swept| {
        swept.error.is_none() && swept.failed.is_empty() && swept.unknown.is_empty()
    }) else {
        return Vec::new();
    };
    if !is_alone || something_else || !is_undisturbed {
        return Vec::new();
    }
    let settles = |domain: DomainKey| {
        swept.waiting.contains(&(domain, Sight::Gone)) && !has_settled(facts, place, domain)
    };
    let files = after
        .tree
        .iter()
        .filter(|(_, entry)| entry.file_type() != FileType::Directory);
    let names = files.filter_map(|(path, _)| FileName::parse(facts.format, path));
    let outlasts = names.filter(|name| {
        let key = name.owner().key();
        key.is_some_and(|key| after.host.guest(key.domid).is_none() && !settles(key))
    });
    let paths = after.tree.iter().map(|(path, _)| path);
    let unreachable = paths.filter(|path| is_out_of_reach(facts, path));
    let unreachable = unreachable.map(|path| path.escape_ascii().to_string());
    outlasts
        .map(|name| name.to_string())
        .chain(unreachable)
        .map(|file| {
            let why = "it outlasts its domain and a sweep that reports that all went well";
            Complaint::new(
                facts,
                Guarantee::Lifetime,
                Some(file),
                why.to_owned(),
                [place],
            )
        })
        .collect()
}

/// Whether the sweep at this place had to remove the data of a domain that does not exist: for at
/// least the settle time every sweep has seen that, and none of them can have lost the sighting.
fn has_settled(facts: &Facts<'_>, place: usize, domain: DomainKey) -> bool {
    let is_sweep =
        |operation: &&Operation<'_>| matches!(operation.action(), Some(Action::Sweep { .. }));
    let sweeps = || facts.operations.iter().filter(is_sweep);
    let Some((waits, last)) = facts.operations.get(place).and_then(swept) else {
        return false;
    };
    let saw_it = |operation: &&Operation<'_>| {
        let is_alone = sweeps()
            .filter(|other| other.overlaps(operation.span()))
            .count()
            == 1;
        let saw = swept_of(operation).is_some_and(|then| {
            then.error.is_none() && then.waiting.contains(&(domain, Sight::Gone))
        });
        is_alone && saw && !operation.hypervisor_failed
    };
    let sweeps: Vec<_> = sweeps().collect();
    let saw_it_since = sweeps.into_iter().rev().take_while(saw_it);
    let first = saw_it_since.filter_map(swept_of).last();
    first.is_some_and(|first| first.began.saturating_add(waits.settle) <= last.began)
}

fn swept<'a>(operation: &Operation<'a>) -> Option<(&'a Waits, &'a Swept)> {
    match operation.action()? {
        Action::Sweep { waits, .. } => Some((waits, swept_of(operation)?)),
        _ => None,
    }
}

fn swept_of<'a>(operation: &Operation<'a>) -> Option<&'a Swept> {
    match operation.report()? {
        Report::Swept(swept) => Some(swept),
        _ => None,
    }
}
