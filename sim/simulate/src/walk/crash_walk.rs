//! `CrashWalk`: the process is killed, or the power cut, after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hv_sim::EventError;
use userdata::Userdata;
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, StoredAll};
use userdata_fs::Errno;

use super::expectation::{Cause, Expectation};
use super::layout::{BOOT, open_store};
use super::recovery::Recovery;
use super::{Action, ActionKind, Broken, End, Guarantee, Incident, Report, Scene};
use super::{carry, shortage};
use crate::root::root_behind;
use userdata_sim::SimDisk;
use userdata_sim::crash::{CrashModel, CrashStates, Storage, Tree};
use userdata_sim::interpose::{CallKind, WithoutSyncs};
use userdata_sim::random::Random;

/// The actions of one process, and the model of a crash.
#[derive(Clone, Debug)]
pub struct CrashWalk<'a> {
    /// The scene in which the process acts.
    pub scene: &'a Scene,
    /// The actions, one after the other.
    pub actions: &'a [Action],
    /// The model of power cuts.
    pub model: CrashModel,
    /// A seeded bug.
    pub bug: WithoutSyncs,
    /// How many states of one moment are walked; if there are more, this many are drawn.
    pub states_max: u128,
    /// The seed of what is drawn.
    pub seed: u64,
}

/// One power cut of all that a [`CrashWalk`] can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// After which step, modulo their count.
    pub moment: usize,
    /// The state that the power cut leaves: an index of [`CrashStates`], modulo their count.
    pub state: u128,
}

/// How far a walk went, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// How many calls changed storage.
    pub steps: u64,
    /// How many times the process was killed.
    pub kills: u64,
    /// In how many ways the power could be cut, equal ones included.
    pub states: u128,
    /// How many of them were recovered from: those that differ from all before them during the same
    /// action, or those that were drawn.
    pub recovered: u64,
    /// The ends by place: the kind of the action, and of the step after which the end came; `None`
    /// after all of them.
    pub ended: BTreeMap<(ActionKind, Option<CallKind>), Ended>,
    /// The broken guarantees.
    pub broken: Vec<Broken>,
}

/// How often a run ended at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many times the process was killed.
    pub kills: u64,
    /// How many states were recovered from after a power cut.
    pub recovered: u64,
}

impl Walked {
    /// Adds what another walk found.
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.kills += other.kills;
        self.states = self.states.saturating_add(other.states);
        self.recovered += other.recovered;
        for (place, other) in other.ended {
            let ended = self.ended.entry(place).or_default();
            ended.kills += other.kills;
            ended.recovered += other.recovered;
        }
        self.broken.extend(other.broken);
    }
}

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            steps,
            kills,
            states,
            recovered,
            ended: _,
            broken,
        } = self;
        write!(
            f,
            "{steps} steps, {kills} kills, {states} states after power cuts, {recovered} recovered \
             from, {} guarantees broken",
            broken.len(),
        )
    }
}

/// A moment at which a run may end.
struct Moment {
    /// The number of its expectation.
    number: usize,
    /// The action that is under way or done, and the step that was made.
    place: Option<(ActionKind, Option<CallKind>)>,
    step: Option<usize>,
    storage: Storage,
    expectation: Expectation,
    after: String,
}

impl Moment {
    /// Kills the process, and then lets `cut` cut the power.
    fn end(
        &self,
        recovery: &Recovery<'_>,
        walked: &mut Walked,
        cut: impl FnOnce(&mut Walked) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let before = (walked.kills, walked.recovered);
        let result = self.kill(recovery, walked).and_then(|()| cut(walked));
        if let Some(place) = self.place {
            let ended = walked.ended.entry(place).or_default();
            ended.kills += walked.kills - before.0;
            ended.recovered += walked.recovered - before.1;
        }
        result
    }

    fn kill(&self, recovery: &Recovery<'_>, walked: &mut Walked) -> Result<(), Broken> {
        walked.kills += 1;
        recovery
            .check(&self.storage.killed(), &self.expectation, Cause::Kill)
            .map_err(|complaint| {
                let after = format!("{}, killed", self.after);
                complaint.after(after, self.incident(End::Kill))
            })
    }

