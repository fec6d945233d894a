//! `Guarantee` and `Broken`: what is promised, and how it was found not to hold.

use std::fmt;

use userdata_sim::faults::Fault;

/// A guarantee that a walk checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Guarantee {
    /// G2: a reader sees the whole old value, the whole new one, or none.
    Atomic,
    /// G3: no other domain's data is changed or returned.
    Isolated,
    /// G4: no data is left for a domain that does not exist.
    Lifetime,
    /// G5: zero bytes remove.
    Empty,
    /// G6: a failure says what it left.
    HonestErrors,
    /// G9: nothing is held or kept open for ever.
    Bounded,
    /// G10: what was reported as durable is.
    Durability,
}

/// A guarantee that does not hold, with the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub guarantee: Guarantee,
    /// After what: the actions, the step, the crash or the faults.
    pub after: String,
    /// What was found, and what should have been.
    pub why: String,
    /// What the directory held.
    pub tree: String,
    /// What reproduces it.
    pub incident: Box<Incident>,
}

/// What disturbed a walk, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incident {
    /// How many actions had begun.
    pub actions: usize,
    /// After which step of the last one; `None` if after all of them.
    pub step: Option<usize>,
    /// How everything ended.
    pub end: Option<End>,
    /// What went wrong in which call.
    pub faults: Vec<Fault>,
}

/// How everything ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process was killed.
    Kill,
    /// The power was cut, and left the state of this index.
    PowerCut(u128),
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Atomic => "G2 atomic",
            Self::Isolated => "G3 isolated",
            Self::Lifetime => "G4 lifetime",
            Self::Empty => "G5 empty",
            Self::HonestErrors => "G6 honest errors",
            Self::Bounded => "G9 bounded",
            Self::Durability => "G10 durability",
        })
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.guarantee, self.why)?;
        writeln!(f, "after {}", self.after)?;
        f.write_str(&self.tree)
    }
}
