//! `Stage`: processes that take turns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use generator::{Generator, Gn};

use super::{Choice, Choices, Decision, Moment, Point};
use crate::actor::{Running, ScheduledProcess};
use crate::history::{OutOfLine, ProcessId};
use userdata_fs::Turn;
use userdata_sim::SimDisk;

/// How long a step takes on the simulated clock.
const TICK: Duration = Duration::from_micros(1);

/// The size of the stack of a process, in words.
const STACK: usize = 0x8000;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All processes came to their end, or were killed.
    Quiet,
    /// The power failed.
    PowerCut,
    /// It took too many steps; the processes that had not ended were killed.
    Endless,
}

/// What a process does, at the point that it has reached.
type Body = Generator<'static, (), Point>;

/// A process on a stage.
pub(crate) struct Player {
    scheduled: Arc<ScheduledProcess>,
    body: Body,
    state: State,
    /// How many steps it has made.
    steps: u64,
    /// The step before which it is killed.
    kill: Option<u64>,
    /// Whether it was noted that it waits in line for ever.
    is_stuck: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Ready,
    AsleepUntil(Duration),
    /// It waits in line, at most until then.
    InLine(Turn, Duration),
    Over,
}

impl Player {
    /// The process `scheduled`, which does `body`.
    pub(crate) fn new(
        scheduled: Arc<ScheduledProcess>,
        kill: Option<u64>,
        body: impl FnOnce() + Send + 'static,
    ) -> Self {
        let body: Body = Gn::new_opt(STACK, move || {
            body();
            Point::Over
        });
        Self {
            scheduled,
            body,
            state: State::Ready,
            steps: 0,
            kill,
            is_stuck: false,
        }
    }

    fn resume(&mut self, disk: &SimDisk, running: &Running) {
        running.set(self.scheduled.id());
        self.state = match self.body.resume() {
            Some(Point::Step) => State::Ready,
            Some(Point::Pause(span)) => State::AsleepUntil(disk.clock().saturating_add(span)),
            Some(Point::Turn(turn, span)) => State::InLine(turn, disk.clock().saturating_add(span)),
            Some(Point::Over) | None => State::Over,
        };
    }

    /// Lets it come to its end. It is dead: its calls change nothing and take no turns.
    fn end(&mut self, disk: &SimDisk, running: &Running) {
        while self.state != State::Over {
            self.resume(disk, running);
        }
    }

    fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether it waits for another thread.
    fn waits(&self) -> bool {
        matches!(&self.state, State::InLine(turn, _) if !turn.is_given())
    }

    fn is_thread_of(&self, process: u32) -> bool {
        self.scheduled.process().id() == process
    }
}

/// The processes that take turns, and their bounds.
pub(crate) struct Stage<'a> {
    pub(crate) disk: &'a SimDisk,
    pub(crate) running: Running,
    pub(crate) players: Vec<Player>,
    /// The step before which the power is cut.
    pub(crate) power_cut: Option<u64>,
    /// The step before which all processes are killed.
    pub(crate) reset: Option<u64>,
    /// How many steps all processes may take together.
    pub(crate) steps_max: u64,
    /// How many were made.
    pub(crate) steps: u64,
    /// How often a process that could have gone on was kept waiting, and another ran.
    pub(crate) preemptions: u64,
    /// Every choice that was not to go on.
    pub(crate) decisions: Vec<Decision>,
}