    /// Recovers from one of the states that a power cut may leave.
    fn recover(
        &self,
        states: &CrashStates<'_>,
        (index, state): (u128, &Storage),
        recovery: &Recovery<'_>,
        walked: &mut Walked,
    ) -> Result<(), Broken> {
        walked.recovered += 1;
        recovery
            .check(state, &self.expectation, Cause::PowerCut)
            .map_err(|complaint| {
                let kept = states.describe(index);
                let after = format!("{}, power cut {index}:\n{kept}", self.after);
                complaint.after(after, self.incident(End::PowerCut(index)))
            })
    }

    fn incident(&self, end: End) -> Incident {
        Incident {
            actions: self.number.div_ceil(2),
            step: self.step,
            end: Some(end),
            faults: Vec::new(),
        }
    }
}

impl CrashWalk<'_> {
    /// Walks. Stops at the first broken guarantee.
    ///
    /// # Errors
    ///
    /// [`WalkError`] if the simulated host of the scene can't start.
    pub fn walk(&self) -> Result<Walked, WalkError> {
        self.walk_through(|moments, recovery, walked| {
            let mut random = Random::new(self.seed);
            let (mut seen, mut action) = (BTreeSet::new(), None);
            moments.iter().try_for_each(|moment| {
                // While the expectation is the same, equal states are checked only once.
                if action.replace(moment.number) != Some(moment.number) {
                    seen.clear();
                }
                seen.insert(moment.storage.tree());
                moment.end(recovery, walked, |walked| {
                    self.cut_power(moment, recovery, &mut seen, &mut random, walked)
                })
            })
        })
    }

    /// Makes these cuts alone, and kills the process at the same moments. Stops at the first broken
    /// guarantee.
    ///
    /// # Errors
    ///
    /// [`WalkError`] if the simulated host of the scene can't start.
    pub fn make_cuts(&self, cuts: &[Cut]) -> Result<Walked, WalkError> {
        self.walk_through(|moments, recovery, walked| {
            cuts.iter().try_for_each(|cut| {
                // There is always the moment before the first action.
                let Some(moment) = moments.get(cut.moment % moments.len()) else {
                    return Ok(());
                };
                moment.end(recovery, walked, |walked| {
                    let states = moment.storage.crash_states(self.model);
                    walked.states = walked.states.saturating_add(1);
                    let index = cut.state % states.count();
                    moment.recover(&states, (index, &states.state(index)), recovery, walked)
                })
            })
        })
    }

    fn walk_through(
        &self,
        mut look: impl FnMut(&[Moment], &Recovery<'_>, &mut Walked) -> Result<(), Broken>,
    ) -> Result<Walked, WalkError> {
        let mut walked = Walked::default();
        let moments = match self.moments() {
            Ok(moments) => moments,
            Err(Stopped::Broken(broken)) => {
                walked.broken.push(*broken);
                return Ok(walked);
            }
            Err(Stopped::Walk(error)) => return Err(error),
        };
        let recovery = Recovery::new(self.scene, self.scene.host()?);
        walked.steps = moments.len().saturating_sub(self.actions.len() + 1) as u64;
        let looked = look(&moments, &recovery, &mut walked);
        walked.broken.extend(looked.err());
        Ok(walked)
    }

    fn cut_power(
        &self,
        moment: &Moment,
        recovery: &Recovery<'_>,
        seen: &mut BTreeSet<Tree>,
        random: &mut Random,
        walked: &mut Walked,
    ) -> Result<(), Broken> {
        let states = moment.storage.crash_states(self.model);
        walked.states = walked.states.saturating_add(states.count());
        if states.count() <= self.states_max {
            states.distinct(seen).try_for_each(|(index, state)| {
                moment.recover(&states, (index, &state), recovery, walked)
            })
        } else {
            (0..self.states_max).try_for_each(|_| {
                let index = states.draw(random);
                moment.recover(&states, (index, &states.state(index)), recovery, walked)
            })
        }
    }

    /// Performs all actions once, and notes what is expected after each step.
    fn moments(&self) -> Result<Vec<Moment>, Stopped> {
        let disk = self.scene.disk();
        let host = self.scene.host().map_err(WalkError::from)?;
        let root = root_behind(&disk.process(), self.bug).map_err(WalkError::from)?;
        let format = self.scene.setting().format;
        let store = open_store(format, root, BOOT);
        let store = store.map_err(WalkError::from)?;
        let userdata = Userdata::new(host.clone(), store);
        let mut expectation = self.scene.expectation();
        let mut moments = vec![Moment {
            number: 0,
            place: None,
            step: None,
            storage: disk.storage(),
            expectation: expectation.clone(),
            after: "nothing".to_owned(),
        }];
        for (number, action) in self.actions.iter().enumerate() {
            disk.record_steps();
            let action = &carry::by_now(action, &expectation);
            let refused = carry::is_refused(action, &expectation);
            let report = action.perform(&userdata, &host);
            let is_fine = match refused {
                true => carry::says_refused(&report),
                false => is_fine(action, &report),
            };
            if !is_fine && !shortage::explains(self.scene, action, &report) {
                return Err(broken(number, action, &report, &disk));
            }
            let during = match refused {
                true => expectation.clone(),
                false if format == NameFormat::Tree => expectation.during(action).at_once(action),
                false => expectation.during(action),
            };
            if !matches!(report, Report::Failed(_)) {
                expectation = expectation.after(action, report.says_synced());
            }
            for (at, step) in disk.take_steps().into_iter().enumerate() {
                moments.push(Moment {
                    number: 2 * number + 1,
                    place: Some((action.kind(), Some(step.kind))),
                    step: Some(at),
                    storage: step.storage,
                    expectation: during.clone(),
                    after: format!("{action}, step {at}: {}", step.call),
                });
            }
            moments.push(Moment {
                number: 2 * number + 2,
                place: Some((action.kind(), None)),
                step: None,
                storage: disk.storage(),
                expectation: expectation.clone(),
                after: format!("{action}"),
            });
        }
        Ok(moments)
    }
}

