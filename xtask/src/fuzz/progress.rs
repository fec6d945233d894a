//! What the user sees of a run: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::status::Status;
use super::target::Target;

/// How often a line is written where no bar can move.
const EVERY: Duration = Duration::from_secs(30);

/// How far one target has come.
#[derive(Debug)]
pub(super) struct Progress {
    name: String,
    bar: Option<ProgressBar>,
    started: Instant,
    next_line: Instant,
}

impl Progress {
    pub(super) fn start(target: &Target, span: Duration) -> Self {
        let started = Instant::now();
        let name = format!("{:16}", target.name());
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix}{bar:20} {elapsed} {msg}");
            let bar = ProgressBar::new(span.as_secs());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_prefix(name.clone())
        });
        Self {
            name,
            bar,
            started,
            next_line: started + EVERY,
        }
    }

    pub(super) fn show(&mut self, status: Status) {
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(elapsed.as_secs());
            bar.set_message(describe(status, elapsed));
        } else if Instant::now() >= self.next_line {
            self.next_line += EVERY;
            let seconds = elapsed.as_secs();
            let _ = writeln!(
                io::stderr(),
                "    {seconds:4} s  {}",
                describe(status, elapsed)
            );
        }
    }

    /// The run is over, after which so much time has gone.
    pub(super) fn end(&self, status: Status, verdict: &str) -> Duration {
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let (name, told) = (&self.name, describe(status, elapsed));
        let _ = writeln!(io::stdout(), "{name}{verdict:8}{told}");
        elapsed
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(status: Status, elapsed: Duration) -> String {
    let Status {
        executions,
        coverage,
        corpus,
        ..
    } = status;
    let rate = per_second(executions, elapsed);
    format!("{executions} runs, {rate}/s, {coverage} edges, {corpus} inputs kept")
}

/// A rate, in whole numbers.
pub(super) fn per_second(count: u64, span: Duration) -> u64 {
    let rate = u128::from(count) * 1000 / span.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
