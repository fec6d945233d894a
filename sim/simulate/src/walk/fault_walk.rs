//! `FaultWalk`: every call goes wrong in every way, one at a time and two at a time.

use std::collections::BTreeSet;

use hv_sim::SimHost;
use userdata::{Outcome, Userdata, UserdataError, UserdataErrorKind};
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{Condition, Keep, StoreErrorKind};
use userdata_core::{DomainKey, Hypervisor as _};
use userdata_fs::{Errno, FileStore};

use super::expectation::{Cause, Expectation};
use super::faulted::Faulted;
use super::interruption;
use super::misled_host::MisledHost;
use super::recovery::{Recovery, Violation, files_of_first};
use super::reported::Reported;
use super::{Action, Broken, End, Guarantee, Incident, Report, Scene, Slot, Swept, WalkError};
use crate::misanswer::Misanswer;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Storage};
use userdata_sim::faults::{Fault, Faults, How, every_fault};
use userdata_sim::interpose::{CallKind, Interposed};
use userdata_sim::random::Random;
use userdata_sim::{SimDirectory, SimDisk};

/// How many states of a power cut are all walked. Where several values are written without a sync
/// there are more.
const STATES_MAX: u128 = 1 << 14;

/// How many are drawn where there are more.
const STATES_DRAWN: u32 = 256;

/// What one process does, and what disturbs it.
#[derive(Clone, Debug)]
pub struct FaultWalk<'a> {
    /// Where it happens.
    pub scene: &'a Scene,
    /// What is done.
    pub action: &'a Action,
    /// Whether pairs of calls go wrong, too: the second is any later call of the run in which the
    /// first went wrong.
    pub pairs: bool,
    /// Whether the power is cut after each single fault, in every way.
    pub power_cuts: bool,
}

/// One run that is over.
pub(crate) struct Run {
    faults: Vec<Fault>,
    pub(crate) calls: Vec<CallKind>,
    misanswers: Vec<(u64, Misanswer)>,
    /// How many questions the hypervisor was asked.
    pub(crate) asked: u64,
    report: Report,
    /// What it left on the disk.
    storage: Storage,
    /// The disk, for the next process.
    disk: SimDisk,
    host: SimHost,
    /// How many files it has left open.
    open: usize,
}

impl Run {
    /// Whether the hypervisor gave a false answer.
    fn is_lied_to(&self) -> bool {
        let mut misanswers = self.misanswers.iter();
        misanswers.any(|(number, misanswer)| *number < self.asked && misanswer.is_lie())
    }

    fn incident(&self, end: Option<End>) -> Incident {
        Incident {
            actions: 1,
            step: None,
            end,
            faults: self.faults.clone(),
        }
    }
}

