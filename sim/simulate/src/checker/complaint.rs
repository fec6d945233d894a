//! `Complaint`: what is wrong with a history, and why.

use std::fmt;

use super::facts::Facts;
use super::operation::{End, Operation};
use crate::history::{OperationId, ProcessId, Response};
use crate::walk::Guarantee;

/// A guarantee that a history breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complaint {
    /// Which one.
    pub guarantee: Guarantee,
    /// The file that it is about: a value, or a file that should not be there.
    pub file: Option<String>,
    /// What is wrong, in words.
    pub why: String,
    /// The operations without which nothing would be wrong, in the order in which they began.
    pub involved: Vec<Involved>,
    /// What the disk kept and what it lost, if the power was cut.
    pub kept: Option<String>,
}

/// An operation that is involved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Involved {
    /// Which one.
    pub invocation: OperationId,
    /// The process that began it.
    pub process: ProcessId,
    /// The place in the history at which it began.
    pub began: usize,
    /// The place at which it ended, if it did.
    pub ended: Option<usize>,
    /// The operation, and its response.
    pub text: String,
}

impl Complaint {
    pub(crate) fn new(
        facts: &Facts<'_>,
        guarantee: Guarantee,
        file: Option<String>,
        why: String,
        operations: impl IntoIterator<Item = usize>,
    ) -> Self {
        let mut places: Vec<usize> = operations.into_iter().collect();
        places.sort_unstable();
        places.dedup();
        let operations = places
            .into_iter()
            .filter_map(|place| facts.operations.get(place));
        Self {
            guarantee,
            file,
            why,
            involved: operations.map(Involved::of).collect(),
            kept: None,
        }
    }
}

impl Involved {
    fn of(operation: &Operation<'_>) -> Self {
        let text = match operation.end {
            End::Responded(Response::Userdata(report)) => {
                format!("{}: {report}", operation.invocation)
            }
            End::Responded(response) => format!("{}: {response}", operation.invocation),
            End::Killed => format!("{}: killed", operation.invocation),
            End::Open => format!("{}: never ended", operation.invocation),
        };
        Self {
            invocation: operation.id,
            process: operation.process,
            began: operation.began,
            ended: Some(operation.ended).filter(|ended| *ended < usize::MAX),
            text,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.guarantee)?;
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        writeln!(f, "{}", self.why)?;
        self.involved
            .iter()
            .try_for_each(|involved| writeln!(f, "  {involved}"))?;
        let mut kept = self.kept.iter().flat_map(|kept| kept.lines());
        kept.try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl fmt::Display for Involved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events {}-", self.began)?;
        if let Some(ended) = self.ended {
            write!(f, "{ended}")?;
        }
        write!(f, ", {}: {}", self.process, self.text)
    }
}
