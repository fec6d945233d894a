//! Sweeps: data whose domid belongs to another uuid goes only after the grace, and a sweep that no
//! other process disturbs leaves no data of a domain that does not exist.

use userdata_core::file_name::FileName;
use userdata_core::store::FileType;
use userdata_core::{DomainKey, Uuid};

use super::complaint::Complaint;
use super::facts::{Facts, HostImage};
use super::operation::Operation;
use crate::history::Event;
use crate::walk::{Action, Guarantee, Report, Swept};

/// Checks each removal that rests on what sweeps have seen before: one of this boot must have seen
/// the same, that long ago.
pub(crate) fn check(facts: &Facts<'_>) -> Vec<Complaint> {
    let all = || facts.operations.iter().enumerate();
    let mut complaints = Vec::new();
    for (place, operation) in all() {
        let Some((Action::Sweep { grace, .. }, swept)) = swept(operation) else {
            continue;
        };
        for (domain, uuid) in &swept.displaced {
            let saw_it = |earlier: &Operation<'_>, swept_then: &Swept| {
                earlier.ended < operation.began
                    && swept_then.seen.contains(&(*domain, *uuid))
                    && swept_then.began.saturating_add(*grace) <= swept.began
                    && (earlier.hypervisor_lied || had(facts, earlier, domain, *uuid))
            };
            let mut sweeps = facts.operations.iter();
            let is_known = grace.is_zero()
                || sweeps.any(|other| swept_of(other).is_some_and(|then| saw_it(other, then)));
            let is_true = operation.hypervisor_lied || had(facts, operation, domain, *uuid);
            if !(is_known && is_true) {
                let why = format!(
                    "a sweep took {domain} for gone because its domid belongs to {uuid}, and no \
                     sweep of this boot has seen that for the grace"
                );
                complaints.push(Complaint::new(
                    facts,
                    Guarantee::Lifetime,
                    None,
                    why,
                    [place],
                ));
            }
        }
    }
    complaints
}

/// Whether the domain of a domid had this uuid at some moment of an operation.
fn had(facts: &Facts<'_>, operation: &Operation<'_>, domain: &DomainKey, uuid: Uuid) -> bool {
    let keys = facts.lifetimes.keys(domain.domid, operation.span());
    keys.contains(&DomainKey::new(domain.domid, uuid))
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
    let went_well = swept_of(operation).is_some_and(|swept| {
        swept.error.is_none() && swept.failed.is_empty() && swept.unknown.is_empty()
    });
    if !is_alone || something_else || !is_undisturbed || !went_well {
        return Vec::new();
    }
    let files = after
        .tree
        .iter()
        .filter(|(_, entry)| entry.file_type() != FileType::Directory);
    let names = files.filter_map(|(path, _)| FileName::parse(facts.format, path));
    let outlasts = names.filter(|name| {
        let domid = name.owner().domid;
        domid.is_some_and(|domid| after.host.guest(domid).is_none())
    });
    outlasts
        .map(|name| {
            let why = "it outlasts its domain and a sweep that reports that all went well";
            let file = Some(name.to_string());
            Complaint::new(facts, Guarantee::Lifetime, file, why.to_owned(), [place])
        })
        .collect()
}

fn swept<'a>(operation: &Operation<'a>) -> Option<(&'a Action, &'a Swept)> {
    Some((operation.action()?, swept_of(operation)?))
}

fn swept_of<'a>(operation: &Operation<'a>) -> Option<&'a Swept> {
    match operation.report()? {
        Report::Swept(swept) => Some(swept),
        _ => None,
    }
}
