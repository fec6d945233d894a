//! Threads of one process that store for one domain: with clones of one store they line up, with
//! stores that were opened separately they compete for the lock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use userdata::store::{Durability, Expect, Op};
use userdata::{DomainKey, WritableUserid};
use userdata_core::Store as _;
use userdata_core::value::NonEmpty;
use userdata_fs::{FileStore, OsDirectory};

use crate::crowd::Crowd;
use crate::limit::{Bound, Limit};
use crate::place::Place;
use crate::series::Series;

/// How many threads there are.
const THREADS: usize = 16;
/// How long they store in one round, with and without a line.
const SPAN: Duration = Duration::from_millis(500);
/// The greatest ratio of the longest store in a line to the longest one without a line.
const LONGEST_RATIO: f64 = 0.5;

/// What was measured on one file system.
#[derive(Clone, Debug, Serialize)]
pub struct ThreadsMeasured {
    /// The name of the file system.
    pub file_system: String,
    /// The longest store of threads in a line, in milliseconds, round by round.
    pub in_line_ms: Series,
    /// The longest store of threads that compete for the lock.
    pub competing_ms: Series,
    /// Stores of threads in a line, round by round.
    pub in_line_stores: Series,
    /// Stores of threads that compete for the lock.
    pub competing_stores: Series,
}

/// Measures threads in a line and threads that compete, by turns.
///
/// # Errors
///
/// When a store fails.
pub fn measure(place: &Place, rounds: usize) -> Result<ThreadsMeasured> {
    let path = place.with_others(0)?;
    let mut measured = ThreadsMeasured {
        file_system: place.name.clone(),
        in_line_ms: Series::default(),
        competing_ms: Series::default(),
        in_line_stores: Series::default(),
        competing_stores: Series::default(),
    };
    for _ in 0..rounds {
        let store = FileStore::open(&path)?;
        let (longest, stores) = round(vec![store; THREADS])?;
        measured.in_line_ms.0.push(longest);
        measured.in_line_stores.0.push(stores);
        let (longest, stores) = round(separate(&path)?)?;
        measured.competing_ms.0.push(longest);
        measured.competing_stores.0.push(stores);
    }
    Ok(measured)
}

fn separate(path: &Path) -> Result<Vec<FileStore<OsDirectory>>> {
    let paths: Vec<PathBuf> = vec![path.to_owned(); THREADS];
    let stores = paths.iter().map(FileStore::open);
    Ok(stores.collect::<Result<_, _>>()?)
}

/// The longest store of all threads in milliseconds, and how many stores there were.
fn round(stores: Vec<FileStore<OsDirectory>>) -> Result<(f64, f64)> {
    let domain = Crowd::key(0)?;
    let begun = Instant::now();
    let threads: Vec<_> = stores
        .into_iter()
        .map(|store| thread::spawn(move || store_for_a_while(&store, &domain, begun)))
        .collect();
    let (mut longest, mut count) = (Duration::ZERO, 0.0);
    for one in threads {
        let (its_longest, its_count) = one.join().map_err(|_| anyhow!("a thread panicked"))??;
        longest = longest.max(its_longest);
        count += its_count;
    }
    Ok((longest.as_secs_f64() * 1e3, count))
}

fn store_for_a_while(
    store: &FileStore<OsDirectory>,
    domain: &DomainKey,
    begun: Instant,
) -> Result<(Duration, f64)> {
    let userid = WritableUserid::new("xl")?;
    let (mut longest, mut count) = (Duration::ZERO, 0.0);
    while begun.elapsed() < SPAN {
        let op = Op::Put {
            userid: &userid,
            data: NonEmpty::new(&[7; 512]).ok_or_else(|| anyhow!("no bytes"))?,
            expect: Expect::Any,
            durability: Durability::Process,
        };
        let before = Instant::now();
        store.change(domain, Duration::from_secs(60), &mut |_| Ok(()), &[op])?;
        longest = longest.max(before.elapsed());
        count += 1.0;
    }
    Ok((longest, count))
}

impl ThreadsMeasured {
    /// The limit, compared with what was measured.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let what = format!("longest store of {THREADS} threads in line, in times of one without");
        let ratio = self.in_line_ms.over(&self.competing_ms);
        vec![Limit::timed(what, &ratio, Bound::AtMost(LONGEST_RATIO))]
    }
}

impl fmt::Display for ThreadsMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |series: &Series| {
            series
                .median()
                .map_or("-".to_owned(), |n| format!("{n:.1}"))
        };
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        let stores = format!("stores in {SPAN:?}");
        table.set_header([&*self.file_system, "longest store, ms", &*stores]);
        for (name, longest, stores) in [
            ("threads in line", &self.in_line_ms, &self.in_line_stores),
            (
                "threads that compete",
                &self.competing_ms,
                &self.competing_stores,
            ),
        ] {
            table.add_row([name.to_owned(), shown(longest), shown(stores)]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}
