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
    /// The same with two calls that fail
    Pair,
    /// Protocols one after the other, drawn by seed, stopped after every step
    Sequence,
}

/// One thing to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) family: Family,
    /// Its place in the list of an exhaustive family, or its seed.
    pub(crate) number: u64,
}

/// A word that names no case.
#[derive(Debug, Error)]
#[error("a case is a SEED, or one of {}, a colon, and a number", names())]
pub(crate) struct CaseError;

impl Family {
    pub(crate) const ALL: [Self; 4] = [Self::Crash, Self::Fault, Self::Pair, Self::Sequence];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Fault => "fault",
            Self::Pair => "pair",
            Self::Sequence => "sequence",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family.name(), self.number)
    }
}

impl FromStr for Case {
    type Err = CaseError;

    fn from_str(word: &str) -> Result<Self, CaseError> {
        let (family, number) = word.split_once(':').ok_or(CaseError)?;
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
