//! What may be left when all is over: no data of a domain that is gone, and no file that nobody
//! spoke of.

use std::collections::BTreeSet;

use userdata::{Outcome, UserdataError, UserdataErrorKind};
use userdata_core::file_name::{FileName, Kind, Owner};
use userdata_core::store::{StoreError, StoreErrorKind};

use super::complaint::Complaint;
use super::content::Content;
use super::deed::Deed;
use super::facts::{Facts, HostImage};
use super::registers::owner;
use crate::checker::Tally;
use crate::history::{Event, LibxlCall, Operation};
use crate::walk::{Action, Guarantee, Report};

/// Checks what is left.
pub(crate) fn check(facts: &Facts<'_>, after: &HostImage, tally: &mut Tally) -> Vec<Complaint> {
    let names = after
        .tree
        .iter()
        .filter_map(|(path, _)| FileName::parse(facts.format, path));
    let mut complaints = Vec::new();
    for name in names.filter(|name| !facts.is_planted(name)) {
        complaints.extend(match name.kind() {
            Kind::Data if !lives(after, name.owner()) => leaked(facts, after, &name, tally),
            Kind::Temporary | Kind::Lock | Kind::Closing => left_over(facts, &name, tally),
            Kind::New if !lives(after, name.owner()) => {
                tally.left_by_libxl += 1;
                None
            }
            _ => None,
        });
    }
    complaints
}

fn lives(after: &HostImage, owner: Owner) -> bool {
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
    let stored = |deed: &Deed<'_>| match deed.operation {
        Operation::Userdata(action) => action.slot().is_some_and(|slot| {
            let effect = action.effect_on(slot).flatten();
            *slot.userid.as_userid() == name.userid()
                && of_name(owner(facts.format, &slot.domain))
                && effect.is_some_and(|bytes| Content::of(bytes) == content)
        }),
        Operation::Libxl(LibxlCall::Store { userid, data, .. }) => {
            *userid == name.userid() && Content::of(data) == content
        }
        Operation::Libxl(_) => false,
    };
    let storers = || {
        facts
            .deeds
            .iter()
            .enumerate()
            .filter(|(_, deed)| stored(deed))
    };
    if content == Content::Empty || storers().any(|(_, deed)| deed.libxl().is_some()) {
        tally.left_by_libxl += 1;
        return None;
    }
    let Some((place, store)) = storers().find(|(_, deed)| is_sound(facts, deed)) else {
        tally.left_in_known_window += 1;
        return None;
    };
    let mut destroyers = facts.deeds.iter().enumerate().filter(|(at, deed)| {
        // Of this incarnation and no other, and it did not come back.
        let keys = facts.keys_of(*at);
        let is_its = |key| of_name(owner(facts.format, key));
        deed.ended >= store.began
            && is_clean_destroy(deed)
            && !(deed.libxl().is_some() && others_destroy(facts, *at, deed))
            && keys.iter().all(is_its)
            && keys
                .iter()
                .any(|key| !facts.lives.ever_there(key, (deed.ended, facts.until)))
    });
    let Some((destroyer, _)) = destroyers.next() else {
        tally.left_for_a_sweep += 1;
        return None;
    };
    let why = format!(
        "{content} is left of a domain that is gone, although who destroyed it removed all data"
    );
    let file = Some(name.to_string());
    let deeds = [place, destroyer];
    Some(Complaint::new(facts, Guarantee::Lifetime, file, why, deeds))
}

/// Whether a store held its lock to the end, as it says, and nobody worked without one meanwhile:
/// then it left nothing that outlives its domain. One that is told *lock lost* after its change may
/// have made it when the domain had been cleared already, and a failed sync comes before that word.
fn is_sound(facts: &Facts<'_>, deed: &Deed<'_>) -> bool {
    if deed.hypervisor_failed || facts.breaks.leave_unlocked(deed) {
        return false;
    }
    match deed.report() {
        Some(Report::Changed(Outcome::Stored { .. })) => true,
        Some(Report::Failed(error)) => match error.kind() {
            UserdataErrorKind::Store(error) => {
                matches!(error.kind(), StoreErrorKind::ReplacedNotDurable(_))
                    && !facts.breaks.touch(deed)
            }
            _ => false,
        },
        // Killed: its lock ended with it, and whoever clears comes later.
        None => deed.is_cut_off() && !facts.breaks.touch(deed),
        _ => false,
    }
}

/// Whether a domain was destroyed with all its data, as who did it says.
fn is_clean_destroy(deed: &Deed<'_>) -> bool {
    match deed.operation {
        Operation::Userdata(Action::Destroy { .. } | Action::DestroyWithError { .. }) => {
            match deed.report() {
                Some(Report::Cleared(Some(cleared), _)) => cleared.failed.iter().all(is_about_lock),
                _ => false,
            }
        }
        Operation::Libxl(LibxlCall::Destroy { .. }) => {
            let undisturbed = !deed.directory_failed && !deed.hypervisor_failed;
            deed.libxl_reply().is_some_and(|(rc, _)| rc == 0) && undisturbed
        }
        _ => false,
    }
}

