//! The script of a test: which question to a host meets which fault.

use std::collections::BTreeMap;
use std::time::Duration;

use userdata_core::hypervisor::HypervisorErrorKind;

use crate::HostState;

/// A question that can be asked of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`Hypervisor::domain`](userdata_core::Hypervisor::domain).
    Domain,
    /// [`Hypervisor::domains`](userdata_core::Hypervisor::domains).
    Domains,
    /// [`Hypervisor::leaving`](userdata_core::Hypervisor::leaving).
    Leaving,
    /// [`Hypervisor::boot`](userdata_core::Hypervisor::boot).
    Boot,
    /// [`DomainNames::name`](userdata_core::hypervisor::DomainNames::name).
    Name,
}

impl Call {
    /// Every question there is.
    pub const ALL: &[Self] = &[
        Self::Domain,
        Self::Domains,
        Self::Leaving,
        Self::Boot,
        Self::Name,
    ];
}

/// The future questions that meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// The next one.
    Next,
    /// The question after this many others; `After(0)` is the next one.
    After(u64),
    /// All of them.
    Always,
}

/// How an answer is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The question fails.
    Fail(Failure),
    /// The answer is about the moment before the last event.
    Stale,
    /// The answer comes from a host of another boot without any domain, not even Domain-0.
    Absent,
    /// The answer comes from this other host.
    Lie(Box<HostState>),
}

/// Why a question fails: a kind of error without its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// [`HypervisorErrorKind::Unavailable`].
    Unavailable,
    /// [`HypervisorErrorKind::NotPermitted`].
    NotPermitted,
    /// [`HypervisorErrorKind::Unsupported`].
    Unsupported,
    /// [`HypervisorErrorKind::DeadlinePassed`], after this time. The simulated host answers at
    /// once.
    DeadlinePassed(Duration),
    /// [`HypervisorErrorKind::Malformed`].
    Malformed,
    /// [`HypervisorErrorKind::Failed`].
    Failed,
}

impl Failure {
    /// The error of this kind.
    #[must_use]
    pub fn kind(self) -> HypervisorErrorKind {
        match self {
            Self::Unavailable => HypervisorErrorKind::Unavailable {
                what: "the simulated hypervisor".to_owned(),
                source: None,
            },
            Self::NotPermitted => HypervisorErrorKind::NotPermitted {
                what: "the simulated hypervisor was told to refuse".to_owned(),
                source: None,
            },
            Self::Unsupported => HypervisorErrorKind::Unsupported {
                what: "the simulated hypervisor was told not to know this call".to_owned(),
            },
            Self::DeadlinePassed(waited) => HypervisorErrorKind::DeadlinePassed { waited },
            Self::Malformed => HypervisorErrorKind::Malformed {
                what: "the simulated hypervisor was told to answer nonsense".to_owned(),
            },
            Self::Failed => HypervisorErrorKind::Failed {
                source: "the simulated hypervisor was told to fail".into(),
            },
        }
    }
}

/// A question that is about to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The question.
    pub call: Call,
    /// How many questions of this kind there have been, this one included.
    pub number: u64,
}

/// The faults that are still to come, and how often each question was asked.
#[derive(Debug, Default)]
pub(crate) struct Script {
    lines: Vec<Line>,
    asked: BTreeMap<Call, u64>,
}

#[derive(Debug)]
struct Line {
    call: Call,
    fault: Fault,
    /// How many more questions it leaves alone.
    passes: u64,
    always: bool,
}

impl Script {
    pub(crate) fn add(&mut self, call: Call, when: When, fault: Fault) {
        let (passes, always) = match when {
            When::Next => (0, false),
            When::After(others) => (others, false),
            When::Always => (0, true),
        };
        self.lines.push(Line {
            call,
            fault,
            passes,
            always,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }

    pub(crate) fn asked(&self, call: Call) -> u64 {
        self.asked.get(&call).copied().unwrap_or(0)
    }

    /// Counts a question, and returns the fault that it meets. Of several faults that are due, the
    /// one that was added first is taken, and one for [`When::Always`] only if there is no other.
    /// The others wait for the next question of this kind.
    pub(crate) fn ask(&mut self, call: Call) -> (Asked, Option<Fault>) {
        let number = self.asked.entry(call).or_default();
        *number = number.saturating_add(1);
        let asked = Asked {
            call,
            number: *number,
        };
        let due = |always: bool| {
            move |line: &Line| line.call == call && line.passes == 0 && line.always == always
        };
        let once = self.lines.iter().position(due(false));
        for line in self.lines.iter_mut().filter(|line| line.call == call) {
            line.passes = line.passes.saturating_sub(1);
        }
        let fault = match once {
            Some(index) => Some(self.lines.remove(index).fault),
            None => self
                .lines
                .iter()
                .find(|line| due(true)(line))
                .map(|line| line.fault.clone()),
        };
        (asked, fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(script: &mut Script, calls: usize) -> Vec<bool> {
        (0..calls)
            .map(|_| script.ask(Call::Domain).1.is_some())
            .collect()
    }

    #[test]
    fn only_the_question_after_the_others_meets_the_fault() {
        let mut script = Script::default();
        script.add(Call::Domain, When::After(2), Fault::Stale);
        assert_eq!(script.ask(Call::Leaving).1, None);
        assert_eq!(faults(&mut script, 5), [false, false, true, false, false]);
        assert_eq!(script.asked(Call::Domain), 5);
        assert_eq!(script.asked(Call::Leaving), 1);
    }

    #[test]
    fn faults_of_one_question_come_one_after_the_other() {
        let mut script = Script::default();
        script.add(Call::Domain, When::Next, Fault::Stale);
        script.add(Call::Domain, When::Next, Fault::Absent);
        assert_eq!(script.ask(Call::Domain).1, Some(Fault::Stale));
        assert_eq!(script.ask(Call::Domain).1, Some(Fault::Absent));
        assert_eq!(script.ask(Call::Domain).1, None);
    }

    #[test]
    fn a_fault_for_always_lasts_until_it_is_cleared() {
        let mut script = Script::default();
        script.add(Call::Domain, When::Always, Fault::Fail(Failure::Failed));
        script.add(Call::Domain, When::After(1), Fault::Absent);
        assert_eq!(
            script.ask(Call::Domain).1,
            Some(Fault::Fail(Failure::Failed))
        );
        assert_eq!(script.ask(Call::Domain).1, Some(Fault::Absent));
        assert_eq!(faults(&mut script, 3), [true, true, true]);
        script.clear();
        assert_eq!(faults(&mut script, 2), [false, false]);
    }
}
