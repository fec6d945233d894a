//! The expected content of the disk after a run, if the report of the run is true.

use userdata::{Outcome, UserdataError, UserdataErrorKind};
use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{Condition, Keep, Operation, StoreErrorKind, StoredAll};
use userdata_fs::Errno;
use userdata_sim::faults::How;

use super::{FaultWalk, Run, is_applied, is_value};
use crate::walk::expectation::Expectation;
use crate::walk::layout::{flat_name, shown, view};
use crate::walk::recovery::{files_of_first, is_of};
use crate::walk::{Action, Report, Slot, Swept, is_synced};

impl FaultWalk<'_> {
    /// The expected content of the disk, if the report is true.
    pub(super) fn expected(&self, run: &Run) -> Result<Expectation, String> {
        let before = self.scene.expectation();
        let action = self.believed(run);
        let synced = run.report.says_synced();
        match &run.report {
            Report::Changed(outcome) => {
                let removes_nothing = before
                    .slots()
                    .filter_map(|slot| Some((slot, self.action.effect_on(slot)?)))
                    .all(|(slot, effect)| effect.is_none() && before.live(slot).is_none());
                match outcome {
                    Outcome::Stored { durability, .. } | Outcome::Removed { durability }
                        if *durability == self.action.durability() => {}
                    Outcome::NothingToRemove if removes_nothing => {}
                    other => return Err(format!("{other:?} is not what was done")),
                }
                Ok(before.after(&action, synced))
            }
            Report::StoredAll(stored) => match stored.kept.is_empty() {
                true => Ok(before.after(&action, synced)),
                false => Err("a value was kept that was to be replaced".to_owned()),
            },
            Report::StoredEach(results) => self.stored_each(run, before, results),
            Report::Carried(carried) => {
                let moved = |slot: &Slot| carried.moved.contains(slot.userid.as_userid());
                Ok(before.partly_after(&action, synced, moved))
            }
            Report::AllRefused => Ok(before),
            Report::Exported { .. } => Err("nothing was to be exported".to_owned()),
            Report::Swept(swept) => self.swept(run, swept),
            // Another process may have put something there since; what it put stays.
            Report::Failed(error) if is_lock_lost(error) => {
                Ok(before.partly_after(&action, false, |slot| self.is_made(run, slot)))
            }
            // Each value is with one of the two, and the same call completes the carry.
            Report::Failed(error) if matches!(action, Action::Carry { .. }) => {
                let after = before.partly_after(&action, false, |slot| self.is_made(run, slot));
                match self.carries_anything(run) && !error.is_applied() {
                    true => Err("values were carried, and the error does not say so".to_owned()),
                    false => Ok(after),
                }
            }
            Report::Failed(error) if is_applied(error) => Ok(before.after(&action, false)),
            // A value that the import could not restore is named.
            Report::Failed(error) if matches!(action, Action::Import { .. }) => {
                let stays = |slot: &Slot| self.is_left(error, slot) && self.is_made(run, slot);
                Ok(before.partly_after(&action, false, stays))
            }
            Report::Failed(error) => {
                // A failure of storage never stops a toolstack; another process's mark does.
                let refused = !matches!(error.kind(), UserdataErrorKind::Store(_));
                let unknown = !run.misanswers.is_empty();
                let held = run
                    .faults
                    .iter()
                    .any(|fault| fault.how == How::Fails(Errno::AGAIN));
                match self.action {
                    Action::Destroy { .. }
                    | Action::DestroyWithError { .. }
                    | Action::DestroyInVain { .. }
                        if !(refused && (held || unknown)) =>
                    {
                        Err("the domain was not destroyed".to_owned())
                    }
                    _ => Ok(before),
                }
            }
            Report::Cleared(Some(cleared), _) => {
                // A directory that was taken away, and can't be listed then, is gone all the same.
                let is_unlisted = self.scene.setting().format == NameFormat::Tree
                    && cleared
                        .failed
                        .iter()
                        .any(|e| e.operation() == Operation::List);
                let removed = |slot: &Slot| {
                    slot.domain == self.scene.first()
                        && (cleared.removed.contains(slot.userid.as_userid())
                            || is_unlisted && self.is_made(run, slot))
                };
                Ok(before.partly_after(&action, synced, removed))
            }
            Report::Cleared(None, problems)
                if problems.last().is_some_and(is_applied) && !problems.iter().any(is_unknown) =>
            {
                Ok(before.after(&action, false))
            }
            Report::Cleared(None, problems) if !problems.is_empty() => {
                let left = files_of_first(self.scene, run.storage.tree());
                let gone = |slot: &Slot| {
                    slot.domain == self.scene.first()
                        && !left.iter().any(|name| is_value(name, slot))
                };
                Ok(before.partly_after(&action, false, gone))
            }
            Report::Cleared(None, _) => Err("nothing is reported of the data".to_owned()),
            Report::StillThere(_) => match self.action {
                _ if self.action.ends_domain() && !run.is_lied_to() => {
                    Err("the domain is not there any more".to_owned())
                }
                _ => Ok(before),
            },
            Report::Unknown(_) => match run.misanswers.is_empty() {
                true => Err("the hypervisor answered every question".to_owned()),
                false => Ok(before),
            },
            Report::Read(value) => {
                let Action::Retrieve { slot } = self.action else {
                    return Err("nothing was to be read".to_owned());
                };
                match value.as_ref().map(|value| value.as_bytes()) == before.live(slot) {
                    true => Ok(before),
                    false => Err("that is not the value".to_owned()),
                }
            }
            Report::Listed(entries) => {
                let listed: Vec<_> = entries.iter().map(|entry| entry.userid.clone()).collect();
                let whole = entries
                    .iter()
                    .all(|entry| entry.condition == Condition::Whole);
                let mut there: Vec<_> = before
                    .slots()
                    .filter(|slot| slot.domain == self.scene.first())
                    .filter(|slot| before.live(slot).is_some())
                    .map(|slot| slot.userid.as_userid().clone())
                    .collect();
                there.sort();
                match whole && listed == there {
                    true => Ok(before),
                    false => Err("that is not what is there".to_owned()),
                }
            }
            Report::Nonsense(why) => Err(why.clone()),
        }
    }

    /// The expected content of the disk if each of these results of many domains is true. An error
    /// of one domain says nothing about another.
    fn stored_each(
        &self,
        run: &Run,
        before: Expectation,
        results: &[(DomainKey, Result<StoredAll, UserdataError>)],
    ) -> Result<Expectation, String> {
        let mut results = results.iter();
        results.try_fold(before, |before, (domain, result)| {
            let of_domain = |slot: &Slot| slot.domain == *domain;
            let partly = |synced, reached: &dyn Fn(&Slot) -> bool| {
                let reached = |slot: &Slot| of_domain(slot) && reached(slot);
                before.partly_after(self.action, synced, reached)
            };
            match result {
                Ok(stored) if !stored.kept.is_empty() => {
                    Err("a value was kept that was to be replaced".to_owned())
                }
                Ok(stored) => Ok(partly(is_synced(stored), &|_| true)),
                Err(error) if is_lock_lost(error) => {
                    Ok(partly(false, &|slot| self.is_made(run, slot)))
                }
                Err(error) if is_applied(error) => Ok(partly(false, &|_| true)),
                Err(error) => Ok(partly(false, &|slot| {
                    self.is_left(error, slot) && self.is_made(run, slot)
                })),
            }
        })
    }

    /// The expected content of the disk after a sweep, if its reports are true.
    fn swept(&self, run: &Run, swept: &Swept) -> Result<Expectation, String> {
        let before = self.scene.expectation();
        let Action::Sweep { orphans, waits } = self.action else {
            return Err("there was no sweep".to_owned());
        };
        let mut removed: Vec<DomainKey> = swept.removed.iter().map(|(of, _)| *of).collect();
        removed.dedup();
        let living = removed.iter().find(|domain| !orphans.contains(domain));
        if let Some(living) = living.filter(|_| !run.is_lied_to()) {
            return Err(format!(
                "a value of {living} was removed, which is not gone"
            ));
        }
        let is_said = swept.error.is_some() || !swept.failed.is_empty();
        let stays = |slot: &Slot| {
            let is_there = orphans.contains(&slot.domain) && before.live(slot).is_some();
            is_there && !swept.has_removed(&slot.domain, slot.userid.as_userid())
        };
        let silent = before
            .slots()
            .find(|slot| stays(slot) && !swept.unknown.contains(&slot.domain));
        if let Some(slot) = silent.filter(|_| !is_said && run.misanswers.is_empty()) {
            return Err(format!(
                "{} {slot} stays, and nothing is said of it",
                slot.domain
            ));
        }
        // As in a clear: gone, and not listed.
        let is_unlisted = self.scene.setting().format == NameFormat::Tree && swept.is_unlisted();
        let is_removed = |slot: &Slot| {
            swept.has_removed(&slot.domain, slot.userid.as_userid())
                || is_unlisted && self.is_made(run, slot)
        };
        let action = Action::Sweep {
            waits: *waits,
            orphans: match is_unlisted {
                true => orphans.clone(),
                false => removed,
            },
        };
        Ok(before.partly_after(&action, false, is_removed))
    }

    /// Whether an error names the value of this slot as left behind.
    fn is_left(&self, error: &UserdataError, slot: &Slot) -> bool {
        let UserdataErrorKind::Store(error) = error.kind() else {
            return false;
        };
        let format = self.scene.setting().format;
        let left = error.left_behind();
        let left = left.map(|name| flat_name(name).unwrap_or_else(|| name.to_vec()));
        let left = left.and_then(|name| FileName::parse(shown(format), &name));
        left.is_some_and(|name| is_value(&name, slot) && is_of(&name, &slot.domain))
    }

    /// Whether a carry has moved a value.
    fn carries_anything(&self, run: &Run) -> bool {
        let Action::Carry { from, values, .. } = self.action else {
            return false;
        };
        values.iter().any(|(userid, _)| {
            let (domain, userid) = (*from, userid.clone());
            self.is_made(run, &Slot { domain, userid })
        })
    }

    /// Whether the effect of the action on a slot is on the disk. A value that is carried is with
    /// the new domain exactly if it is no longer with the old one.
    fn is_made(&self, run: &Run, slot: &Slot) -> bool {
        let slot = match self.action {
            Action::Carry { from, .. } => &Slot {
                domain: *from,
                userid: slot.userid.clone(),
            },
            _ => slot,
        };
        let name = FileName::data(
            shown(self.scene.setting().format),
            &slot.domain,
            slot.userid.as_userid(),
        );
        let tree = view(self.scene.setting().format, run.storage.tree());
        let found = name.ok().and_then(|name| tree.file(name.as_bytes()));
        self.action.effect_on(slot) == Some(found)
    }

    /// The action, as it must be if the hypervisor's answers are believed: if it answers that the
    /// domain is gone, the data need not be kept.
    fn believed(&self, run: &Run) -> Action {
        let mut action = self.action.clone();
        if run.is_lied_to() {
            match &mut action {
                Action::Clear { keep, .. } => *keep = Keep::Nothing,
                Action::DestroyInVain { domain } => {
                    let (domain, durability) = (*domain, self.action.durability());
                    action = Action::DestroyWithError { domain, durability };
                }
                _ => {}
            }
        }
        action
    }
}

/// Whether the hypervisor did not answer.
fn is_unknown(error: &UserdataError) -> bool {
    matches!(error.kind(), UserdataErrorKind::Hypervisor(_))
}

/// Whether another program broke the lock in the middle of several changes.
fn is_lock_lost(error: &UserdataError) -> bool {
    match error.kind() {
        UserdataErrorKind::Store(error) => {
            matches!(error.kind(), StoreErrorKind::LockLost { applied: true })
        }
        _ => false,
    }
}
