//! Progress: a bar for each file system on a terminal, and plain lines elsewhere.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The terminal, shared by all file systems.
#[derive(Clone, Debug)]
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

    /// A bar for the states of one file system. It is hidden if standard error is not a terminal.
    pub(crate) fn bar(&self, name: &str, states: usize) -> ProgressBar {
        if !self.moving {
            return ProgressBar::hidden();
        }
        let template = "{prefix:>16} {bar:30} {pos}/{len} {per_sec} eta {eta} {msg}";
        let style = ProgressStyle::with_template(template);
        let bar = self.bars.add(ProgressBar::new(states as u64));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name.to_owned());
        bar
    }

    /// Writes a line to standard output, above the bars.
    pub(crate) fn print(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stdout(), "{line}");
        });
    }
}
