//! Checks the files that are left after a run: no data of a domain that was destroyed with its
//! data, and no other file unless a response reported it.

use std::collections::BTreeSet;

use userdata::{Outcome, UserdataError, UserdataErrorKind};
use userdata_core::file_name::{FileName, Kind, Owner};
use userdata_core::store::{StoreError, StoreErrorKind};

use super::complaint::Complaint;
use super::content::Content;
use super::facts::{Facts, HostImage};
use super::operation::Operation;
use super::register::owner;
use crate::checker::Tally;
use crate::history::{Event, Invocation, LibxlCall};
use crate::walk::{Action, Guarantee, Report, flat_name};

/// Checks what is left.
pub(crate) fn check(facts: &Facts<'_>, after: &HostImage, tally: &mut Tally) -> Vec<Complaint> {
    let names = after
        .tree
        .iter()
        .filter_map(|(path, _)| FileName::parse(facts.format, path));
    let mut complaints = Vec::new();
    for name in names.filter(|name| !facts.is_planted(name)) {
        complaints.extend(match name.kind() {
            Kind::Data if !lifetimes(after, name.owner()) => leaked(facts, after, &name, tally),
            Kind::Temporary | Kind::Lock | Kind::Closing
                if facts.before.tree.get(name.as_bytes()).is_some() =>
            {
                // Of a boot before this one.
                tally.left_over += 1;
                None
            }
            Kind::Temporary | Kind::Lock | Kind::Closing => left_over(facts, &name, tally),
            Kind::New if !lifetimes(after, name.owner()) => {
                tally.left_by_libxl += 1;
                None
            }
            _ => None,
        });
    }
    complaints
}

fn lifetimes(after: &HostImage, owner: Owner) -> bool {
    after.host.guests().any(|(domid, guest)| {
        guest.uuid() == owner.uuid && owner.domid.is_none_or(|owned| owned == domid)
    })
}

/// A value of a domain that does not exist.
fn leaked(
    facts: &Facts<'_>,
    after: &HostImage,
    name: &FileName,
    tally: &mut Tally,
) -> Option<Complaint> {
    let content = Content::found(after.tree.get(name.as_bytes()));
    let of_name = |owned: Owner| owned == name.owner();
    let stored = |operation: &Operation<'_>| match operation.invocation {
        Invocation::Userdata(Action::Import { domain, values, .. }) => {
            of_name(owner(facts.format, domain))
                && values.iter().any(|(userid, value)| {
                    *userid.as_userid() == name.userid() && Content::of(value) == content
                })
        }
        Invocation::Userdata(Action::StoreEach { values, .. }) => {
            let mut values = values.iter();
            values.any(|(slot, value)| {
                *slot.userid.as_userid() == name.userid()
                    && of_name(owner(facts.format, &slot.domain))
                    && Content::of(value) == content
            })
        }
        Invocation::Userdata(action) => action.slot().is_some_and(|slot| {
            let effect = action.effect_on(slot).flatten();
            *slot.userid.as_userid() == name.userid()
                && of_name(owner(facts.format, &slot.domain))
                && effect.is_some_and(|bytes| Content::of(bytes) == content)
        }),
        Invocation::Libxl(LibxlCall::Store { userid, data, .. }) => {
            *userid == name.userid() && Content::of(data) == content
        }
        Invocation::Libxl(_) => false,
    };
    let storers = || {
        facts
            .operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| stored(operation))
    };
    if content == Content::Empty || storers().any(|(_, operation)| operation.libxl().is_some()) {
        tally.left_by_libxl += 1;
        return None;
    }
    let Some((place, store)) = storers().find(|(_, operation)| is_sound(facts, operation)) else {
        tally.left_in_known_window += 1;
        return None;
    };
    let mut destroyers = facts
        .operations
        .iter()
        .enumerate()
        .filter(|(at, operation)| {
            // The destroyed incarnation is this one, and it did not come back.
            let keys = facts.keys_of(*at);
            let is_its = |key| of_name(owner(facts.format, key));
            operation.ended >= store.began
                && is_clean_destroy(operation)
                && !(operation.libxl().is_some()
                    && facts.is_ended_by_others(*at, operation.domid()))
                && keys.iter().all(is_its)
                && keys.iter().any(|key| {
                    !facts
                        .lifetimes
                        .ever_there(key, (operation.ended, facts.until))
                })
        });
    let Some((destroyer, _)) = destroyers.next() else {
        tally.left_for_a_sweep += 1;
        return None;
    };
    let why = format!(
        "{content} is left of a domain that is gone, although the data was destroyed with it"
    );
    let file = Some(name.to_string());
    let operations = [place, destroyer];
    Some(Complaint::new(
        facts,
        Guarantee::Lifetime,
        file,
        why,
        operations,
    ))
}

/// Whether a store held its lock to the end, as it reports, and no process worked without a lock
/// meanwhile: then it left nothing that outlives its domain. A store that reports *lock lost* after
/// its change may have made it when the domain had been cleared already. A store whose sync failed
/// reports that in place of *lock lost*, so it counts only if no lock was broken meanwhile.
fn is_sound(facts: &Facts<'_>, operation: &Operation<'_>) -> bool {
    if operation.hypervisor_failed || facts.broken_locks.leave_unlocked(operation) {
        return false;
    }
    match operation.report() {
        Some(Report::Changed(Outcome::Stored { .. })) => true,
        Some(Report::Failed(error)) => match error.kind() {
            UserdataErrorKind::Store(error) => {
                matches!(error.kind(), StoreErrorKind::ReplacedNotDurable(_))
                    && !facts.broken_locks.touch(operation)
            }
            _ => false,
        },
        // It was killed, and its lock ended with it, so every clear comes later.
        None => operation.is_cut_off() && !facts.broken_locks.touch(operation),
        _ => false,
    }
}

