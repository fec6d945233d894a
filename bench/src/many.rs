//! `ManyMeasured`: work on many files at once, against the bare calls that do the same.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::crowd::Crowd;
use crate::limit::{Bound, Limit};
use crate::peak::{Work, peak};
use crate::place::Place;
use crate::series::Series;
use crate::sweeping::Sweeping;
use crate::taking_along::{self, TakingAlong};

/// How many domains a sweep finds; each has five files.
const DOMAINS: u32 = 20_000;
/// The same for the measurement of the memory that grows with the store.
const DOMAINS_MANY: u32 = 200_000;

/// How many rounds there are for one of the cases that sync.
const ROUNDS_PER_SYNC: usize = 7;

/// Files that are judged in a second, on a tmpfs.
const JUDGED: f64 = 300_000.0;
/// A sweep against the bare one.
const SWEEP_RATIO: f64 = 1.5;
/// Export and import against the bare copy.
const COPY_RATIO: f64 = 2.0;
/// Export and import at `Full` against as many durable stores, on a disk: nothing is durable on a
/// tmpfs.
const DURABLE_RATIO: f64 = 1.0;
/// The memory of a sweep, and what each domain may add among many.
const SWEEP_BYTES: u64 = 24 << 20;
const DOMAIN_BYTES: u64 = 32;
/// The memory of an export and of an import, besides the largest value.
const COPY_BYTES: u64 = 8 << 20;

/// One kind of work on many files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Many {
    /// A sweep that removes nothing, until every file is judged.
    Judging,
    /// All of the same: what would go is told, with its size and age.
    DryRun,
    /// Two readings of the directory and the calls that remove the orphans' files.
    BareSweep,
    /// A sweep.
    Sweep,
    /// A bare retrieve and a bare store of each value.
    BareCopy,
    /// An export to an archive and an import from it, at `Process`.
    ExportImport,
    /// As many stores at `Full`.
    DurableStores,
    /// The export and import at `Full`.
    DurableExportImport,
}

impl Many {
    /// All of them, in the order of their turns.
    pub const ALL: [Self; 8] = [
        Self::Judging,
        Self::DryRun,
        Self::BareSweep,
        Self::Sweep,
        Self::BareCopy,
        Self::ExportImport,
        Self::DurableStores,
        Self::DurableExportImport,
    ];

    /// The one that this one is compared with.
    #[must_use]
    pub const fn compared_with(self) -> Option<Self> {
        match self {
            Self::Sweep => Some(Self::BareSweep),
            Self::ExportImport => Some(Self::BareCopy),
            Self::DurableExportImport => Some(Self::DurableStores),
            _ => None,
        }
    }

    const fn is_durable(self) -> bool {
        matches!(self, Self::DurableStores | Self::DurableExportImport)
    }

    /// How many files it works on.
    #[must_use]
    pub fn files(self) -> u32 {
        match self {
            Self::Judging | Self::DryRun | Self::BareSweep | Self::Sweep => {
                Crowd::of(DOMAINS).files()
            }
            _ => taking_along::VALUES,
        }
    }

    fn run(self, sweeping: &Sweeping, taking_along: &TakingAlong) -> Result<Duration> {
        match self {
            Self::Judging => sweeping.judge(),
            Self::DryRun => sweeping.dry_run(),
            Self::BareSweep => sweeping.remove_bare(),
            Self::Sweep => sweeping.remove(),
            Self::BareCopy => taking_along.copy_bare(),
            Self::ExportImport => taking_along.export_and_import(),
            Self::DurableStores => taking_along.store_durably(),
            Self::DurableExportImport => taking_along.export_and_import_durably(),
        }
    }
}

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Judging => "sweep, judging",
            Self::DryRun => "sweep, dry run",
            Self::BareSweep => "bare sweep",
            Self::Sweep => "sweep",
            Self::BareCopy => "bare copy",
            Self::ExportImport => "export and import",
            Self::DurableStores => "stores at Full",
            Self::DurableExportImport => "export and import at Full",
        })
    }
}

/// All that was measured on one file system.
#[derive(Clone, Debug, Serialize)]
pub struct ManyMeasured {
    /// The name of the file system.
    pub file_system: String,
    /// Milliseconds, round by round.
    pub rounds_ms: BTreeMap<Many, Series>,
    /// How much memory the work took.
    pub peaks: Vec<Peak>,
}

/// The peak of the memory of a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Peak {
    /// What it did.
    pub work: Work,
    /// On how many files.
    pub files: u32,
    /// The peak of all its memory, in bytes.
    pub bytes: u64,
    /// The limit.
    pub at_most: u64,
}

