//! `Report`: the results of a run, as text and as JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::failed_sync::FailedSyncReport;
use crate::file_system::FileSystem;
use crate::form::Claim;
use crate::tally::Tally;

/// The results of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    kernel: String,
    seed: u64,
    pub(crate) seconds: u64,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) failed_syncs: Vec<FailedSyncReport>,
    /// File systems that this kernel does not have.
    pub(crate) not_run: Vec<FileSystem>,
}

/// The command that replays a failing state.
pub(crate) fn replay_line(recording: &Path, cut: &str) -> String {
    format!(
        "cargo xtask power-cut --replay {} --cut {cut}",
        recording.display()
    )
}

impl Report {
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("cannot read the version of the kernel")?;
        Ok(Self {
            schema: 1,
            kernel: kernel.trim().to_owned(),
            seed,
            seconds: 0,
            tallies: Vec::new(),
            failed_syncs: Vec::new(),
            not_run: Vec::new(),
        })
    }

    /// Writes the report as JSON.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Everything that contradicts a claim.
    pub(crate) fn problems(&self) -> Vec<String> {
        let tallies = self.tallies.iter().filter_map(|tally| {
            let (on, form) = (tally.file_system.name(), tally.form.name());
            tally
                .problem()
                .map(|problem| format!("{on} {form}: {problem}"))
        });
        let syncs = self.failed_syncs.iter().flat_map(|sync| {
            let on = sync.file_system.name();
            sync.problems
                .iter()
                .map(move |problem| format!("{on}: {problem}"))
        });
        tallies.chain(syncs).collect()
    }

    /// The tables and the summary.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("\n");
        for sync in &self.failed_syncs {
            let _ = writeln!(text, "{}", sync.seen());
        }
        let [states, bad, lost] = ["states", "bad", "lost"];
        let [unmountable, rate, reads] = ["unmountable", "per s", "reads at fault"];
        let (on, form) = ("file system", "form");
        let _ = writeln!(
            text,
            "\n{on:16}{form:28}{states:>8}{bad:>8}{lost:>8}{unmountable:>12}{rate:>8}  {reads}",
        );
        for tally in &self.tallies {
            let _ = writeln!(
                text,
                "{:16}{:28}{:>8}{:>8}{:>8}{:>12}{:>8.0}  {}",
                tally.file_system.name(),
                tally.form.name(),
                tally.states,
                tally.bad,
                tally.lost,
                tally.unmountable,
                tally.rate(),
                tally.seen(),
            );
        }
        text.push('\n');
        for problem in self.problems() {
            let _ = writeln!(text, "PROBLEM: {problem}");
        }
        text.push_str(&self.summary());
        text
    }

    fn summary(&self) -> String {
        let states = |claims: &[Claim]| -> u64 {
            let claimed = self
                .tallies
                .iter()
                .filter(|tally| claims.contains(&tally.claim));
            claimed.map(|tally| tally.states).sum()
        };
        let all: u64 = self.tallies.iter().map(|tally| tally.states).sum();
        let kept = states(&[Claim::Durable, Claim::Whole]);
        let is_control = |tally: &&Tally| matches!(tally.claim, Claim::MustBreak | Claim::MustLose);
        let controls = self.tallies.iter().filter(is_control).count();
        let problems = self.problems().len();
        let seconds = self.seconds;
        if problems > 0 {
            return format!("{problems} problems in {all} states in {seconds} s");
        }
        if self.tallies.is_empty() {
            return "skipped: this kernel has none of the file systems".to_owned();
        }
        format!(
            "{all} states in {seconds} s: of {kept} that must hold none is bad, and no acknowledged \
             change is lost; {controls} controls fail as they must"
        )
    }
}

impl Tally {
    /// The tally in one line.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} {}: {} states of {} recordings, {} bad, {} lost, {} unmountable, {:.0}/s",
            self.file_system.name(),
            self.form.name(),
            self.states,
            self.recordings,
            self.bad,
            self.lost,
            self.unmountable,
            self.rate(),
        )
    }
}