/// Whether a domain was destroyed with all its data, as the operation that did it reports.
fn is_clean_destroy(operation: &Operation<'_>) -> bool {
    match operation.invocation {
        Invocation::Userdata(action) if action.ends_domain() => match operation.report() {
            Some(Report::Cleared(Some(cleared), _)) => cleared.failed.iter().all(is_about_lock),
            _ => false,
        },
        Invocation::Libxl(LibxlCall::Destroy { .. }) => {
            let undisturbed = !operation.directory_failed && !operation.hypervisor_failed;
            operation.libxl_response().is_some_and(|(rc, _)| rc == 0) && undisturbed
        }
        _ => false,
    }
}

/// Whether another process kept the lock until the timeout. This operation may have made the lock
/// file, but the file is then that holder's, and stays if the holder only closes it.
fn waited_in_vain(operation: &Operation<'_>) -> bool {
    let problems = match operation.report() {
        Some(
            Report::Cleared(_, problems) | Report::StillThere(problems) | Report::Unknown(problems),
        ) => problems.iter().collect(),
        Some(report) => report.failures(),
        None => Vec::new(),
    };
    problems.into_iter().any(|error| match error.kind() {
        UserdataErrorKind::Store(error) => {
            matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. })
        }
        _ => false,
    })
}

fn is_about_lock(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: true }
            | StoreErrorKind::LockLeft(_)
            | StoreErrorKind::RemovedNotDurable(_)
    )
}

/// A temporary file, a lock file or a marker that no process uses any more.
fn left_over(facts: &Facts<'_>, name: &FileName, tally: &mut Tally) -> Option<Complaint> {
    let concerns = |place: usize| {
        let keys = facts.keys_of(place);
        let invocation = facts.operations.get(place).map(|done| done.invocation);
        // A sweep takes the lock of any domain.
        matches!(invocation, Some(Invocation::Userdata(Action::Sweep { .. })))
            || keys
                .iter()
                .any(|key| owner(facts.format, key) == name.owner())
    };
    let ours = |operation: &Operation<'_>| operation.action().is_some();
    let mut operations = facts
        .operations
        .iter()
        .enumerate()
        .filter(|(at, _)| concerns(*at));
    let excused = match name.kind() {
        // libxl writes none of these.
        Kind::Temporary => {
            let reported = reported_left(facts);
            reported.contains(name.as_bytes()) || operations.any(|(_, d)| ours(d) && d.is_cut_off())
        }
        Kind::Closing => {
            operations.any(|(_, d)| ours(d) && (d.is_cut_off() || reports_problems(d)))
        }
        _ => {
            let domid = name.owner().domid;
            // libxl unlocks by the uuid that the domain has by then.
            let failed = |operation: &Operation<'_>| {
                operation.libxl().is_some()
                    && operation.directory_failed
                    && Some(operation.domid()) == domid
            };
            facts.broken_locks.any(domid)
                || facts.operations.iter().any(failed)
                || operations.any(|(_, operation)| {
                    operation.is_cut_off()
                        || operation.directory_failed
                        || waited_in_vain(operation)
                })
                || is_stopped(facts)
        }
    };
    if excused {
        tally.left_over += 1;
        return None;
    }
    let why = format!(
        "the {} file is left, and no response reports it",
        name.kind()
    );
    let last = facts
        .operations
        .iter()
        .enumerate()
        .filter(|(at, d)| ours(d) && concerns(*at));
    let file = Some(name.to_string());
    let operations = last.map(|(place, _)| place).next_back();
    Some(Complaint::new(
        facts,
        Guarantee::HonestErrors,
        file,
        why,
        operations,
    ))
}

/// Whether the operation that destroyed a domain reported that not all went well, or could not
/// report it.
pub(super) fn reports_problems(operation: &Operation<'_>) -> bool {
    match operation.report() {
        Some(Report::Cleared(Some(cleared), problems)) => {
            !cleared.failed.is_empty() || !problems.is_empty()
        }
        Some(Report::Cleared(None, _) | Report::Unknown(_) | Report::Nonsense(_)) => true,
        Some(Report::StillThere(problems)) => !problems.is_empty(),
        Some(Report::Failed(_)) => operation.directory_failed,
        _ => false,
    }
}

/// Whether a process was killed between two operations, or in the middle of one.
fn is_stopped(facts: &Facts<'_>) -> bool {
    let mut events = facts.history.events.iter().take(facts.until);
    events.any(|event| matches!(event, Event::Killed { .. }))
}

/// Every temporary file that a process reported it could not remove.
fn reported_left(facts: &Facts<'_>) -> BTreeSet<Vec<u8>> {
    let reports = || facts.operations.iter().filter_map(Operation::report);
    let errors = reports().flat_map(Report::failures);
    let errors = errors.filter_map(store_error);
    let of_imports = reports().flat_map(Report::not_removed);
    let errors = errors.chain(of_imports);
    let left = errors.filter_map(StoreError::left_behind);
    left.map(|file| flat_name(file).unwrap_or_else(|| file.to_vec()))
        .collect()
}

fn store_error(error: &UserdataError) -> Option<&StoreError> {
    match error.kind() {
        UserdataErrorKind::Store(error) => Some(error),
        _ => None,
    }
}
