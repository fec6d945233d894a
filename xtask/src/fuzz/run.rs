//! One target, fuzzed until its time is over or it fails.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::crash;
use super::engine::Engine;
use super::progress::Progress;
use super::report::Run;
use super::status::{self, Status};
use super::target::Target;
use crate::child::Child;

/// What a run may take beyond its time: it first runs all inputs that there are.
const GRACE: Duration = Duration::from_secs(300);

/// As much of a log as has the last status, and as has why it failed.
const STATUS: u64 = 4096;
const REASON: u64 = 1 << 20;

/// A process that fuzzes.
#[derive(Debug)]
struct Job {
    child: Child,
    log: PathBuf,
    last: Status,
    failed: bool,
    ended: bool,
}

/// Fuzzes a target in `jobs` processes that share what they learn.
pub(super) fn run(engine: &Engine, target: &Target, span: Duration, jobs: usize) -> Result<Run> {
    let mut progress = Progress::start(target, span);
    let mut started = (0..jobs)
        .map(|number| Job::start(engine, target, span, number))
        .collect::<Result<Vec<_>>>()?;
    loop {
        for job in &mut started {
            job.look()?;
        }
        let failed = started.iter().any(|job| job.failed);
        if failed || started.iter().all(|job| job.ended) {
            break;
        }
        progress.show(together(&started));
        thread::sleep(Duration::from_millis(200));
    }
    let (mut crashes, mut ends) = (Vec::new(), Vec::new());
    for job in started.iter().filter(|job| job.failed) {
        let log = end_of(&job.log, REASON)?;
        crashes.extend(status::artifacts_in(&log));
        ends.push(log);
    }
    let status = together(&started);
    let verdict = if ends.is_empty() { "fine" } else { "FAILED" };
    let seconds = progress.end(status, verdict);
    for log in &ends {
        crash::explain(target, log, &crashes)?;
    }
    Ok(Run::new(target, seconds, status, !ends.is_empty(), crashes))
}

impl Job {
    fn start(engine: &Engine, target: &Target, span: Duration, number: usize) -> Result<Self> {
        let log = target.own("")?.join(format!("job-{number}.log"));
        let file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = engine.command(target)?;
        command.arg(format!("-max_total_time={}", span.as_secs()));
        command.arg(format!(
            "-artifact_prefix={}/",
            target.artifacts()?.display()
        ));
        command.arg(target.learnt()?).arg(target.committed());
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            child: Child::start(&mut command, span + GRACE)?,
            log,
            last: Status::default(),
            failed: false,
            ended: false,
        })
    }

    /// Sees whether it has ended, and how far it is.
    fn look(&mut self) -> Result<()> {
        if !self.ended
            && let Some(status) = self.child.poll()?
        {
            self.ended = true;
            self.failed = !status.success();
        }
        if let Some(status) = Status::last_of(&end_of(&self.log, STATUS)?) {
            self.last = status;
        }
        Ok(())
    }
}

/// The last bytes of a log.
fn end_of(log: &Path, bytes: u64) -> Result<String> {
    let reading = || format!("reading {}", log.display());
    let mut file = File::open(log).with_context(reading)?;
    let length = file.metadata().with_context(reading)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))
        .with_context(reading)?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).with_context(reading)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

/// Runs add up; what they reach is reached by all, since they share their inputs.
fn together(jobs: &[Job]) -> Status {
    let most = |of: fn(&Status) -> u64| jobs.iter().map(|job| of(&job.last)).max().unwrap_or(0);
    Status {
        executions: jobs.iter().map(|job| job.last.executions).sum(),
        coverage: most(|status| status.coverage),
        features: most(|status| status.features),
        corpus: most(|status| status.corpus),
    }
}
