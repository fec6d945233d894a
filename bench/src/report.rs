//! `Measured`: all that was measured on one file system, and the table that shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::case::Case;
use crate::counts::Counts;
use crate::rounds::Times;
use crate::series::Series;

/// All that was measured on one file system.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The name of the file system.
    pub file_system: String,
    /// Every case among every number of other files.
    pub rows: Vec<Row>,
}

/// One case among so many other files.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub case: Case,
    /// Among how many other files.
    pub other_files: u32,
    /// Nanoseconds per operation: the median of the rounds.
    pub median_ns: Option<f64>,
    /// The ratio to the case that it is compared with: the median of the rounds.
    pub ratio: Option<f64>,
    /// Nanoseconds per operation, round by round.
    pub rounds_ns: Series,
    /// How much it asked of the kernel and the allocator.
    pub counts: Option<Counts>,
}

impl Measured {
    /// What was timed and counted on this file system.
    #[must_use]
    pub fn new(file_system: &str, times: Times, mut counts: BTreeMap<(Case, u32), Counts>) -> Self {
        let ratio = |case: Case, others, series: &Series| {
            series
                .over(times.get(&(case.compared_with()?, others))?)
                .median()
        };
        let rows = times.iter().map(|((case, others), series)| Row {
            case: *case,
            other_files: *others,
            median_ns: series.median(),
            ratio: ratio(*case, *others, series),
            rounds_ns: series.clone(),
            counts: counts.remove(&(*case, *others)),
        });
        Self {
            file_system: file_system.to_owned(),
            rows: rows.collect(),
        }
    }

    /// Among how many other files, in rising order.
    pub fn others(&self) -> impl Iterator<Item = u32> {
        let all: BTreeSet<u32> = self.rows.iter().map(|row| row.other_files).collect();
        all.into_iter()
    }

    /// One row.
    #[must_use]
    pub fn row(&self, case: Case, others: u32) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.case == case && row.other_files == others)
    }

    /// Nanoseconds per operation, round by round; empty if it was not measured.
    #[must_use]
    pub fn times(&self, case: Case, others: u32) -> Series {
        self.row(case, others)
            .map(|row| row.rounds_ns.clone())
            .unwrap_or_default()
    }

    /// The ratio to the case that it is compared with, round by round; empty if there is no such
    /// case.
    #[must_use]
    pub fn ratio(&self, case: Case, others: u32) -> Series {
        case.compared_with()
            .map(|other| self.times(case, others).over(&self.times(other, others)))
            .unwrap_or_default()
    }

    /// What was counted of a case.
    #[must_use]
    pub fn counts(&self, case: Case, others: u32) -> Option<&Counts> {
        self.row(case, others)?.counts.as_ref()
    }
}

impl fmt::Display for Measured {
    /// A table: microseconds and, in brackets, the ratio to the case's counterpart and the range of
    /// ratios of the middle half of the rounds; then the counts among the most files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        let mut header = vec![format!("{}: us (ratio)", self.file_system)];
        header.extend(self.others().map(|others| format!("{others} files")));
        header.extend(["calls", "allocations", "bytes"].map(str::to_owned));
        table.set_header(header);
        let is_there = |case: &Case| self.rows.iter().any(|row| row.case == *case);
        let mut cases = Case::ALL;
        cases.sort();
        for case in cases.into_iter().filter(is_there) {
            let mut cells = vec![case.to_string()];
            cells.extend(self.others().map(|others| self.cell(case, others)));
            let counts = self
                .others()
                .last()
                .and_then(|others| self.counts(case, others));
            let shown = |count: fn(&Counts) -> Option<f64>| {
                let count = counts.and_then(count);
                count.map_or("-".to_owned(), |count| format!("{count:.0}"))
            };
            cells.extend([
                shown(|counts| counts.calls_total),
                shown(|counts| Some(counts.allocations)),
                shown(|counts| Some(counts.allocated_bytes)),
            ]);
            table.add_row(cells);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}

impl Measured {
    fn cell(&self, case: Case, others: u32) -> String {
        let ratio = self.ratio(case, others);
        let time = self.times(case, others).median().unwrap_or(f64::NAN) / 1e3;
        let time = if time < 1000.0 {
            format!("{time:.2}")
        } else {
            format!("{time:.0}")
        };
        match (ratio.quantile(0.25), ratio.median(), ratio.quantile(0.75)) {
            (Some(low), Some(median), Some(high)) => {
                format!("{time} ({median:.2}; {low:.2}-{high:.2})")
            }
            _ => time,
        }
    }
}
