//! `Run`: the result of a scenario with one schedule.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use hv_sim::{EventError, HostOptions, HostState, NewDomain, SimHost};
use thiserror::Error;

use userdata_fs::Errno;

use super::ground::Ground;
use super::{Process, Scenario};
use crate::actor::{
    Counts, Line, Performer, Recorder, Running, ScheduledProcess, SharedStore, open_shared_store,
};
use crate::checker::HostImage;
use crate::history::{Event, History, ProcessId};
use crate::root::plain_root;
use crate::schedule::{Choices, Decision, Ending, Player, Stage};
use crate::walk::{Seen, boot_name, open_store, view_in};
use userdata_sim::crash::Storage;
use userdata_sim::{SimDisk, SimProcess};

/// The result of a scenario with one schedule.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// The host when it began, before the domains of the beginning were created.
    pub began: HostImage,
    /// What sweeps of this boot had seen before it began.
    pub seen: Vec<Seen>,
    /// What was observed.
    pub history: History,
    /// How it ended.
    pub end: Ending,
    /// What the disk held then. Locks that were held are void; what was not synced is not durable.
    pub storage: Storage,
    /// The host as it was then.
    pub host: HostState,
    /// How much happened.
    pub counts: Counts,
    /// The choices that were not to go on: [`Recorded`](crate::schedule::Recorded) repeats them.
    pub decisions: Vec<Decision>,
    /// What each process did, in order, if that was asked for.
    pub trace: Vec<Line>,
    /// The run of [`Scenario::then`]. Its moments and processes are counted anew.
    pub then: Option<Box<Run>>,
}

/// Whether a run notes every call. It takes several times as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracing {
    /// It does not.
    #[default]
    Off,
    /// It does.
    On,
}

/// A scenario that can't begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A domain of the beginning can't be created.
    #[error("the domains can't live at once")]
    Domains(#[source] EventError),
    /// The host can't boot.
    #[error("the host can't boot")]
    Boot(#[source] EventError),
    /// The directory can't be opened.
    #[error("the directory can't be opened: {0:?}")]
    Directory(Errno),
}

impl Run {
    /// This run with its scenario, and what came after it, each with its own.
    pub fn parts<'a>(
        &'a self,
        scenario: &'a Scenario,
    ) -> impl Iterator<Item = (&'a Scenario, &'a Self)> {
        std::iter::successors(Some((scenario, self)), |(scenario, run)| {
            let then = scenario.then.as_deref()?;
            Some((&then.scenario, run.then.as_deref()?))
        })
    }
}

impl Scenario {
    /// Runs it with these choices.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] if it can't begin.
    pub fn run(&self, choices: &mut dyn Choices, tracing: Tracing) -> Result<Run, ScenarioError> {
        self.run_on(&Ground::new(self), choices, tracing)
    }

    fn run_on(
        &self,
        ground: &Ground,
        choices: &mut dyn Choices,
        tracing: Tracing,
    ) -> Result<Run, ScenarioError> {
        let boot = boot_name(ground.host.state().boots());
        self.make_root(&ground.disk, &boot)?;
        let began = HostImage {
            host: ground.host.state(),
            tree: view_in(&boot, self.format, ground.disk.tree()),
        };
        let recorder = Arc::new(Recorder::new(tracing == Tracing::On));
        self.create_domains(&ground.host, &recorder)?;
        let running = Running::default();
        let mut stage = Stage {
            disk: &ground.disk,
            players: self.players(ground, &boot, &recorder, &running)?,
            running,
            power_cut: self.power_cut,
            reset: self.reset,
            steps_max: self.steps_max,
            steps: 0,
            preemptions: 0,
            decisions: Vec::new(),
        };
        let end = stage.play(choices);
        if end == Ending::PowerCut {
            recorder.push(Event::PowerCut);
        }
        let storage = ground.disk.storage();
        let host = ground.host.state();
        stage.clear(end == Ending::Endless);
        let recorded = recorder.take();
        let mut counts = recorded.counts;
        counts.steps = stage.steps;
        counts.preemptions = stage.preemptions;
        let decisions = stage.decisions;
        let then = match &self.then {
            // After a power cut nothing goes on without a boot.
            Some(then) if end == Ending::Quiet || end == Ending::PowerCut && then.boots => {
                let ground = ground.then(then, end, &storage, &recorded.history)?;
                Some(Box::new(then.scenario.run_on(&ground, choices, tracing)?))
            }
            _ => None,
        };
        Ok(Run {
            began,
            seen: ground.seen.clone(),
            history: recorded.history,
            end,
            storage,
            host,
            counts,
            decisions,
            trace: recorded.lines,
            then,
        })
    }

