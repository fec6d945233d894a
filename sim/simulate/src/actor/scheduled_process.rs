//! `ScheduledProcess`: a process in a run, through which all of its calls pass.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_fs::{Errno, Name};

use super::recorder::{Line, Recorder};
use crate::history::{Disturbance, Event, OutOfLine, ProcessId, Unguarded};
use crate::misanswer::Misanswer;
use crate::schedule::{Point, reach};
use crate::walk::boot_directory;
use userdata_sim::faults::{Fault, Faults, How};
use userdata_sim::interpose::{Answer, Call, Interceptor, Verdict};
use userdata_sim::{Holder, SimProcess};

/// A process in a run: its calls wait here for their turn, and go wrong here.
#[derive(Debug)]
pub(crate) struct ScheduledProcess {
    id: ProcessId,
    process: SimProcess,
    recorder: Arc<Recorder>,
    faults: Faults,
    misanswers: Mutex<Misanswers>,
    dead: AtomicBool,
    /// Whether its operation is a sweep.
    sweeps: AtomicBool,
    /// How many names the listing under way has shown.
    shown: AtomicUsize,
    format: NameFormat,
    /// The name of the boot.
    boot: String,
    /// Whether it opens its store, before it takes turns.
    prepares: AtomicBool,
}

#[derive(Debug)]
struct Misanswers {
    asked: u64,
    /// By the number of the question.
    to_come: Vec<(u64, Misanswer)>,
}

impl ScheduledProcess {
    pub(crate) fn new(
        id: ProcessId,
        process: SimProcess,
        recorder: Arc<Recorder>,
        faults: &[Fault],
        misanswers: &[(u64, Misanswer)],
        (format, boot): (NameFormat, &str),
    ) -> Self {
        Self {
            id,
            process,
            recorder,
            faults: Faults::new(faults.iter().copied()),
            misanswers: Mutex::new(Misanswers {
                asked: 0,
                to_come: misanswers.to_vec(),
            }),
            dead: AtomicBool::new(false),
            sweeps: AtomicBool::new(false),
            shown: AtomicUsize::new(0),
            format,
            boot: boot.to_owned(),
            prepares: AtomicBool::new(false),
        }
    }

    pub(crate) const fn id(&self) -> ProcessId {
        self.id
    }

