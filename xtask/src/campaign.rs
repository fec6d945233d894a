//! One campaign of the simulation: the figures, their targets, and the page.
//!
//! Builds the command `simulate` in release mode and runs all exhaustive families, then seeds until
//! time is up or all that were asked for are run. Unless told otherwise it hunts the planted bugs,
//! too. The findings are kept in
//! `target/campaign`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::child::{self, Child};
use crate::{canaries, project};

const BUILD: Duration = Duration::from_secs(3600);

/// How long the report may take, and how much longer than asked the last case of a run may take.
const GRACE: Duration = Duration::from_secs(15 * 60);

/// How long all cases may take, without a limit of the user's.
const ALL_CASES: Duration = Duration::from_secs(3600);

/// Options of `cargo xtask campaign`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// How long cases are run
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    minutes: u64,
    /// Run the histories of these seeds, however long that and all other cases take
    #[arg(long, value_name = "A..B", conflicts_with = "minutes")]
    seeds: Option<String>,
    /// Run only every Nth pair of faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pair_step: u64,
    /// What histories are made of, see `simulate run --help`
    #[arg(long, default_value = "all")]
    mix: String,
    /// How to treat the planted bugs
    #[arg(long, value_enum, default_value_t = Canaries::Hunt)]
    canaries: Canaries,
    /// Show figures that depend on the speed of the machine without comparing them with a target
    #[arg(long)]
    any_speed: bool,
}

/// How the planted bugs are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Canaries {
    /// They are hunted
    Hunt,
    /// The last result of `cargo xtask canaries` is shown
    Last,
    /// They are left out
    None,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = project::target().join("campaign");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        build()?;
        let simulate = project::target().join("release/simulate");
        let (found, page) = (folder.join("findings.json"), folder.join("report.html"));
        let (minutes, step) = (self.minutes.to_string(), self.pair_step.to_string());
        let (extent, limit) = match &self.seeds {
            Some(seeds) => (["--seeds", seeds], ALL_CASES),
            None => (
                ["--minutes", &minutes],
                Duration::from_secs(60 * self.minutes) + GRACE,
            ),
        };
        let mut run = child::command(&simulate);
        run.arg("run").args(extent).args(["--pair-step", &step]);
        run.args(["--mix", &self.mix, "--out"]);
        let sound = Child::start(run.arg(&found), limit)?.wait(|| ())?;
        let mut report = child::command(&simulate);
        report.arg("report").arg(&found).arg("--out").arg(&page);
        report.args(["--hold", if self.any_speed { "results" } else { "all" }]);
        let hunted = match self.canaries {
            Canaries::Hunt => Some(canaries::Task::default().run()),
            _ => None,
        };
        if self.canaries != Canaries::None {
            report.arg("--canaries").arg(canaries::found());
        }
        let reached = Child::start(&mut report, GRACE)?.wait(|| ())?;
        match sound.code() {
            Some(0) => {}
            Some(1) => bail!("a guarantee was broken"),
            _ => bail!("simulate ended with {sound}"),
        }
        hunted.transpose()?;
        if !reached.success() {
            bail!("the campaign did not reach what it must reach");
        }
        writeln!(io::stdout(), "every target was reached")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn build() -> Result<()> {
    let mut command = child::command(project::cargo());
    command.current_dir(project::root()).args([
        "build",
        "--locked",
        "--release",
        "--package",
        "userdata-simulate",
    ]);
    Child::start(&mut command, BUILD)?.succeed()
}
