//! Shows the progress: on a terminal one moving line for each release, elsewhere plain lines.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The terminal, shared by all releases.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    moving: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            moving: io::stderr().is_terminal(),
        }
    }

    /// The line of one of several tasks that run at the same time.
    pub(crate) fn lane(&self, name: &str) -> Lane {
        let bar = self.moving.then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})");
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Lane {
            screen: self.clone(),
            name: name.to_owned(),
            bar,
            started: Instant::now(),
        }
    }

    /// Writes a line to standard output, above the moving ones.
    pub(crate) fn print(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stdout(), "{line}");
        });
    }

    /// Writes a line to standard error, above the moving ones.
    pub(crate) fn complain(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr(), "{line}");
        });
    }
}

/// The line of one release.
#[derive(Debug)]
pub(crate) struct Lane {
    screen: Screen,
    name: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Lane {
    /// Shows what is done from now on.
    pub(crate) fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => {
                let seconds = self.started.elapsed().as_secs();
                let _ = writeln!(io::stderr(), "{}: {what} ({seconds}s)", self.name);
            }
        }
    }

    /// Shows how far it has come, where the line can move.
    pub(crate) fn moved(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    /// Prints a line of the payload's output on standard output.
    pub(crate) fn print(&self, line: &str) {
        self.screen.print(line);
    }

    /// The same, marked with the name of this lane.
    pub(crate) fn print_marked(&self, line: &str) {
        self.screen.print(&format!("{} | {line}", self.name));
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
