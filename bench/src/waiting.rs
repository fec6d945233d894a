//! How long 2, 16 and 64 processes that compete for a lock wait for it.

use std::env;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use userdata::WritableUserid;
use userdata::store::{Durability, Expect, Op};
use userdata_core::Store as _;
use userdata_core::value::NonEmpty;
use userdata_fs::FileStore;

use crate::crowd::Crowd;
use crate::place::Place;

/// How many wait at the same time.
const WAITING: [usize; 3] = [2, 16, 64];
/// How often each of them stores in a round.
const STORES: usize = 20;
/// How long the lock is held for a store: a hypervisor that takes this long to answer.
const HELD: Duration = Duration::from_micros(200);
/// The timeout of one store.
const TIMEOUT: Duration = Duration::from_millis(250);

/// What was measured on one file system.
#[derive(Clone, Debug, Serialize)]
pub struct WaitingMeasured {
    /// The name of the file system.
    pub file_system: String,
    /// The spread of the waits, by the number of those that wait.
    pub waits: Vec<Spread>,
}

/// The time of one store, its wait included, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Spread {
    /// How many waited at the same time.
    pub waiting: usize,
    /// How many stores there were.
    pub stores: usize,
    /// The stores that ended at their timeout.
    pub timeouts: usize,
    /// The waits below which this part of them lies.
    pub median_ms: f64,
    /// Nine of ten.
    pub ninth_decile_ms: f64,
    /// Ninety-nine of a hundred.
    pub last_percentile_ms: f64,
    /// The longest.
    pub longest_ms: f64,
}

/// Measures the waits of all rounds together.
///
/// # Errors
///
/// When a store fails for another reason than its timeout.
pub fn measure(place: &Place, rounds: usize) -> Result<WaitingMeasured> {
    let path = place.with_others(0)?;
    let waits = WAITING.into_iter().map(|waiting| {
        let mut all = Vec::new();
        for _ in 0..rounds {
            all.extend(round(&path, waiting)?);
        }
        Ok(Spread::of(waiting, all))
    });
    Ok(WaitingMeasured {
        file_system: place.name.clone(),
        waits: waits.collect::<Result<_>>()?,
    })
}

/// The time of each store in microseconds; `None` if it ended at its timeout.
type Waits = Vec<Option<u64>>;

/// Starts the processes, lets all of them begin when the last one is ready, and reads their waits.
fn round(path: &Path, waiting: usize) -> Result<Waits> {
    let program = env::current_exe()?.with_file_name("userdata-bench-wait");
    let mut processes = Vec::with_capacity(waiting);
    for _ in 0..waiting {
        let started = Command::new(&program)
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        processes.push(started.with_context(|| format!("cannot start {}", program.display()))?);
    }
    for process in &mut processes {
        let output = process.stdout.as_mut().context("no output")?;
        output.read_exact(&mut [0])?;
    }
    for process in &mut processes {
        // It begins when its input ends.
        drop(process.stdin.take());
    }
    let mut all = Waits::new();
    for process in processes {
        let output = process.wait_with_output()?;
        ensure!(output.status.success(), "a process failed");
        let waits: Waits = serde_json::from_slice(&output.stdout)?;
        all.extend(waits);
    }
    Ok(all)
}

/// What each of the processes does: says that it is ready, waits until its input ends, stores again
/// and again, and writes its waits.
///
/// # Errors
///
/// When a store fails for another reason than its timeout.
pub fn wait_in_process(path: &Path) -> Result<()> {
    let store = FileStore::open(path)?;
    let domain = Crowd::key(0)?;
    let userid = WritableUserid::new("xl")?;
    let mut output = io::stdout().lock();
    output.write_all(b".")?;
    output.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    let mut waits = Waits::new();
    for _ in 0..STORES {
        let op = Op::Put {
            userid: &userid,
            data: NonEmpty::new(&[7; 512]).context("no bytes")?,
            expect: Expect::Any,
            durability: Durability::Process,
        };
        let begun = Instant::now();
        let mut admit = |_: &_| {
            thread::sleep(HELD);
            Ok(())
        };
        match store.change(&domain, TIMEOUT, &mut admit, &[op]) {
            Ok(_) => waits.push(Some(u64::try_from(begun.elapsed().as_micros())?)),
            Err(error) if error.is_busy() => waits.push(None),
            Err(error) => return Err(error.into()),
        }
    }
    serde_json::to_writer(&mut output, &waits)?;
    Ok(())
}

impl Spread {
    fn of(waiting: usize, all: Waits) -> Self {
        let stores = all.len();
        let waits = all.into_iter().flatten().map(Duration::from_micros);
        let mut waits: Vec<Duration> = waits.collect();
        waits.sort_unstable();
        let below = |part: f64| {
            let at = (waits.len() as f64 * part) as usize;
            let wait = waits.get(at.min(waits.len().saturating_sub(1)));
            wait.map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
        };
        Self {
            waiting,
            stores,
            timeouts: stores - waits.len(),
            median_ms: below(0.5),
            ninth_decile_ms: below(0.9),
            last_percentile_ms: below(0.99),
            longest_ms: below(1.0),
        }
    }
}

impl fmt::Display for WaitingMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([
            &*self.file_system,
            "stores",
            "timeouts",
            "median, ms",
            "90 %, ms",
            "99 %, ms",
            "longest, ms",
        ]);
        for spread in &self.waits {
            let ms = |figure: f64| format!("{figure:.2}");
            table.add_row([
                format!("{} waiting", spread.waiting),
                spread.stores.to_string(),
                spread.timeouts.to_string(),
                ms(spread.median_ms),
                ms(spread.ninth_decile_ms),
                ms(spread.last_percentile_ms),
                ms(spread.longest_ms),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_counts_timeouts_and_sorts_the_waits() {
        let waits = (1..=100).rev().map(|ms| Some(ms * 1000));
        let spread = Spread::of(2, waits.chain([None]).collect());
        assert_eq!((spread.stores, spread.timeouts), (101, 1));
        let figures = [spread.median_ms, spread.ninth_decile_ms, spread.longest_ms];
        assert_eq!(figures, [51.0, 91.0, 100.0]);
    }
}
