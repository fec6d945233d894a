//! `Reported`: the failures and the remaining files that a report names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::file_name::FileName;
use userdata_core::store::{Cleared, StoreError};

use super::Report;
use super::layout::flat_name;

/// The failures and the remaining files that a report names.
pub(crate) struct Reported<'a> {
    /// Whether it reports no failure.
    pub(crate) nothing_wrong: bool,
    /// Whether it reports that data was cleared.
    pub(crate) clears: bool,
    /// Whether it reports a failure that names no file, so that any file may be left.
    pub(crate) anything: bool,
    errors: Vec<&'a StoreError>,
    /// By their flat names.
    pub(crate) left_behind: BTreeSet<Cow<'a, [u8]>>,
}

impl<'a> Reported<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let (cleared, problems): (Option<&Cleared>, &[UserdataError]) = match report {
            Report::Cleared(cleared, problems) => (cleared.as_ref(), problems),
            Report::StillThere(problems) | Report::Unknown(problems) => (None, problems),
            Report::Failed(error) => (None, std::slice::from_ref(error)),
            _ => (None, &[]),
        };
        let stored = report.not_removed();
        let of_domains = match report {
            Report::StoredEach(_) => report.failures(),
            _ => Vec::new(),
        };
        let sweep_failed = match report {
            Report::Swept(swept) => swept.error.is_some() || !swept.failed.is_empty(),
            _ => false,
        };
        let all_problems = problems.iter().chain(of_domains.iter().copied());
        let of_problems = all_problems.filter_map(|error| match error.kind() {
            UserdataErrorKind::Store(error) => Some(error),
            _ => None,
        });
        let failed = cleared.map_or(&[][..], |cleared| &cleared.failed);
        let all = failed.iter().chain(stored.iter().copied());
        let errors: Vec<&StoreError> = all.chain(of_problems).collect();
        Self {
            nothing_wrong: problems.is_empty()
                && of_domains.is_empty()
                && failed.is_empty()
                && stored.is_empty()
                && !sweep_failed,
            clears: matches!(report, Report::Cleared(..)),
            anything: cleared.is_none() && !(problems.is_empty() && of_domains.is_empty()),
            left_behind: errors
                .iter()
                .filter_map(|error| error.left_behind())
                .map(flat)
                .collect(),
            errors,
        }
    }

    pub(crate) fn failed(&self, name: &FileName) -> bool {
        self.errors
            .iter()
            .any(|error| *flat(error.file()) == *name.as_bytes())
    }
}

fn flat(file: &[u8]) -> Cow<'_, [u8]> {
    flat_name(file).map_or(Cow::Borrowed(file), Cow::Owned)
}