    /// The root of a tree is made before the processes start.
    fn make_root(&self, disk: &SimDisk, boot: &str) -> Result<(), ScenarioError> {
        let root = plain_root(&disk.process());
        let opened = root.and_then(|root| open_store(self.format, root, boot));
        opened.map_err(ScenarioError::Directory)?;
        disk.settle();
        Ok(())
    }

    pub(crate) fn host_options(&self) -> HostOptions {
        HostOptions::new(self.seed)
            .with_spurious_one_in(0)
            .with_reports_dying(self.reports_dying)
    }

    fn create_domains(&self, host: &SimHost, recorder: &Recorder) -> Result<(), ScenarioError> {
        for domain in &self.domains {
            let new = NewDomain::new()
                .with_domid(domain.domid)
                .with_uuid(domain.uuid);
            let created = host.create(new.clone()).map_err(ScenarioError::Domains)?;
            recorder.lock().incarnations.push(created);
            recorder.push(Event::Host {
                event: hv_sim::Event::Create(new),
                created: Some(created),
            });
        }
        Ok(())
    }

    fn players(
        &self,
        ground: &Ground,
        boot: &str,
        recorder: &Arc<Recorder>,
        running: &Running,
    ) -> Result<Vec<Player>, ScenarioError> {
        let all = self.scheduled(&ground.disk, boot, recorder);
        let mut stores = BTreeMap::new();
        let player = |(process, scheduled): (&Process, &Arc<ScheduledProcess>)| {
            let id = scheduled.process().id();
            let store = match stores.entry(id) {
                Entry::Occupied(entry) => SharedStore::clone(entry.get()),
                Entry::Vacant(entry) => {
                    let threads = all.iter().filter(|one| one.process().id() == id);
                    let opened = open_shared_store(
                        scheduled,
                        threads.cloned().collect(),
                        running,
                        (self.format, boot),
                    );
                    entry
                        .insert(opened.map_err(ScenarioError::Directory)?)
                        .clone()
                }
            };
            let (deadline, sightings) = (process.deadline, Arc::clone(&ground.sightings));
            let mut performer = Performer::new(
                Arc::clone(scheduled),
                &ground.host,
                sightings,
                deadline,
                store,
            )
            .map_err(ScenarioError::Directory)?;
            let scheduled = Arc::clone(scheduled);
            let tasks = process.tasks.clone();
            Ok(Player::new(scheduled, process.kill, move || {
                performer.perform(&tasks);
            }))
        };
        self.processes.iter().zip(&all).map(player).collect()
    }

    fn scheduled(
        &self,
        disk: &SimDisk,
        boot: &str,
        recorder: &Arc<Recorder>,
    ) -> Vec<Arc<ScheduledProcess>> {
        let mut of_threads = BTreeMap::new();
        let scheduled = |(process, number): (&Process, usize)| {
            let started = match process.thread_of {
                None => disk.process(),
                Some(of) => {
                    SimProcess::clone(of_threads.entry(of).or_insert_with(|| disk.process()))
                }
            };
            Arc::new(ScheduledProcess::new(
                ProcessId(number),
                started,
                Arc::clone(recorder),
                &process.faults,
                &process.misanswers,
                (self.format, boot),
            ))
        };
        self.processes.iter().zip(0..).map(scheduled).collect()
    }
}
