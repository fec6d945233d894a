//! Sweeping, and what is told of it.

use std::ffi::CString;
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use userdata::DomainKey;
use userdata::sweep::{Sightings, SweepOptions, SweepTotals, Swept, What};

use crate::context::Context;
use crate::failure::{Failure, line};

/// `USERDATA_SWEEP_DRY_RUN` and `USERDATA_SWEEP_EXPLAIN`.
const DRY_RUN: u64 = 1;
const EXPLAIN: u64 = 2;

/// What is told, `enum userdata_swept_what`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Told {
    Judged = 1,
    Removed = 2,
    Failed = 3,
    WouldGo = 4,
    Stays = 5,
}

/// One thing that a sweep tells.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) domain: DomainKey,
    pub(crate) told: Told,
    pub(crate) verdict: CString,
    pub(crate) userid: Option<CString>,
    pub(crate) line: CString,
}

/// The options of a sweep, checked.
pub(crate) fn options(grace_ms: u64, settle_ms: u64, flags: u64) -> Result<SweepOptions, Failure> {
    let mut options = SweepOptions::default();
    if grace_ms != 0 {
        options.grace = Duration::from_millis(grace_ms);
    }
    options.settle = Duration::from_millis(settle_ms);
    options.dry_run = flags & DRY_RUN != 0;
    options.explain = flags & EXPLAIN != 0;
    match flags & !(DRY_RUN | EXPLAIN) {
        0 => Ok(options),
        _ => Err(Failure::Unknown("flags")),
    }
}

impl Context {
    /// Sweeps, and returns the totals also of a sweep that failed.
    pub(crate) fn sweep(
        &self,
        options: &SweepOptions,
        sightings: Option<&Mutex<Sightings>>,
        mut each: impl FnMut(&Line),
    ) -> (SweepTotals, Result<(), Failure>) {
        let mut none = Sightings::new();
        let mut guard = match sightings.map(Mutex::try_lock).transpose() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                return (SweepTotals::default(), Err(Failure::SightingsInUse));
            }
        };
        let sightings = guard.as_deref_mut().unwrap_or(&mut none);
        let before = sightings.clone();
        let swept = self
            .userdata
            .sweep(options, sightings, |swept| each(&told(swept)));
        match swept {
            Ok(totals) if totals.failed == 0 => (totals, Ok(())),
            Ok(totals) => (totals, Err(Failure::NotSwept(totals.failed))),
            Err(error) => {
                // A hypervisor that failed may have been wrong before.
                sightings.agree_with(&before);
                (error.totals(), Err(Failure::Sweep(error)))
            }
        }
    }
}

fn told(swept: &Swept<'_>) -> Line {
    let domain = swept.domain;
    let (told, what, userid) = match &swept.what {
        What::Removed(record) => (Told::Removed, "removed", Some(&record.userid)),
        What::Failed(_) | What::NotReclaimed(_) => (Told::Failed, "failed", None),
        What::WouldGo(found) => (Told::WouldGo, "would remove", Some(&found.entry.userid)),
        What::Stays(found) => (Told::Stays, "keeps", Some(&found.entry.userid)),
        _ => (Told::Judged, "judged", None),
    };
    let verdict = swept.verdict;
    let text = match (&swept.what, userid) {
        (What::Failed(error), _) => format!("{domain}: {}", line(*error)),
        (What::NotReclaimed(error), _) => line(*error).to_string(),
        (_, Some(userid)) => format!("{domain}: {what} {userid}: {verdict}"),
        _ => format!("{domain}: {verdict}"),
    };
    Line {
        domain,
        told,
        verdict: one_line(verdict.word()),
        userid: userid.and_then(|userid| CString::new(userid.as_bytes()).ok()),
        line: one_line(&text),
    }
}

/// A text as one line of C: control characters are escaped.
pub(crate) fn one_line(text: &str) -> CString {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    CString::new(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters() {
        assert_eq!(one_line("a\nb\0c").to_bytes(), br"a\nb\u{0}c");
    }
}
