//! What all runs found together, also kept as JSON.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::progress::per_second;
use super::status::Status;
use super::target::Target;
use crate::project;

/// How one target did.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    target: String,
    seconds: f64,
    executions: u64,
    executions_per_second: u64,
    /// Edges of the program that were taken.
    edges: u64,
    /// Edges with how often they were taken.
    features: u64,
    inputs: u64,
    failed: bool,
    /// What it failed on.
    crashes: Vec<PathBuf>,
}

impl Run {
    pub(super) fn new(
        target: &Target,
        span: Duration,
        status: Status,
        failed: bool,
        crashes: Vec<PathBuf>,
    ) -> Self {
        Self {
            target: target.name().to_owned(),
            seconds: span.as_secs_f64(),
            executions: status.executions,
            executions_per_second: per_second(status.executions, span),
            edges: status.coverage,
            features: status.features,
            inputs: status.corpus,
            failed,
            crashes,
        }
    }
}

/// How all targets did.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    targets: Vec<Run>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            schema: "userdata-fuzz-report/1",
            targets: Vec::new(),
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, run: Run) {
        self.targets.push(run);
    }

    pub(super) fn crashed(&self) -> usize {
        self.targets.iter().filter(|run| run.failed).count()
    }

    /// Keeps it as `target/fuzz/report.json`.
    pub(super) fn write(&self) -> Result<()> {
        let path = project::target().join("fuzz/report.json");
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executions: u64 = self.targets.iter().map(|run| run.executions).sum();
        let seconds: f64 = self.targets.iter().map(|run| run.seconds).sum();
        let targets = self.targets.len();
        write!(f, "{targets} targets, {executions} runs in {seconds:.0} s")
    }
}
