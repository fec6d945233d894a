//! `CrashWalk`: the process is killed, or the power cut, after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hv_sim::EventError;
use userdata::Userdata;
use userdata_core::Durability;
use userdata_fs::{Errno, FileStore};

use super::expectation::{Cause, Expectation};
use super::recovery::Recovery;
use super::{Action, ActionKind, Broken, End, Guarantee, Incident, Report, Scene};
use crate::{CallKind, CrashModel, Interposed, Random, SimDisk, Storage, Tree, WithoutSyncs};

/// What one process does, and how a crash treats it.
#[derive(Clone, Debug)]
pub struct CrashWalk<'a> {
    /// Where it happens.
    pub scene: &'a Scene,
    /// What is done, one after the other.
    pub actions: &'a [Action],
    /// What a power cut may keep.
    pub model: CrashModel,
    /// A bug to be found.
    pub bug: WithoutSyncs,
    /// How many states of one moment are walked; if there are more, so many are drawn.
    pub states_max: u128,
    /// What is drawn follows from it.
    pub seed: u64,
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
    /// How many of them were recovered from: each that differs from those before it while the same
    /// action was on its way, or those that were drawn.
    pub recovered: u64,
    /// Where the end came: after a step of this kind, or after all, of an action of that kind.
    pub ended: BTreeMap<(ActionKind, Option<CallKind>), Ended>,
    /// What was broken.
    pub broken: Vec<Broken>,
}

/// How often everything ended at one place.
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

/// A point in time at which everything may end.
struct Moment {
    /// Which expectation it is.
    number: usize,
    /// The action that is on its way or done, and the step that was made.
    place: Option<(ActionKind, Option<CallKind>)>,
    step: Option<usize>,
    storage: Storage,
    expectation: Expectation,
    after: String,
}

impl CrashWalk<'_> {
    /// Walks. Stops at the first broken guarantee.
    ///
    /// # Errors
    ///
    /// None that happens: the scene was made before.
    pub fn walk(&self) -> Result<Walked, WalkError> {
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
        let mut random = Random::new(self.seed);
        let (mut seen, mut action) = (BTreeSet::new(), None);
        walked.steps = moments.len().saturating_sub(self.actions.len() + 1) as u64;
        for moment in &moments {
            // While nothing else is expected, the same files need no second look.
            if action.replace(moment.number) != Some(moment.number) {
                seen.clear();
            }
            let before = (walked.kills, walked.recovered);
            self.end(moment, &recovery, &mut seen, &mut random, &mut walked);
            if let Some(place) = moment.place {
                let ended = walked.ended.entry(place).or_default();
                ended.kills += walked.kills - before.0;
                ended.recovered += walked.recovered - before.1;
            }
            if !walked.broken.is_empty() {
                break;
            }
        }
        Ok(walked)
    }

    fn end(
        &self,
        moment: &Moment,
        recovery: &Recovery<'_>,
        seen: &mut BTreeSet<Tree>,
        random: &mut Random,
        walked: &mut Walked,
    ) {
        let Moment {
            storage,
            expectation,
            after,
            ..
        } = moment;
        let incident = |end| Incident {
            actions: moment.number.div_ceil(2),
            step: moment.step,
            end: Some(end),
            faults: Vec::new(),
        };
        walked.kills += 1;
        seen.insert(storage.tree());
        if let Err(complaint) = recovery.check(&storage.killed(), expectation, Cause::Kill) {
            let after = format!("{after}, killed");
            walked
                .broken
                .push(complaint.after(after, incident(End::Kill)));
            return;
        }
        let states = storage.crash_states(self.model);
        walked.states = walked.states.saturating_add(states.count());
        let mut cut = |(index, state): (u128, Storage)| {
            walked.recovered += 1;
            let checked = recovery.check(&state, expectation, Cause::PowerCut);
            checked.map_err(|complaint| {
                let kept = states.describe(index);
                let after = format!("{after}, power cut {index}:\n{kept}");
                complaint.after(after, incident(End::PowerCut(index)))
            })
        };
        let result = if states.count() <= self.states_max {
            states.distinct(seen).try_for_each(&mut cut)
        } else {
            (0..self.states_max).try_for_each(|_| {
                let index = states.draw(random);
                cut((index, states.state(index)))
            })
        };
        walked.broken.extend(result.err());
    }

    /// Does everything once, and notes what may be expected after each step.
    fn moments(&self) -> Result<Vec<Moment>, Stopped> {
        let disk = self.scene.disk();
        let host = self.scene.host().map_err(WalkError::from)?;
        let root = disk.process().root().map_err(WalkError::from)?;
        let store = FileStore::new(Interposed::new(root, self.bug))
            .with_name_format(self.scene.setting().format);
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
            let report = action.perform(&userdata, &host);
            check_report(number, action, &report, &disk)?;
            let during = expectation.during(action);
            expectation = expectation.after(action, report.says_synced());
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

/// Without faults everything succeeds, and what is said to be durable is what was asked.
fn check_report(
    number: usize,
    action: &Action,
    report: &Report,
    disk: &SimDisk,
) -> Result<(), Stopped> {
    let fine = match report {
        Report::Changed(
            userdata::Outcome::Stored { durability, .. }
            | userdata::Outcome::Removed { durability },
        ) => *durability == action.durability(),
        Report::Cleared(Some(cleared), trouble) => {
            let durability: Durability = cleared.durability;
            durability == action.durability() && cleared.failed.is_empty() && trouble.is_empty()
        }
        Report::StillThere(trouble) => trouble.is_empty(),
        Report::Changed(_) | Report::Read(_) | Report::Listed(_) => true,
        Report::Cleared(None, _) | Report::Failed(_) | Report::Nonsense(_) => false,
    };
    if fine {
        return Ok(());
    }
    Err(Stopped::Broken(Box::new(Broken {
        guarantee: Guarantee::HonestErrors,
        after: action.to_string(),
        why: format!("it says: {report}"),
        tree: disk.tree().to_string(),
        incident: Box::new(Incident {
            actions: number + 1,
            ..Incident::default()
        }),
    })))
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
