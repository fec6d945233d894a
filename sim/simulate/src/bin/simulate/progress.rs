//! `Progress`: shows on standard error how far a run is.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::findings::{Failure, Findings};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// A bar on a terminal; elsewhere, a line now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    next: Mutex<Duration>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new(1)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("[{elapsed}] {wide_bar} {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            next: Mutex::new(LINE_EVERY),
        }
    }

    pub(crate) fn show(&self, findings: &Findings, elapsed: Duration, limit: Option<Duration>) {
        let (position, length) = match limit {
            Some(limit) => (elapsed.as_secs(), limit.as_secs()),
            None => {
                let tallies = || findings.families.values();
                let all = tallies().filter_map(|tally| tally.all).sum();
                (
                    tallies().map(|tally| tally.cases).sum::<u64>().min(all),
                    all,
                )
            }
        };
        self.bar.set_length(length);
        self.bar.set_position(position);
        self.bar.set_message(findings.line());
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bar.is_hidden() && elapsed >= *next {
            *next = elapsed + LINE_EVERY;
            let _ = writeln!(
                io::stderr(),
                "{:4} s  {}",
                elapsed.as_secs(),
                findings.line()
            );
        }
    }

    /// Shows a failure at once, with the arguments that replay it.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.bar.suspend(|| {
            let Failure {
                replay,
                guarantee,
                why,
                ..
            } = failure;
            let _ = writeln!(
                io::stderr(),
                "{guarantee}: {why}\n  simulate replay {replay}"
            );
        });
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
