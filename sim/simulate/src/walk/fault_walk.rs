//! `FaultWalk`: every call goes wrong in every way, one at a time and two at a time.

mod expected;

use std::collections::BTreeSet;

use hv_sim::SimHost;
use userdata::{Userdata, UserdataError, UserdataErrorKind};
use userdata_core::Hypervisor as _;
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::StoreErrorKind;

use super::expectation::Cause;
use super::faulted::Faulted;
use super::interruption;
use super::layout::{BOOT, boot_directory, open_store, view};
use super::misled_host::MisledHost;
use super::recovery::{Recovery, Violation, files_of, is_of};
use super::reported::Reported;
use super::shortage;
use super::{Action, Broken, End, Guarantee, Incident, Report, Scene, Slot, WalkError};
use crate::misanswer::Misanswer;
use crate::root::root_behind;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Storage};
use userdata_sim::faults::{Fault, Faults, every_fault};
use userdata_sim::interpose::CallKind;
use userdata_sim::random::Random;
use userdata_sim::{SimDirectory, SimDisk};

/// How many states of a power cut are all walked. Where several values are written without a sync
/// there are more.
const STATES_MAX: u128 = 1 << 11;

/// How many are drawn where there are more.
const STATES_DRAWN: u32 = 256;

/// How many are drawn of a batch, which has many faults.
const STATES_OF_A_BATCH: u32 = 16;

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
        let interceptor = Faults::default();
        let root = root_behind(&process, interceptor.clone())?;
        let root = root.losing_at_close(SimDirectory::lose_written);
        let before = process.open_files();
        let format = self.scene.setting().format;
        let store = open_store(format, root, BOOT)?;
        interceptor.begin(faults.iter().copied());
        let misled = MisledHost::new(host.clone(), &misanswers);
        let userdata = Userdata::new(misled.clone(), store);
        let report = self.action.perform(&userdata, &host);
        let asked = misled.asked();
        let beyond = process
            .open_files()
            .saturating_sub(before + kept_open(format));
        // A file that was forgotten stays open when the store is closed.
        drop(userdata);
        let open = beyond.max(process.open_files());
        Ok(Run {
            faults,
            misanswers,
            asked,
            calls: interceptor.calls(),
            report,
            storage: disk.storage(),
            disk,
            host,
            open,
        })
    }

    pub(crate) fn examine(&self, run: &Run, recovery: &Recovery<'_>, faulted: &mut Faulted) {
        for fault in &run.faults {
            if let Some(kind) = run.calls.get(fault.call()) {
                *faulted.met.entry((*kind, fault.how)).or_default() += 1;
            }
        }
        faulted.failed += u64::from(!run.report.failures().is_empty());
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
        let tree = view(self.scene.setting().format, run.storage.tree());
        let wrong = |guarantee, why: String| Violation {
            guarantee,
            why,
            tree: tree.clone(),
        };
        let explained = shortage::explains(self.scene, self.action, &run.report);
        if run.misanswers.is_empty() && !explained {
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

    /// Whatever is left besides values was reported.
    fn check_leftovers(&self, run: &Run) -> Result<(), String> {
        let reported = Reported::of(&run.report);
        let mut domains = self.action.domains();
        domains.push(self.scene.first());
        let left = files_of(self.scene, run.storage.tree(), &domains);
        let is_tree = self.scene.setting().format == NameFormat::Tree;
        for name in &left {
            let silent = match name.kind() {
                Kind::Data => {
                    reported.clears
                        && !self.keeps(name)
                        && !reported.failed(name)
                        && !reported.anything
                }
                Kind::Temporary => !reported.left_behind.contains(name.as_bytes()),
                // An empty directory of a domain is void, and stays if it can't be removed.
                Kind::Lock if is_tree => run.faults.is_empty(),
                // An empty lock file that no process holds is void. Success leaves none.
                _ => reported.nothing_wrong,
            };
            if silent {
                return Err(format!("{name} is left, and not reported"));
            }
        }
        // Of a tree also the directories of imports that were not completed.
        let tree = run.storage.tree();
        let path_of = |file: &[u8]| [boot_directory(BOOT).as_bytes(), b"/", file].concat();
        let stages = tree
            .iter()
            .filter_map(|(path, _)| path.strip_prefix(&*path_of(b"")));
        let mut stages = stages.filter(|name| name.starts_with(b"stage-") && !name.contains(&b'/'));
        if let Some(stage) = stages.find(|name| !reported.left_behind.contains(*name)) {
            let stage = stage.escape_ascii();
            return Err(format!("{stage} is left, and not reported"));
        }
        let is_there = |file: &[u8]| {
            left.iter().any(|name| name.as_bytes() == file) || tree.get(&path_of(file)).is_some()
        };
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
            .filter(|slot| is_of(name, &slot.domain))
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
        let (all, drawn) = match self.scene.has_barrier() {
            true => (STATES_OF_A_BATCH.into(), STATES_OF_A_BATCH),
            false => (STATES_MAX, STATES_DRAWN),
        };
        let checked = if states.count() <= all {
            let mut distinct = BTreeSet::new();
            let mut distinct = states.distinct(&mut distinct);
            distinct.try_for_each(|(index, state)| check(index, &state))
        } else {
            let mut random = Random::new(run.calls.len() as u64);
            (0..drawn).try_for_each(|_| {
                let index = states.draw(&mut random);
                check(index, &states.state(index))
            })
        };
        faulted.broken.extend(checked.err());
    }
}

/// How many directories a store keeps open at most besides its own: in a tree, that of the boot and
/// the trash.
const fn kept_open(format: NameFormat) -> usize {
    match format {
        NameFormat::Tree => 2,
        _ => 0,
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
