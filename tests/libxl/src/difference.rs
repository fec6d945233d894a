//! `Difference`: something that this library does otherwise than libxl, on purpose.

use std::fmt;

use crate::answer::Answer;
use crate::setting::Setting;
use crate::tree::Tree;

/// What a call did, as far as it can be seen.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) answer: Answer,
    /// What there is afterwards.
    pub(crate) after: Tree,
}

impl Seen {
    /// Nothing was changed, and this was the answer.
    pub(crate) fn refuse(&mut self, setting: &Setting<'_>, answer: Answer) {
        *self = Self {
            answer,
            after: setting.before.clone(),
        };
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, leaving {:?}", self.answer, self.after)
    }
}

/// Something that this library does otherwise than libxl, and why.
///
/// What it must do is what libxl did in the same setting, amended by every difference in turn:
/// nothing else may differ, and where a difference applies it has to show.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    /// What libxl does.
    pub(crate) libxl: &'static str,
    /// What this library does.
    pub(crate) here: &'static str,
    pub(crate) because: &'static str,
    /// Makes of what libxl did what must be done here.
    pub(crate) amend: fn(&Setting<'_>, &mut Seen),
}

/// What must be seen here where libxl did this, and the names of the differences that say so.
pub(crate) fn expected(
    differences: &'static [Difference],
    setting: &Setting<'_>,
    libxl: &Seen,
) -> (Seen, Vec<&'static str>) {
    let mut seen = libxl.clone();
    let mut names = Vec::new();
    for difference in differences {
        let unamended = seen.clone();
        (difference.amend)(setting, &mut seen);
        if seen != unamended {
            names.push(difference.name);
        }
    }
    (seen, names)
}
