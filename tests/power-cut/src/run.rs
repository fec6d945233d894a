//! `Run`: power cuts on each file system, in each form.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use indicatif::ProgressBar;

use crate::cut::{self, CrashImages};
use crate::failed_sync::FailedSyncReport;
use crate::file_system::FileSystem;
use crate::form::Form;
use crate::progress::Screen;
use crate::recording::Recording;
use crate::report::{Report, replay_line};
use crate::rig::Rig;
use crate::tally::Tally;

/// The most states that are made of one recording.
const STATES_OF_A_RECORDING: usize = 1000;

/// The extent of a run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) file_systems: Vec<FileSystem>,
    pub(crate) forms: Vec<Form>,
    /// The number of states on all file systems and in all forms.
    pub(crate) states: usize,
    pub(crate) seed: u64,
    /// The number of file systems at the same time.
    pub(crate) jobs: usize,
    /// An empty directory.
    pub(crate) scratch: PathBuf,
    /// The directory for the report and the recordings of failures.
    pub(crate) out: PathBuf,
}

/// The results on one file system.
struct Lane {
    tallies: Vec<Tally>,
    failed_sync: FailedSyncReport,
}

impl Run {
    pub(crate) fn run(&self, screen: &Screen) -> Result<Report> {
        let started = Instant::now();
        let making = || format!("making {}", self.out.display());
        fs::create_dir_all(&self.out).with_context(making)?;
        let mut report = Report::new(self.seed)?;
        let mut known = VecDeque::new();
        for (at, file_system) in self.file_systems.iter().copied().enumerate() {
            if file_system.is_known()? {
                known.push_back((at, file_system));
            } else {
                screen.print(&format!(
                    "skipped: this kernel has no {}",
                    file_system.kind()
                ));
                report.not_run.push(file_system);
            }
        }
        let queue = Mutex::new(known);
        let stop = AtomicBool::new(false);
        let next = || {
            queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
        };
        let worker = || {
            let mut lanes = Vec::new();
            while let Some((at, file_system)) = next() {
                let lane = self.lane(file_system, screen, &stop);
                stop.fetch_or(lane.is_err(), Ordering::Relaxed);
                let lane = lane.with_context(|| format!("on {}", file_system.name()))?;
                lanes.push((at, lane));
            }
            Ok(lanes)
        };
        let mut lanes = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(worker)).collect();
            let ended = workers.into_iter().map(|worker| worker.join());
            let ended: Result<Vec<_>> = ended
                .map(|ended| ended.map_err(|_| anyhow!("a thread of the rig panicked"))?)
                .collect();
            anyhow::Ok(ended?.into_iter().flatten().collect::<Vec<_>>())
        })?;
        lanes.sort_by_key(|(at, _)| *at);
        for (_, lane) in lanes {
            report.tallies.extend(lane.tallies);
            report.failed_syncs.push(lane.failed_sync);
        }
        report.seconds = started.elapsed().as_secs();
        Ok(report)
    }

    /// Runs everything on one file system.
    fn lane(&self, on: FileSystem, screen: &Screen, stop: &AtomicBool) -> Result<Lane> {
        let mut rig = Rig::new(on, &self.scratch)?;
        let cells = self.cells(on);
        let all = cells.iter().map(|(_, states)| states).sum();
        let bar = screen.bar(on.name(), all);
        let (at_once, after_remount) = rig.fail_sync()?;
        let failed_sync = FailedSyncReport::new(on, at_once, after_remount);
        let mut tallies = Vec::new();
        for (form, states) in cells {
            bar.set_message(form.name());
            let tally = self.cell(&mut rig, form, states, &bar, screen, stop)?;
            screen.print(&tally.line());
            tallies.push(tally);
        }
        bar.finish_and_clear();
        Ok(Lane {
            tallies,
            failed_sync,
        })
    }

    /// The number of states of each form on one file system.
    fn cells(&self, on: FileSystem) -> Vec<(Form, usize)> {
        let here = self.file_systems.len().max(1);
        let forms = self.forms.iter().copied();
        // The bare sequences are not meant for file systems without a journal.
        let forms = forms.filter(|form| !form.is_bare() || on.is_journalled());
        let shares: usize = self.forms.iter().map(|form| form.share()).sum();
        let states = |form: Form| (self.states * form.share()).div_ceil(here * shares.max(1));
        forms.map(|form| (form, states(form))).collect()
    }

    /// Runs one form on one file system.
    fn cell(
        &self,
        rig: &mut Rig,
        form: Form,
        states: usize,
        bar: &ProgressBar,
        screen: &Screen,
        stop: &AtomicBool,
    ) -> Result<Tally> {
        let started = Instant::now();
        let mut tally = Tally::new(rig.file_system(), form);
        let mut left = states;
        for seed in self.seed.. {
            let count = left.min(STATES_OF_A_RECORDING);
            if count == 0 || stop.load(Ordering::Relaxed) {
                break;
            }
            left -= count;
            let recording = rig.record(form, seed)?;
            tally.begin(&recording);
            let path = self.path_of(&recording);
            let mut kept = false;
            let mut images = CrashImages::new(&recording.before, &recording.log);
            for cut in cut::choose(&recording.log, count, seed) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let found = rig.look(&mut images, cut)?;
                let shown = tally.failures.len();
                tally.add(&recording, cut, &found);
                bar.inc(1);
                if let Some(failure) = tally.failures.get(shown) {
                    if !kept {
                        recording.save(&path)?;
                        kept = true;
                    }
                    screen.print(&format!(
                        "FAILED: {} {}: key {} is {}: {}",
                        rig.file_system().name(),
                        form.name(),
                        failure.key,
                        failure.fault.name(),
                        replay_line(&path, &failure.cut),
                    ));
                }
            }
        }
        let milliseconds = started.elapsed().as_millis();
        tally.milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
        Ok(tally)
    }

    /// The file for a recording of which a state fails.
    fn path_of(&self, recording: &Recording) -> PathBuf {
        let (on, form) = (recording.file_system.name(), recording.form.name());
        // Another run with the same seed has another recording, and must not overwrite this one.
        let run = self.scratch.file_name().unwrap_or_default().display();
        let name = format!("{on}-{form}-{}-{run}.recording", recording.seed);
        self.out.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(forms: &[Form], states: usize) -> Run {
        Run {
            file_systems: FileSystem::ALL.to_vec(),
            forms: forms.to_vec(),
            states,
            seed: 1,
            jobs: 1,
            scratch: PathBuf::new(),
            out: PathBuf::new(),
        }
    }

    #[test]
    fn all_requested_states_are_distributed() {
        let run = run(&Form::USUAL, 2000);
        let lanes = FileSystem::ALL.map(|on| run.cells(on));
        let states: usize = lanes.iter().flatten().map(|(_, states)| states).sum();
        assert_eq!(states, 2000);
        assert!(
            lanes
                .iter()
                .all(|cells| cells.iter().all(|(_, states)| *states >= 50))
        );
    }

    #[test]
    fn one_barrier_is_not_tried_without_a_journal() {
        let run = run(&[Form::OneBarrier], 100);
        assert_eq!(run.cells(FileSystem::Ext4), [(Form::OneBarrier, 25)]);
        assert_eq!(run.cells(FileSystem::Ext4NoJournal), []);
    }
}