/// Measures all of it on one file system, with `million` also the memory of a sweep of a million
/// files.
///
/// # Errors
///
/// The first failure.
pub fn measure(place: &Place, rounds: usize, million: bool) -> Result<ManyMeasured> {
    let directory = |name: &str| -> Result<PathBuf> {
        let path = place.path.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    };
    let (swept, copied) = (directory("swept")?, directory("copied")?);
    let crowd = Crowd::of(DOMAINS);
    let sweeping = Sweeping::fill(crowd, &swept)?;
    let taking_along = TakingAlong::open(&copied)?.with_bare(&copied)?;
    let mut rounds_ms: BTreeMap<Many, Series> = BTreeMap::new();
    for round in 0..rounds {
        for many in order(round) {
            let took = many.run(&sweeping, &taking_along)?;
            let milliseconds = took.as_secs_f64() * 1e3;
            rounds_ms.entry(many).or_default().0.push(milliseconds);
        }
    }
    let swept_by = |work, domains, directory: &PathBuf| -> Result<Peak> {
        let more = match domains > DOMAINS {
            true => DOMAIN_BYTES * u64::from(domains),
            false => 0,
        };
        Ok(Peak {
            work,
            files: Crowd::of(domains).files(),
            bytes: peak(work, domains, directory)?,
            at_most: SWEEP_BYTES + more,
        })
    };
    let copied_by = |work| -> Result<Peak> {
        Ok(Peak {
            work,
            files: taking_along::VALUES,
            bytes: peak(work, 0, &copied)?,
            at_most: COPY_BYTES + crate::subject::VALUE_LEN as u64,
        })
    };
    let mut peaks = vec![
        swept_by(Work::DryRun, DOMAINS, &swept)?,
        swept_by(Work::Sweep, DOMAINS, &swept)?,
        copied_by(Work::Export)?,
        copied_by(Work::Import)?,
    ];
    if million {
        let many = directory("million")?;
        Crowd::fill(&many, 0..DOMAINS_MANY)?;
        for work in [Work::DryRun, Work::Sweep] {
            peaks.push(swept_by(work, DOMAINS_MANY, &many)?);
        }
    }
    Ok(ManyMeasured {
        file_system: place.name.clone(),
        rounds_ms,
        peaks,
    })
}

/// The turns of a round. Every second round goes backwards.
fn order(round: usize) -> Vec<Many> {
    let syncs = round.is_multiple_of(ROUNDS_PER_SYNC);
    let mut order = Many::ALL.to_vec();
    order.retain(|many| syncs || !many.is_durable());
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

impl ManyMeasured {
    /// Milliseconds, round by round; empty if it was not measured.
    #[must_use]
    pub fn times(&self, many: Many) -> Series {
        self.rounds_ms.get(&many).cloned().unwrap_or_default()
    }

    fn ratio(&self, many: Many) -> Series {
        many.compared_with()
            .map(|other| self.times(many).over(&self.times(other)))
            .unwrap_or_default()
    }

    /// Files worked on in a second, round by round.
    fn rate(&self, many: Many) -> Series {
        let rate = |ms: f64| f64::from(many.files()) * 1e3 / ms;
        Series(self.times(many).0.into_iter().map(rate).collect())
    }

    /// Every limit, compared with what was measured.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let mut limits = Vec::new();
        if self.file_system == "tmpfs" {
            let what = "files judged in a second".to_owned();
            let rate = self.rate(Many::Judging);
            limits.push(Limit::timed(what, &rate, Bound::AtLeast(JUDGED)));
        }
        for (many, at_most) in [
            (Many::Sweep, SWEEP_RATIO),
            (Many::ExportImport, COPY_RATIO),
            (Many::DurableExportImport, DURABLE_RATIO),
        ] {
            if many.is_durable() && self.file_system == "tmpfs" {
                continue;
            }
            let other = many.compared_with().unwrap_or(many);
            let what = format!("{many} in times of {other}");
            limits.push(Limit::timed(
                what,
                &self.ratio(many),
                Bound::AtMost(at_most),
            ));
        }
        for peak in &self.peaks {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let what = format!("MiB of memory, {:?} of {} files", peak.work, peak.files);
            limits.push(Limit::counted(
                what,
                Some(mib(peak.bytes)),
                mib(peak.at_most),
            ));
        }
        limits
    }
}

impl fmt::Display for ManyMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([
            &*self.file_system,
            "files",
            "ms",
            "files a second",
            "ratio; quartiles",
        ]);
        for many in self.rounds_ms.keys().copied() {
            let shown = |number: Option<f64>| number.map_or("-".to_owned(), |n| format!("{n:.1}"));
            let ratio = self.ratio(many);
            let ratio = match (ratio.quantile(0.25), ratio.median(), ratio.quantile(0.75)) {
                (Some(low), Some(median), Some(high)) => {
                    format!("{median:.2}; {low:.2}-{high:.2}")
                }
                _ => "-".to_owned(),
            };
            table.add_row([
                many.to_string(),
                many.files().to_string(),
                shown(self.times(many).median()),
                self.rate(many)
                    .median()
                    .map_or("-".to_owned(), |n| format!("{n:.0}")),
                ratio,
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}