    pub(crate) const fn process(&self) -> &SimProcess {
        &self.process
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Waits for its turn; false if it is dead by then.
    pub(crate) fn wait(&self, point: Point) -> bool {
        if !self.is_dead() {
            reach(point);
        }
        !self.is_dead()
    }

    /// Notes something that it did, unless it is dead.
    pub(crate) fn record(&self, event: Event) {
        if !self.is_dead() {
            self.recorder.push(event);
        }
    }

    pub(crate) fn record_out_of_line(&self, how: OutOfLine) {
        let process = self.id;
        self.record(Event::OutOfLine { process, how });
    }

    pub(crate) fn record_kill(&self) {
        self.record(Event::Killed { process: self.id });
    }

    /// From now on nothing that it does has any effect.
    pub(crate) fn kill(&self) {
        self.process.kill();
        self.dead.store(true, Ordering::Relaxed);
    }

    /// The failure of the hypervisor's next answer, if it is to fail.
    pub(crate) fn next_misanswer(&self) -> Option<Misanswer> {
        let mut misanswers = self
            .misanswers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let number = misanswers.asked;
        misanswers.asked += 1;
        let mut to_come = misanswers.to_come.iter();
        to_come.find(|(at, _)| *at == number).map(|(_, how)| *how)
    }

    /// Notes a line of the trace, if there is one.
    pub(crate) fn trace(&self, text: impl FnOnce() -> String) {
        if self.recorder.traces() && !self.is_dead() {
            self.recorder.note(Line {
                process: self.id,
                clock: self.process.disk().clock(),
                text: text(),
                events: 0,
                tree: self.process.disk().tree(),
            });
        }
    }

    /// Notes that a value is about to be replaced that no lock guards. No other process had a turn
    /// since the last call of this one, so this one could have seen it.
    fn look_at_lock(&self, name: &[u8]) {
        let format = NameFormat::Libxl;
        let named = FileName::parse(format, name).filter(|name| name.kind() == Kind::Data);
        let Some(domain) = named.and_then(|name| name.owner().key()) else {
            return;
        };
        let holder = |name: FileName| self.process.lock_holder(Name::from(&name));
        let how = if holder(FileName::lock(format, &domain)) != Some(Holder::Itself) {
            Unguarded::WithoutLock
        } else if holder(FileName::closing_marker(format, &domain)) == Some(Holder::Another) {
            Unguarded::WhileClosing
        } else {
            return;
        };
        let process = self.id;
        self.record(Event::Unguarded {
            process,
            domain,
            how,
        });
    }

    /// Says whether it opens its store: then its calls are not scheduled, and none fails.
    pub(crate) fn set_prepares(&self, prepares: bool) {
        self.prepares.store(prepares, Ordering::Relaxed);
    }

    /// Says whether its calls from now on belong to a sweep.
    pub(crate) fn set_sweeps(&self, sweeps: bool) {
        self.sweeps.store(sweeps, Ordering::Relaxed);
    }

    /// Notes that a sweep is about to remove a value although another process destroys the domain
    /// with its data, which may still be to be exported or carried.
    fn look_before_removal(&self, name: &[u8]) {
        let format = NameFormat::Libxl;
        let named = FileName::parse(format, name).filter(|name| name.kind() == Kind::Data);
        let Some(domain) = named.and_then(|name| name.owner().key()) else {
            return;
        };
        let marker = FileName::closing_marker(format, &domain);
        if self.process.lock_holder(Name::from(&marker)) == Some(Holder::Another) {
            self.record(Event::Unguarded {
                process: self.id,
                domain,
                how: Unguarded::SweptWhileClosing,
            });
        }
    }

    /// Notes that a domain is about to be destroyed although nothing stops stores for it.
    pub(crate) fn look_at_marker(&self, domain: &DomainKey) {
        let marker = FileName::closing_marker(self.format, domain);
        let directory = FileName::lock(self.format, domain);
        let holder = match self.format {
            NameFormat::Tree => {
                let boot = boot_directory(&self.boot);
                let path = [boot.as_bytes(), directory.as_bytes(), marker.as_bytes()];
                self.process.lock_holder_at(&path.join(&b'/'))
            }
            _ => self.process.lock_holder(Name::from(&marker)),
        };
        if holder != Some(Holder::Itself) {
            self.record(Event::Unguarded {
                process: self.id,
                domain: *domain,
                how: Unguarded::WithoutMarker,
            });
        }
    }

    /// Whether other processes can notice this call, or it can notice what they do.
    fn is_point(&self, call: &Call<'_>) -> bool {
        match call {
            Call::Now | Call::Random | Call::Process => false,
            // `Threads` has a point for the wait itself.
            Call::AwaitTurn { .. } => false,
            // The kernel returns names in batches of this size.
            Call::Listed { .. } => {
                let shown = self.shown.fetch_add(1, Ordering::Relaxed);
                let at_once = self.process.disk().options().listed_at_once.max(1);
                shown > 0 && shown.is_multiple_of(at_once)
            }
            Call::List => {
                self.shown.store(0, Ordering::Relaxed);
                true
            }
            _ => true,
        }
    }
}

impl Interceptor for ScheduledProcess {
    fn before(&self, process: u32, call: &Call<'_>) -> Verdict {
        if self.is_dead() || self.prepares.load(Ordering::Relaxed) {
            return Verdict::Proceed;
        }
        if let Call::Pause { span } = call {
            self.wait(Point::Pause(*span));
            return Verdict::Pretend;
        }
        match call {
            Call::Rename { to, .. } => self.look_at_lock(to.as_bytes()),
            Call::Unlink { name } if self.sweeps.load(Ordering::Relaxed) => {
                self.look_before_removal(name.as_bytes());
            }
            _ => {}
        }
        if self.is_point(call) && !self.wait(Point::Step) {
            return Verdict::Proceed;
        }
        let verdict = self.faults.before(process, call);
        let how = match verdict {
            Verdict::Fail(errno) => How::Fails(errno),
            Verdict::Short(length) => How::Short(length),
            _ => return verdict,
        };
        self.record(Event::Disturbed {
            process: self.id,
            by: Disturbance::Directory {
                call: call.kind(),
                how,
            },
        });
        verdict
    }

    fn after(&self, _process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        if self.is_dead() || self.prepares.load(Ordering::Relaxed) {
            return;
        }
        self.recorder.lock().counts.calls += 1;
        self.trace(|| match answer {
            Ok(answer) => format!("{call} = {answer}"),
            Err(errno) => format!("{call} = {errno:?}"),
        });
    }
}