impl Stage<'_> {
    /// Lets the processes run until all have ended, or the power fails. A process that has not
    /// ended then still is where it was; see [`Stage::clear`].
    pub(crate) fn play(&mut self, choices: &mut dyn Choices) -> Ending {
        let (mut ready, mut asleep) = (Vec::new(), Vec::new());
        let mut current = None;
        loop {
            self.gather(&mut ready, &mut asleep);
            self.look_for_stuck();
            if ready.is_empty() && asleep.is_empty() {
                return Ending::Quiet;
            }
            if self.power_cut == Some(self.steps) {
                return Ending::PowerCut;
            }
            if self.reset == Some(self.steps) {
                self.clear(true);
                return Ending::Quiet;
            }
            if self.steps >= self.steps_max {
                return Ending::Endless;
            }
            let moment = Moment {
                step: self.steps,
                last: current.map(|id| (id, self.steps_of(id))),
                current: current.filter(|id| ready.contains(id)),
                ready: &ready,
                asleep: &asleep,
            };
            let choice = moment.possible(choices.choose(&moment));
            if choice != Choice::Run(moment.go_on()) {
                let after = moment.last;
                self.decisions.push(Decision { after, choice });
            }
            match choice {
                Choice::Run(id) => {
                    self.preemptions += u64::from(moment.current.is_some_and(|now| now != id));
                    self.step(id);
                    current = Some(id);
                }
                Choice::Kill(id) => self.kill(id),
                Choice::CutPower => return Ending::PowerCut,
            }
        }
    }

    /// Ends the processes that have not ended; `killed` if that is to be recorded.
    pub(crate) fn clear(&mut self, killed: bool) {
        let all = self.players.iter().map(|player| &player.scheduled);
        let processes: BTreeSet<u32> = all.map(|scheduled| scheduled.process().id()).collect();
        for process in processes {
            self.end(process, killed);
        }
    }

    /// Ends all threads of a process; `killed` if that is to be recorded.
    fn end(&mut self, process: u32, killed: bool) {
        let threads = self.players.iter_mut();
        let mut threads: Vec<&mut Player> = threads
            .filter(|player| player.is_thread_of(process) && !player.is_over())
            .collect();
        for thread in &threads {
            if killed {
                thread.scheduled.record_kill();
            }
            thread.scheduled.kill();
        }
        for thread in &mut threads {
            thread.end(self.disk, &self.running);
        }
    }

    /// Notes the threads that wait for each other: every thread of their process waits in line, so
    /// that no turn will be given.
    fn look_for_stuck(&mut self) {
        let waiting = self.players.iter().filter(|player| player.waits());
        let processes: BTreeSet<u32> = waiting
            .map(|player| player.scheduled.process().id())
            .collect();
        for process in processes {
            let is_thread = |player: &&mut Player| player.is_thread_of(process);
            let threads = self.players.iter_mut().filter(is_thread);
            let mut living: Vec<&mut Player> = threads.filter(|one| !one.is_over()).collect();
            if living.iter().all(|thread| thread.waits()) {
                for thread in &mut living {
                    if !std::mem::replace(&mut thread.is_stuck, true) {
                        thread.scheduled.record_out_of_line(OutOfLine::Stuck);
                    }
                }
            }
        }
    }

    /// Lists the processes that can run, and those that sleep. A thread that waits in line can run
    /// when it has its turn or its time is over. Until then it is listed, as one that sleeps, only
    /// if no other process is.
    fn gather(&mut self, ready: &mut Vec<ProcessId>, asleep: &mut Vec<ProcessId>) {
        ready.clear();
        asleep.clear();
        let clock = self.disk.clock();
        let mut in_line = Vec::new();
        for (player, number) in self.players.iter_mut().zip(0..) {
            match player.state {
                State::AsleepUntil(time) if time > clock => asleep.push(ProcessId(number)),
                State::InLine(ref turn, time) if time > clock && !turn.is_given() => {
                    in_line.push(ProcessId(number));
                }
                State::Ready | State::AsleepUntil(_) | State::InLine(..) => {
                    player.state = State::Ready;
                    ready.push(ProcessId(number));
                }
                State::Over => {}
            }
        }
        if ready.is_empty() && asleep.is_empty() {
            asleep.append(&mut in_line);
        }
        if asleep.len() > 1 {
            asleep.sort_by_key(|id| self.players.get(id.0).map(|player| player.waking()));
        }
    }

    fn steps_of(&self, id: ProcessId) -> u64 {
        self.players.get(id.0).map_or(0, |player| player.steps)
    }

    fn step(&mut self, id: ProcessId) {
        let Some(player) = self.players.get_mut(id.0) else {
            return;
        };
        if player.kill == Some(player.steps) {
            // The kill counts as a step, to tell decisions before it from those after it.
            player.steps += 1;
            self.kill(id);
            return;
        }
        if let State::AsleepUntil(time) | State::InLine(_, time) = player.state {
            self.disk.pass(time.saturating_sub(self.disk.clock()));
        }
        self.disk.pass(TICK);
        self.steps += 1;
        player.steps += 1;
        player.resume(self.disk, &self.running);
    }

    /// Kills the process, with all its threads.
    fn kill(&mut self, id: ProcessId) {
        if let Some(player) = self.players.get(id.0).filter(|player| !player.is_over()) {
            self.end(player.scheduled.process().id(), true);
        }
    }
}

impl Player {
    const fn waking(&self) -> Duration {
        match self.state {
            State::AsleepUntil(time) | State::InLine(_, time) => time,
            _ => Duration::ZERO,
        }
    }
}
