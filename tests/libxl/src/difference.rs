//! `Difference`: a deliberate difference between this library and libxl.

use std::fmt;

use crate::answer::Answer;
use crate::setting::Setting;
use crate::step::By;
use crate::tree::Tree;

/// The visible result of a call.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) answer: Answer,
    /// The directory afterwards.
    pub(crate) after: Tree,
}

impl Seen {
    /// Changes this into a call that changed nothing and gave this answer.
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

/// A deliberate difference between this library and libxl, and the reason for it.
///
/// This library must do what libxl did in the same setting, amended by every difference in turn.
/// Nothing else may differ, and every difference that applies has to be visible.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    /// libxl's behaviour.
    pub(crate) libxl: &'static str,
    /// This library's behaviour.
    pub(crate) here: &'static str,
    pub(crate) because: &'static str,
    /// Changes libxl's result into the one that this library must have.
    pub(crate) amend: fn(&Setting<'_>, &mut Seen),
}

/// The result that this library must have if libxl has this one, and the names of the differences
/// that changed it. libxl's codes, which the drop-in returns, do not show every difference.
pub(crate) fn expected(
    differences: &'static [Difference],
    setting: &Setting<'_>,
    libxl: &Seen,
) -> (Seen, Vec<&'static str>) {
    let visible = |seen: &Seen| match setting.by {
        By::DropIn => Seen {
            answer: seen.answer.clone().into_code(setting.call),
            after: seen.after.clone(),
        },
        _ => seen.clone(),
    };
    let mut seen = libxl.clone();
    let mut names = Vec::new();
    for difference in differences {
        let unamended = visible(&seen);
        (difference.amend)(setting, &mut seen);
        if visible(&seen) != unamended {
            names.push(difference.name);
        }
    }
    (visible(&seen), names)
}
