//! `Scenario`: what each process does on a simulated host, and what goes wrong, as data.

mod draw;
mod ground;
mod mix;
mod run;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::NameFormat;

use crate::actor::Task;
use crate::history::ProcessId;
use crate::misanswer::Misanswer;
use userdata_sim::faults::Fault;

pub use mix::{Mix, MixError};
pub use run::{Run, ScenarioError, Tracing};

/// The tasks of each process on a simulated host, and the failures that it meets.
///
/// Plain data: without one of its tasks or faults it is a smaller scenario; a process without tasks
/// does nothing. The same scenario with the same [`Choices`](crate::schedule::Choices) gives the
/// same [`Run`], to the byte.
///
/// # What is scheduled, and what is not
///
/// Another process may run before every call of the directory, every question to the hypervisor,
/// and everything that happens to the host. It may not run before calls that no other process can
/// notice: the time, a random number, the number of the process, a name that was read along with
/// others. A process has one thread, or several that share a store. Each thread is a [`Process`]
/// here, and threads are switched at the same calls.
///
/// [`Exhaustive`](crate::schedule::Exhaustive) walks all schedules up to a bound on preemptions,
/// kills and power cuts; in a preemption, a process that could go on is kept waiting.
/// [`Seeded`](crate::schedule::Seeded) draws schedules of any length, and finds what needs many
/// preemptions in the right places only by luck.
///
/// The clock moves by a microsecond a step. A process that sleeps wakes when its time has come; a
/// seed may also wake it earlier, as if the other processes were slow. An exhaustive walk does not,
/// so that in it deadlines pass only when no other process can run.
///
/// Files are named as libxl does, unless the scenario says otherwise. Real libxl is written from
/// the source of Xen 4.22: the calls of its store, retrieve, unlink and destroy in their order, its
/// lock, and its defects; it follows no symbolic link here, and nothing else that it does is
/// simulated.
///
/// A host that boots again is two scenarios, the second of which begins with what the first one
/// left: see [`Then`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The seed of the simulated host's random numbers.
    pub seed: u64,
    /// Whether its hypervisor tells *dying* from *alive*, as Xen 4.21 and later do.
    pub reports_dying: bool,
    /// The bytes of a file reach the disk in blocks of this size.
    pub block: Option<NonZeroUsize>,
    /// How many bytes fit on it.
    pub capacity: Option<u64>,
    /// The domains that live at the beginning.
    pub domains: Vec<DomainKey>,
    /// Where files are: as libxl has them, or in a tree, where no process uses libxl. Each boot of
    /// the host has a directory of its own there.
    pub format: NameFormat,
    /// The processes, in the order of their numbers.
    pub processes: Vec<Process>,
    /// The step before which the power fails.
    pub power_cut: Option<u64>,
    /// The step before which all processes are killed.
    pub reset: Option<u64>,
    /// How many steps the run may have.
    pub steps_max: u64,
    /// What happens on this host afterwards, if anything does.
    pub then: Option<Box<Then>>,
}

/// What happens on a host after a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Then {
    /// Whether the host boots in between: its domains are gone, and its boot has another id. If the
    /// power had failed, the directory is in a state that a power cut may leave, drawn by the seed
    /// of this scenario. Without a boot, domains, clock and directory stay, and nothing happens
    /// after a power cut.
    pub boots: bool,
    /// The processes that run then. What sweeps have seen before is still known to theirs.
    pub scenario: Scenario,
}

/// One process of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// What it is called in reports; what it does is in its tasks.
    pub role: Role,
    /// `None` for a process with one thread. Otherwise it is a thread, and all threads with this
    /// number are one process: they have clones of one store, use this library only, and are killed
    /// together.
    pub thread_of: Option<u8>,
    /// How long its changes wait for a lock.
    pub deadline: Duration,
    /// What it does, one after the other.
    pub tasks: Vec<Task>,
    /// What goes wrong with its calls of the directory.
    pub faults: Vec<Fault>,
    /// What is wrong with the answers to its questions to the hypervisor, which are counted from
    /// zero.
    pub misanswers: Vec<(u64, Misanswer)>,
    /// Before which of its steps it is killed.
    pub kill: Option<u64>,
}

/// What kind of program a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// It uses this library.
    Library,
    /// It uses real libxl.
    Libxl,
    /// A toolstack, which lets domains live and die.
    Toolstack,
    /// It knows nothing of this library, and uses its directory.
    Adversary,
}

impl Scenario {
    /// A host on which these domains live, and nothing is done.
    #[must_use]
    pub fn new(domains: impl IntoIterator<Item = DomainKey>) -> Self {
        Self {
            seed: 0,
            reports_dying: true,
            block: None,
            capacity: None,
            domains: domains.into_iter().collect(),
            format: NameFormat::Libxl,
            processes: Vec::new(),
            power_cut: None,
            reset: None,
            steps_max: 100_000,
            then: None,
        }
    }

    /// The same with one more process that does these tasks.
    #[must_use]
    pub fn with(mut self, role: Role, tasks: impl IntoIterator<Item = Task>) -> Self {
        self.processes.push(Process::new(role, tasks));
        self
    }
}

impl Process {
    /// A process that does these tasks and is not disturbed.
    #[must_use]
    pub fn new(role: Role, tasks: impl IntoIterator<Item = Task>) -> Self {
        Self {
            role,
            thread_of: None,
            deadline: Duration::from_secs(10),
            tasks: tasks.into_iter().collect(),
            faults: Vec::new(),
            misanswers: Vec::new(),
            kill: None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Library => "library",
            Self::Libxl => "libxl",
            Self::Toolstack => "toolstack",
            Self::Adversary => "adversary",
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        if !self.reports_dying {
            f.write_str(", dying domains look alive")?;
        }
        if self.format == NameFormat::Tree {
            f.write_str(", in a tree")?;
        }
        if let Some(block) = self.block {
            write!(f, ", blocks of {block} bytes")?;
        }
        if let Some(capacity) = self.capacity {
            write!(f, ", room for {capacity} bytes")?;
        }
        if let Some(step) = self.power_cut {
            write!(f, ", the power fails before step {step}")?;
        }
        if let Some(step) = self.reset {
            write!(f, ", all processes are killed before step {step}")?;
        }
        writeln!(f)?;
        for domain in &self.domains {
            writeln!(f, "domain {domain}")?;
        }
        for (process, number) in self.processes.iter().zip(0..) {
            write!(f, "{}: {process}", ProcessId(number))?;
        }
        match &self.then {
            Some(then) if then.boots => write!(f, "then the host boots: {}", then.scenario),
            Some(then) => write!(f, "then: {}", then.scenario),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.role)?;
        if let Some(number) = self.thread_of {
            write!(f, ", a thread of {number}")?;
        }
        write!(f, ", waits {:?}", self.deadline)?;
        if let Some(step) = self.kill {
            write!(f, ", killed before its step {step}")?;
        }
        writeln!(f)?;
        for fault in &self.faults {
            writeln!(f, "  fault: {fault}")?;
        }
        for (number, misanswer) in &self.misanswers {
            writeln!(f, "  question {number}: {misanswer:?}")?;
        }
        self.tasks
            .iter()
            .try_for_each(|task| writeln!(f, "  {task}"))
    }
}
