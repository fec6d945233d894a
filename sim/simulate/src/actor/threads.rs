//! `Threads`: the threads of a process that share a store, and whether they keep to their line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{Errno, Name, Turn};
use userdata_sim::Holder;
use userdata_sim::interpose::{Answer, Call, Interceptor, Verdict};

use super::scheduled_process::ScheduledProcess;
use crate::history::{OutOfLine, ProcessId};
use crate::schedule::Point;

/// Which thread runs: the calls of what threads share are its calls. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<AtomicUsize>);

impl Running {
    pub(crate) fn set(&self, id: ProcessId) {
        self.0.store(id.0, Ordering::Relaxed);
    }

    fn get(&self) -> ProcessId {
        ProcessId(self.0.load(Ordering::Relaxed))
    }
}

/// The threads of one process, in front of the directory that they share.
#[derive(Debug)]
pub(crate) struct Threads {
    first: Arc<ScheduledProcess>,
    /// All threads; may be empty if the first is the only one.
    threads: Vec<Arc<ScheduledProcess>>,
    running: Running,
    /// The threads that wait in line, in the order in which they began to wait.
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    lock: Vec<u8>,
    turn: Turn,
}

impl Threads {
    pub(crate) fn new(
        first: Arc<ScheduledProcess>,
        threads: Vec<Arc<ScheduledProcess>>,
        running: Running,
    ) -> Self {
        Self {
            first,
            threads,
            running,
            waiting: Mutex::default(),
        }
    }

    /// The only thread of a process.
    pub(crate) fn one(scheduled: &Arc<ScheduledProcess>) -> Self {
        Self::new(Arc::clone(scheduled), Vec::new(), Running::default())
    }

    fn running(&self) -> &ScheduledProcess {
        let id = self.running.get();
        let running = self.threads.iter().find(|thread| thread.id() == id);
        running.unwrap_or(&self.first)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the other threads run until one of them gives this turn, or the time is over.
    fn await_turn(&self, scheduled: &ScheduledProcess, lock: Name<'_>, turn: &Turn, point: Point) {
        self.waiting().push(Waiting {
            lock: lock.as_bytes().to_vec(),
            turn: turn.clone(),
        });
        scheduled.wait(point);
        self.waiting().retain(|waiting| waiting.turn != *turn);
    }

    /// Notes a turn that is given to a thread before which another one waits.
    fn look_at_turn(&self, scheduled: &ScheduledProcess, lock: Name<'_>, turn: &Turn) {
        let waiting = self.waiting();
        let mut line = waiting
            .iter()
            .filter(|waiting| waiting.lock == lock.as_bytes());
        if line.position(|waiting| waiting.turn == *turn) > Some(0) {
            scheduled.record_out_of_line(OutOfLine::Overtakes);
        }
    }

    /// Notes that a thread tries to take a lock that another one holds.
    fn look_at_holder(&self, scheduled: &ScheduledProcess, name: Name<'_>) {
        let format = NameFormat::Libxl;
        let key = FileName::parse(format, name.as_bytes()).and_then(|name| name.owner().key());
        let is_lock =
            key.is_some_and(|key| FileName::lock(format, &key).as_bytes() == name.as_bytes());
        let is_shared = self.threads.len() > 1 && !scheduled.is_dead();
        if is_shared && is_lock && scheduled.process().lock_holder(name) == Some(Holder::Itself) {
            scheduled.record_out_of_line(OutOfLine::PollsTogether);
        }
    }
}

impl Interceptor for Threads {
    fn before(&self, process: u32, call: &Call<'_>) -> Verdict {
        let scheduled = self.running();
        let verdict = scheduled.before(process, call);
        match *call {
            Call::AwaitTurn { lock, turn, span } if !scheduled.is_dead() => {
                let point = Point::Turn(turn.clone(), span);
                self.await_turn(scheduled, lock, turn, point);
                return Verdict::Pretend;
            }
            Call::GiveTurn { lock, turn } => self.look_at_turn(scheduled, lock, turn),
            Call::OpenLock { name } => self.look_at_holder(scheduled, name),
            _ => {}
        }
        verdict
    }

    fn after(&self, process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        self.running().after(process, call, answer);
    }
}