impl FaultWalk<'_> {
    /// Walks, and collects everything that is broken.
    ///
    /// # Errors
    ///
    /// [`WalkError`] if the simulated host of the scene can't start.
    pub fn walk(&self) -> Result<Faulted, WalkError> {
        let recovery = Recovery::new(self.scene, self.scene.host()?);
        let mut faulted = Faulted::default();
        let calls = self.run(Vec::new())?;
        faulted.calls = calls.calls.len() as u64;
        faulted.broken.extend(self.check(&calls, &recovery).err());
        for first in every_fault(&calls.calls, 0) {
            let single = self.run(vec![first])?;
            faulted.singles += 1;
            self.examine(&single, &recovery, &mut faulted);
            if self.power_cuts {
                self.cut_power(&single, &recovery, &mut faulted);
            }
            if self.pairs {
                let behind = single.calls.len().min(first.call() + 1);
                for second in every_fault(&single.calls, behind) {
                    let pair = self.run(vec![first, second])?;
                    faulted.pairs += 1;
                    self.examine(&pair, &recovery, &mut faulted);
                }
            }
        }
        Ok(faulted)
    }

    /// Lets one call after another go wrong. Each number chooses, modulo their count, among all
    /// faults that can follow those chosen before. Every run on the way is checked; if this walk
    /// cuts the power, it does so after the last one.
    ///
    /// # Errors
    ///
    /// [`WalkError`] if the simulated host of the scene can't start.
    pub fn strike(&self, choices: &[usize]) -> Result<Faulted, WalkError> {
        let recovery = Recovery::new(self.scene, self.scene.host()?);
        let mut run = self.run(Vec::new())?;
        let mut faulted = Faulted {
            calls: run.calls.len() as u64,
            ..Faulted::default()
        };
        self.examine(&run, &recovery, &mut faulted);
        for choice in choices {
            let behind = run.faults.last().map_or(0, |last| last.call() + 1);
            let possible: Vec<Fault> = every_fault(&run.calls, behind).collect();
            let chosen = choice.checked_rem(possible.len());
            let Some(next) = chosen.and_then(|chosen| possible.get(chosen)) else {
                break;
            };
            run = self.run([run.faults, vec![*next]].concat())?;
            match run.faults.len() {
                1 => faulted.singles += 1,
                2 => faulted.pairs += 1,
                _ => faulted.more += 1,
            }
            self.examine(&run, &recovery, &mut faulted);
        }
        if self.power_cuts {
            self.cut_power(&run, &recovery, &mut faulted);
        }
        Ok(faulted)
    }

    pub(crate) fn run(&self, faults: Vec<Fault>) -> Result<Run, WalkError> {
        self.run_misled(faults, Vec::new())
    }

    /// A run in which questions to the hypervisor are answered wrongly, too.
    pub(crate) fn run_misled(
        &self,
        faults: Vec<Fault>,
        misanswers: Vec<(u64, Misanswer)>,
    ) -> Result<Run, WalkError> {
        let (disk, host) = (self.scene.disk(), self.scene.host()?);
        let process = disk.process();
        let root = process.root()?;
        let before = process.open_files();
        let interceptor = Faults::new(faults.iter().copied());
        let root = Interposed::new(root, interceptor.clone());
        let root = root
            .losing(SimDirectory::lose_writeback)
            .losing_at_close(SimDirectory::lose_written);
        let store = FileStore::new(root).with_name_format(self.scene.setting().format);
        let misled = MisledHost::new(host.clone(), &misanswers);
        let userdata = Userdata::new(misled.clone(), store);
        let report = self.action.perform(&userdata, &host);
        Ok(Run {
            faults,
            misanswers,
            asked: misled.asked(),
            calls: interceptor.calls(),
            report,
            storage: disk.storage(),
            disk,
            host,
            open: process.open_files().saturating_sub(before),
        })
    }

    pub(crate) fn examine(&self, run: &Run, recovery: &Recovery<'_>, faulted: &mut Faulted) {
        for fault in &run.faults {
            if let Some(kind) = run.calls.get(fault.call()) {
                *faulted.met.entry((*kind, fault.how)).or_default() += 1;
            }
        }
        faulted.failed += u64::from(matches!(run.report, Report::Failed(_)));
        faulted.broken.extend(self.check(run, recovery).err());
    }

    fn check(&self, run: &Run, recovery: &Recovery<'_>) -> Result<(), Broken> {
        self.find_fault(run, recovery)
            .map_err(|violation| violation.after(self.describe(run), run.incident(None)))
    }

    fn describe(&self, run: &Run) -> String {
        let faults: Vec<String> = run
            .faults
            .iter()
            .map(|fault| match run.calls.get(fault.call()) {
                Some(kind) => format!("{fault} ({kind:?})"),
                None => fault.to_string(),
            })
            .collect();
        let misanswers = run.misanswers.iter();
        let misanswers = misanswers.map(|(number, how)| format!("answer {number} is {how:?}"));
        let all: Vec<String> = faults.into_iter().chain(misanswers).collect();
        format!(
            "{}: {}, so that it says: {}",
            self.action,
            all.join(", "),
            run.report
        )
    }

    /// Compares what was reported with what is there.
    fn find_fault(&self, run: &Run, recovery: &Recovery<'_>) -> Result<(), Violation> {
        let tree = run.storage.tree();
        let wrong = |guarantee, why: String| Violation {
            guarantee,
            why,
            tree: tree.clone(),
        };
        if run.misanswers.is_empty() {
            let kind = |fault: &Fault| (*fault, run.calls.get(fault.call()).copied());
            let faults: Vec<_> = run.faults.iter().map(kind).collect();
            interruption::check(&faults, &run.report)
                .map_err(|why| wrong(Guarantee::HonestErrors, why.to_owned()))?;
        }
        let expected = self
            .expected(run)
            .map_err(|why| wrong(Guarantee::HonestErrors, why))?;
        recovery.read(&run.disk, &expected, Cause::Kill)?;
        self.check_leftovers(run)
            .map_err(|why| wrong(Guarantee::HonestErrors, why))?;
        if run.open > 0 {
            return Err(wrong(
                Guarantee::Bounded,
                format!("{} files are left open", run.open),
            ));
        }
        // No lock is held any more, and everything that is left can be cleared.
        recovery.go_on(&run.disk, &expected, Cause::Kill)
    }

    /// What must be there, if the report is true.
    fn expected(&self, run: &Run) -> Result<Expectation, String> {
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
            Report::Carried(carried) => {
                let moved = |slot: &Slot| carried.moved.contains(slot.userid.as_userid());
                Ok(before.partly_after(&action, synced, moved))
            }
            Report::Swept(swept) => self.swept(run, swept),
            // Another process may have put something there since; what it put stays.
            Report::Failed(error) if is_lock_lost(error) => {
                Ok(before.partly_after(&action, false, |slot| self.is_made(run, slot)))
            }
            // Each value is with one of the two, and the same call completes the carry.
            Report::Failed(_) if matches!(action, Action::Carry { .. }) => {
                Ok(before.partly_after(&action, false, |slot| self.is_made(run, slot)))
            }
            Report::Failed(error) if is_applied(error) => Ok(before.after(&action, false)),
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
                let removed = |slot: &Slot| {
                    slot.domain == self.scene.first()
                        && cleared.removed.contains(slot.userid.as_userid())
                };
                Ok(before.partly_after(&action, synced, removed))
            }
            Report::Cleared(None, problems)
                if problems.last().is_some_and(is_applied) && !problems.iter().any(is_unknown) =>
            {
                Ok(before.after(&action, false))
            }

            Report::Cleared(None, problems) if !problems.is_empty() => {
                let left = files_of_first(self.scene, &run.storage.tree());
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

    /// What must be there after a sweep, if what it told is true.
    fn swept(&self, run: &Run, swept: &Swept) -> Result<Expectation, String> {
        let before = self.scene.expectation();
        let Action::Sweep { orphans, grace } = self.action else {
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
        let action = Action::Sweep {
            grace: *grace,
            orphans: removed,
        };
        let is_removed = |slot: &Slot| swept.has_removed(&slot.domain, slot.userid.as_userid());
        Ok(before.partly_after(&action, false, is_removed))
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
            self.scene.setting().format,
            &slot.domain,
            slot.userid.as_userid(),
        );
        let tree = run.storage.tree();
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

    /// Whatever is left besides values was reported.
    fn check_leftovers(&self, run: &Run) -> Result<(), String> {
        let reported = Reported::of(&run.report);
        let left = files_of_first(self.scene, &run.storage.tree());
        for name in &left {
            let silent = match name.kind() {
                Kind::Data => {
                    reported.clears
                        && !self.keeps(name)
                        && !reported.failed(name)
                        && !reported.anything
                }
                Kind::Temporary => !reported.left_behind.contains(name.as_bytes()),
                // An empty lock file that no process holds is void. Success leaves none.
                _ => reported.nothing_wrong,
            };
            if silent {
                return Err(format!("{name} is left, and not reported"));
            }
        }
        let is_there = |file: &[u8]| left.iter().any(|name| name.as_bytes() == file);
        match reported.left_behind.iter().find(|file| !is_there(file)) {
            Some(file) => Err(format!(
                "{} is reported as left, and is not there",
                file.escape_ascii()
            )),
            None => Ok(()),
        }?;
        let gone = run
            .host
            .domain(self.scene.first().domid)
            .ok()
            .flatten()
            .is_none();
        match (self.action, &run.report) {
            (action, Report::Cleared(..)) if action.ends_domain() && !gone => {
                Err("the domain is still there".to_owned())
            }
            (Action::DestroyInVain { .. }, Report::Cleared(..)) if !run.is_lied_to() => {
                Err("the domain lives, and its data was cleared".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether a value survives the action, when all goes well.
    fn keeps(&self, name: &FileName) -> bool {
        let expected = self.scene.expectation();
        expected
            .slots()
            .filter(|slot| slot.domain == self.scene.first())
            .any(|slot| is_value(name, slot) && self.action.effect_on(slot) != Some(None))
    }

    /// Cuts the power after a run: what was reported as durable is.
    fn cut_power(&self, run: &Run, recovery: &Recovery<'_>, faulted: &mut Faulted) {
        let Ok(expected) = self.expected(run) else {
            return;
        };
        let model = CrashModel {
            names: NameOrder::Weak,
            sizes: Sizes::Vary,
        };
        let states = run.storage.crash_states(model);
        let mut check = |index: u128, state: &Storage| {
            faulted.recovered += 1;
            let checked = recovery.check(state, &expected, Cause::PowerCut);
            checked.map_err(|violation| {
                let after = format!("{}, power cut {index}", self.describe(run));
                let incident = run.incident(Some(End::PowerCut(index)));
                violation.after(after, incident)
            })
        };
        let checked = if states.count() <= STATES_MAX {
            let mut distinct = BTreeSet::new();
            let mut distinct = states.distinct(&mut distinct);
            distinct.try_for_each(|(index, state)| check(index, &state))
        } else {
            let mut random = Random::new(run.calls.len() as u64);
            (0..STATES_DRAWN).try_for_each(|_| {
                let index = states.draw(&mut random);
                check(index, &states.state(index))
            })
        };
        faulted.broken.extend(checked.err());
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

/// Whether an error says that the change is made all the same.
pub(crate) fn is_applied(error: &UserdataError) -> bool {
    match error.kind() {
        UserdataErrorKind::Store(error) => matches!(
            error.kind(),
            StoreErrorKind::ReplacedNotDurable(_)
                | StoreErrorKind::RemovedNotDurable(_)
                | StoreErrorKind::LockLeft(_)
                | StoreErrorKind::LockLost { applied: true }
        ),
        _ => false,
    }
}

/// Whether this file of a domain is the value of that slot of the same domain.
fn is_value(name: &FileName, slot: &Slot) -> bool {
    name.kind() == Kind::Data && name.userid() == *slot.userid.as_userid()
}
