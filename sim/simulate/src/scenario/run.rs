//! `Run`: the result of a scenario with one schedule.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use hv_sim::{EventError, HostOptions, HostState, NewDomain, SimHost};
use thiserror::Error;

use userdata_fs::Errno;

use super::{Process, Scenario};
use crate::actor::{
    Counts, Line, Performer, Recorder, Running, ScheduledProcess, SharedStore, open_store,
};
use crate::history::{Event, History, ProcessId};
use crate::schedule::{Choices, Decision, Ending, Player, Stage};
use userdata_sim::crash::Storage;
use userdata_sim::{SimDisk, SimOptions, SimProcess};

/// The result of a scenario with one schedule.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
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
    /// The directory can't be opened.
    #[error("the directory can't be opened: {0:?}")]
    Directory(Errno),
}

impl Scenario {
    /// Runs it with these choices.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] if it can't begin.
    pub fn run(&self, choices: &mut dyn Choices, tracing: Tracing) -> Result<Run, ScenarioError> {
        let mut options = SimOptions::default().with_seed(self.seed);
        options.storage.block = self.block;
        options.storage.capacity = self.capacity;
        let disk = SimDisk::new(options);
        let recorder = Arc::new(Recorder::new(tracing == Tracing::On));
        let host = self.host(&recorder)?;
        let running = Running::default();
        let mut stage = Stage {
            disk: &disk,
            players: self.players(&disk, &host, &recorder, &running)?,
            running,
            power_cut: self.power_cut,
            steps_max: self.steps_max,
            steps: 0,
            preemptions: 0,
            decisions: Vec::new(),
        };
        let end = stage.play(choices);
        if end == Ending::PowerCut {
            recorder.push(Event::PowerCut);
        }
        let storage = disk.storage();
        stage.clear(end == Ending::Endless);
        let recorded = recorder.take();
        let mut counts = recorded.counts;
        counts.steps = stage.steps;
        counts.preemptions = stage.preemptions;
        Ok(Run {
            history: recorded.history,
            end,
            storage,
            host: host.state(),
            counts,
            decisions: stage.decisions,
            trace: recorded.lines,
        })
    }

    pub(crate) fn host_options(&self) -> HostOptions {
        HostOptions::new(self.seed)
            .with_spurious_one_in(0)
            .with_reports_dying(self.reports_dying)
    }

    fn host(&self, recorder: &Recorder) -> Result<SimHost, ScenarioError> {
        let host = SimHost::new(self.host_options());
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
        Ok(host)
    }

    fn players(
        &self,
        disk: &SimDisk,
        host: &SimHost,
        recorder: &Arc<Recorder>,
        running: &Running,
    ) -> Result<Vec<Player>, ScenarioError> {
        let all = self.scheduled(disk, recorder);
        let mut stores = BTreeMap::new();
        let player = |(process, scheduled): (&Process, &Arc<ScheduledProcess>)| {
            let id = scheduled.process().id();
            let store = match stores.entry(id) {
                Entry::Occupied(entry) => SharedStore::clone(entry.get()),
                Entry::Vacant(entry) => {
                    let threads = all.iter().filter(|one| one.process().id() == id);
                    let opened = open_store(scheduled, threads.cloned().collect(), running);
                    entry
                        .insert(opened.map_err(ScenarioError::Directory)?)
                        .clone()
                }
            };
            let (scheduled, deadline) = (Arc::clone(scheduled), process.deadline);
            let mut performer = Performer::new(Arc::clone(&scheduled), host, deadline, store)
                .map_err(ScenarioError::Directory)?;
            let tasks = process.tasks.clone();
            Ok(Player::new(scheduled, process.kill, move || {
                performer.perform(&tasks);
            }))
        };
        self.processes.iter().zip(&all).map(player).collect()
    }

    fn scheduled(&self, disk: &SimDisk, recorder: &Arc<Recorder>) -> Vec<Arc<ScheduledProcess>> {
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
            ))
        };
        self.processes.iter().zip(0..).map(scheduled).collect()
    }
}