/// Whether the domain was destroyed by others before libxl was done: a domain that is gone when it
/// looks for the data has no path for it, so that it silently removes nothing.
fn others_destroy(facts: &Facts<'_>, place: usize, destroy: &Deed<'_>) -> bool {
    let domid = destroy.domid();
    let killed = facts
        .history
        .events
        .iter()
        .take(destroy.ended.saturating_add(1))
        .any(|event| match event {
            Event::Host { event, .. } => {
                matches!(event, hv_sim::Event::Kill { domid: killed } if *killed == domid)
            }
            _ => false,
        });
    let also = |(at, deed): (usize, &Deed<'_>)| {
        let destroys = matches!(
            deed.operation,
            Operation::Userdata(Action::Destroy { .. } | Action::DestroyWithError { .. })
                | Operation::Libxl(LibxlCall::Destroy { .. })
        );
        at != place && destroys && deed.domid() == domid && deed.overlaps(destroy.span())
    };
    killed || facts.deeds.iter().enumerate().any(also)
}

/// Whether somebody kept the lock beyond the deadline: then the file, which this operation may have
/// made, is that one's, and stays if he only closes it.
fn waited_in_vain(deed: &Deed<'_>) -> bool {
    let trouble = match deed.report() {
        Some(Report::Failed(error)) => std::slice::from_ref(error),
        Some(
            Report::Cleared(_, trouble) | Report::StillThere(trouble) | Report::Unknown(trouble),
        ) => trouble.as_slice(),
        _ => &[],
    };
    trouble.iter().any(|error| match error.kind() {
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

/// A temporary file, a lock file or a marker that nobody uses any more.
fn left_over(facts: &Facts<'_>, name: &FileName, tally: &mut Tally) -> Option<Complaint> {
    let concerns = |place: usize| {
        let keys = facts.keys_of(place);
        keys.iter()
            .any(|key| owner(facts.format, key) == name.owner())
    };
    let ours = |deed: &Deed<'_>| deed.action().is_some();
    let mut deeds = facts
        .deeds
        .iter()
        .enumerate()
        .filter(|(at, _)| concerns(*at));
    let excused = match name.kind() {
        // libxl writes none of these.
        Kind::Temporary => {
            let told = said_left(facts);
            told.contains(name.as_bytes()) || deeds.any(|(_, d)| ours(d) && d.is_cut_off())
        }
        Kind::Closing => deeds.any(|(_, d)| ours(d) && (d.is_cut_off() || tells_trouble(d))),
        _ => {
            let domid = name.owner().domid;
            // It unlocks by the uuid that the domain has by then.
            let failed = |deed: &Deed<'_>| {
                deed.libxl().is_some() && deed.directory_failed && Some(deed.domid()) == domid
            };
            facts.breaks.any(domid)
                || facts.deeds.iter().any(failed)
                || deeds.any(|(_, deed)| {
                    deed.is_cut_off() || deed.directory_failed || waited_in_vain(deed)
                })
                || is_stopped(facts)
        }
    };
    if excused {
        tally.left_over += 1;
        return None;
    }
    let why = format!(
        "the {} file is left, and nothing is said of it",
        name.kind()
    );
    let last = facts
        .deeds
        .iter()
        .enumerate()
        .filter(|(at, d)| ours(d) && concerns(*at));
    let file = Some(name.to_string());
    let deeds = last.map(|(place, _)| place).next_back();
    Some(Complaint::new(
        facts,
        Guarantee::HonestErrors,
        file,
        why,
        deeds,
    ))
}

/// Whether whoever destroyed a domain said that not all went well, or could not say it.
pub(super) fn tells_trouble(deed: &Deed<'_>) -> bool {
    match deed.report() {
        Some(Report::Cleared(Some(cleared), trouble)) => {
            !cleared.failed.is_empty() || !trouble.is_empty()
        }
        Some(Report::Cleared(None, _) | Report::Unknown(_) | Report::Nonsense(_)) => true,
        Some(Report::StillThere(trouble)) => !trouble.is_empty(),
        Some(Report::Failed(_)) => deed.directory_failed,
        _ => false,
    }
}

/// Whether a process was killed between two operations, or in the middle of one.
fn is_stopped(facts: &Facts<'_>) -> bool {
    let mut events = facts.history.events.iter().take(facts.until);
    events.any(|event| matches!(event, Event::Killed { .. }))
}

/// Every temporary file that somebody said he could not remove.
fn said_left<'a>(facts: &Facts<'a>) -> BTreeSet<&'a [u8]> {
    let errors = facts.deeds.iter().filter_map(|deed| match deed.report()? {
        Report::Failed(error) => store_error(error),
        _ => None,
    });
    errors.filter_map(StoreError::left_behind).collect()
}

fn store_error(error: &UserdataError) -> Option<&StoreError> {
    match error.kind() {
        UserdataErrorKind::Store(error) => Some(error),
        _ => None,
    }
}