/// Without faults everything succeeds, and the reported durability is the one that was asked for.
fn is_fine(action: &Action, report: &Report) -> bool {
    match report {
        Report::Changed(
            userdata::Outcome::Stored { durability, .. }
            | userdata::Outcome::Removed { durability },
        ) => *durability == action.durability(),
        Report::Cleared(Some(cleared), problems) => {
            let durability: Durability = cleared.durability;
            durability == action.durability() && cleared.failed.is_empty() && problems.is_empty()
        }
        Report::StillThere(problems) => {
            problems.is_empty() && matches!(action, Action::DestroyInVain { .. })
        }
        Report::StoredAll(stored) => is_whole(stored, action),
        Report::StoredEach(results) => {
            let mut results = results.iter();
            results.all(|(_, result)| result.as_ref().is_ok_and(|stored| is_whole(stored, action)))
        }
        Report::Carried(carried) => carried.durability == action.durability(),
        Report::Swept(swept) => swept.error.is_none() && swept.failed.is_empty(),
        Report::AllRefused => matches!(action, Action::ImportDamaged { .. }),
        Report::Exported { .. } => false,
        Report::Changed(_) | Report::Read(_) | Report::Listed(_) => true,
        Report::Cleared(None, _) | Report::Unknown(_) | Report::Failed(_) | Report::Nonsense(_) => {
            false
        }
    }
}

fn is_whole(stored: &StoredAll, action: &Action) -> bool {
    stored.durability == action.durability() && stored.kept.is_empty() && stored.failed.is_empty()
}

fn broken(number: usize, action: &Action, report: &Report, disk: &SimDisk) -> Stopped {
    Stopped::Broken(Box::new(Broken {
        guarantee: Guarantee::HonestErrors,
        after: action.to_string(),
        why: format!("it says: {report}"),
        tree: disk.tree().to_string(),
        incident: Box::new(Incident {
            actions: number + 1,
            ..Incident::default()
        }),
    }))
}

/// A walk that could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The simulated host refused its first domains.
    #[error("the simulated host refused its domains")]
    Host(#[from] EventError),
    /// The simulated disk could not be opened.
    #[error("the simulated disk could not be opened")]
    Disk(#[from] Errno),
}

enum Stopped {
    Broken(Box<Broken>),
    Walk(WalkError),
}

impl From<WalkError> for Stopped {
    fn from(error: WalkError) -> Self {
        Self::Walk(error)
    }
}
