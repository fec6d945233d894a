//! `Said`: what a report says of what is left.

use std::collections::BTreeSet;

use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::file_name::FileName;
use userdata_core::store::{Cleared, StoreError};

use super::Report;

/// What was said of what is left.
pub(crate) struct Said<'a> {
    /// That everything went well.
    pub(crate) nothing_wrong: bool,
    /// That data was cleared away.
    pub(crate) clears: bool,
    /// That something went wrong that has no file of its own to it.
    pub(crate) anything: bool,
    errors: Vec<&'a StoreError>,
    pub(crate) left_behind: BTreeSet<&'a [u8]>,
}

impl<'a> Said<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let (cleared, trouble): (Option<&Cleared>, &[UserdataError]) = match report {
            Report::Cleared(cleared, trouble) => (cleared.as_ref(), trouble),
            Report::StillThere(trouble) | Report::Unknown(trouble) => (None, trouble),
            Report::Failed(error) => (None, std::slice::from_ref(error)),
            _ => (None, &[]),
        };
        let of_trouble = trouble.iter().filter_map(|error| match error.kind() {
            UserdataErrorKind::Store(error) => Some(error),
            _ => None,
        });
        let failed = cleared.map_or(&[][..], |cleared| &cleared.failed);
        let errors: Vec<&StoreError> = failed.iter().chain(of_trouble).collect();
        Self {
            nothing_wrong: trouble.is_empty() && failed.is_empty(),
            clears: matches!(report, Report::Cleared(..)),
            anything: cleared.is_none() && !trouble.is_empty(),
            left_behind: errors
                .iter()
                .filter_map(|error| error.left_behind())
                .collect(),
            errors,
        }
    }

    pub(crate) fn failed(&self, name: &FileName) -> bool {
        self.errors
            .iter()
            .any(|error| error.file() == name.as_bytes())
    }
}
