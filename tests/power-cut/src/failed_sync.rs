//! A failed sync of a file: the behaviour of the kernel and of our store.

use serde::Serialize;

use crate::file_system::FileSystem;
use crate::orders::{AfterFailedSync, FailedSync};
use crate::verdict::Found;
use crate::workload::VERSION_BEFORE;

/// The results on a file system on which a write failed while a file was synced.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailedSyncReport {
    pub(crate) file_system: FileSystem,
    pub(crate) at_once: FailedSync,
    pub(crate) after_remount: AfterFailedSync,
    /// Everything that contradicts the expectations.
    pub(crate) problems: Vec<String>,
}

impl FailedSyncReport {
    pub(crate) fn new(
        file_system: FileSystem,
        at_once: FailedSync,
        after_remount: AfterFailedSync,
    ) -> Self {
        let problems = problems(&at_once, &after_remount);
        Self {
            file_system,
            at_once,
            after_remount,
            problems,
        }
    }

    /// The observations in one line.
    pub(crate) fn seen(&self) -> String {
        let result = |error: &Option<String>| error.clone().unwrap_or_else(|| "done".to_owned());
        let (now, later) = (&self.at_once, &self.after_remount);
        let reported = if now.names_sync {
            "reports it"
        } else {
            "does not report it"
        };
        format!(
            "{}: a failed sync: {}; the file then reads {}; second sync: {}; after a remount {}; \
             our store {reported} and reads {:?}, after a remount {:?}, with {} files beside",
            self.file_system.name(),
            result(&now.first_sync),
            now.cached,
            result(&now.second_sync),
            later.on_disk,
            now.found,
            later.found,
            later.other_files,
        )
    }
}

/// The kernel takes the lost bytes for written (the file had A, and B was written). So a store is correct
/// only if it reports the first failure and leaves the old value.
fn problems(now: &FailedSync, later: &AfterFailedSync) -> Vec<String> {
    let old = Found::Version(VERSION_BEFORE);
    [
        (
            now.first_sync.is_some(),
            "the first sync does not fail: the scenario is not shown",
        ),
        (
            now.cached == 'B',
            "the file does not read as written after the failed sync",
        ),
        (
            now.second_sync.is_none(),
            "a second sync fails: this kernel reports lost bytes twice",
        ),
        (
            later.on_disk == 'A',
            "the bytes that failed are on the disk",
        ),
        (now.names_sync, "our store does not report the failed sync"),
        (now.found == old, "our store does not leave the old value"),
        (now.other_files == 0, "our store leaves a file behind"),
        (later.found == old, "the old value is not on the disk"),
        (later.other_files == 0, "a file is left behind on the disk"),
    ]
    .into_iter()
    .filter(|(holds, _)| !holds)
    .map(|(_, problem)| problem.to_owned())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_it_must_be() -> (FailedSync, AfterFailedSync) {
        let old = Found::Version(VERSION_BEFORE);
        let now = FailedSync {
            first_sync: Some("EIO".to_owned()),
            cached: 'B',
            second_sync: None,
            store: Some("EIO".to_owned()),
            names_sync: true,
            found: old.clone(),
            other_files: 0,
        };
        let later = AfterFailedSync {
            on_disk: 'A',
            found: old,
            other_files: 0,
        };
        (now, later)
    }

    #[test]
    fn a_store_that_reports_and_leaves_the_old_value_is_right() {
        let (now, later) = as_it_must_be();
        assert_eq!(problems(&now, &later), Vec::<String>::new());
    }

    #[test]
    fn a_store_that_syncs_again_and_goes_on_is_found() {
        let (mut now, mut later) = as_it_must_be();
        now.names_sync = false;
        now.found = Found::Version(VERSION_BEFORE + 1);
        later.found = Found::Damaged;
        let expected = [
            "our store does not report the failed sync",
            "our store does not leave the old value",
            "the old value is not on the disk",
        ];
        assert_eq!(problems(&now, &later), expected);
    }

    #[test]
    fn a_failure_that_did_not_happen_is_found() {
        let (mut now, mut later) = as_it_must_be();
        now.first_sync = None;
        later.on_disk = 'B';
        assert_eq!(problems(&now, &later).len(), 2);
        let (mut now, later) = as_it_must_be();
        now.other_files = 1;
        assert_eq!(problems(&now, &later), ["our store leaves a file behind"]);
    }
}
