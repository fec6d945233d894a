//! `Case`: one thing to run, and the word that names it on a command line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Cases of one kind.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Family {
    /// Every protocol of one process, stopped after every step, with every state of a power cut
    Crash,
    /// Every protocol of one process, every call of it failing in every way, power cuts after each
    Fault,
    /// Small scenarios of two and three processes, in every schedule up to a few preemptions
    Schedule,
    /// Every protocol of one process, every two calls of it failing in every way
    Pair,
    /// Processes that compete and are killed and disturbed, domains that come and go, by seed
    History,
}

/// One thing to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) family: Family,
    /// Its place in the list of an exhaustive family, or its seed.
    pub(crate) number: u64,
}

/// A word that does not name a case.
#[derive(Debug, Error)]
#[error("a case is a SEED, or one of {}, a colon, and a number", names())]
pub(crate) struct CaseError;

impl Family {
    pub(crate) const ALL: [Self; 5] = [
        Self::Crash,
        Self::Schedule,
        Self::Fault,
        Self::Pair,
        Self::History,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Fault => "fault",
            Self::Schedule => "schedule",
            Self::Pair => "pair",
            Self::History => "history",
        }
    }

    /// A description of its cases.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Crash => "one protocol of one process, killed and cut off after every step",
            Self::Fault => "one protocol of one process, every call failing in every way",
            Self::Schedule => "a small scenario of two or three processes, in every schedule",
            Self::Pair => "one protocol of one process, every two calls failing in every way",
            Self::History => "processes that compete, are killed and disturbed, on one host",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Family::History => self.number.fmt(f),
            family => write!(f, "{}:{}", family.name(), self.number),
        }
    }
}

impl FromStr for Case {
    type Err = CaseError;

    fn from_str(word: &str) -> Result<Self, CaseError> {
        let (family, number) = word.split_once(':').unwrap_or(("history", word));
        let named = |candidate: &Family| candidate.name() == family;
        Ok(Self {
            family: Family::ALL.into_iter().find(named).ok_or(CaseError)?,
            number: number.parse().map_err(|_| CaseError)?,
        })
    }
}

fn names() -> String {
    Family::ALL.map(Family::name).join(", ")
}
