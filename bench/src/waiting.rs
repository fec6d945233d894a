//! How long a lock is waited for by 2, 16 and 64 that compete for it as processes do: each has a
//! store that was opened separately, so no two of them share a line.

use std::fmt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
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

/// The time of each store; `None` if it ended at its timeout.
fn round(path: &Path, waiting: usize) -> Result<Vec<Option<Duration>>> {
    let start = Barrier::new(waiting);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..waiting)
            .map(|_| scope.spawn(|| store_again_and_again(path, &start)))
            .collect();
        let mut all = Vec::new();
        for one in threads {
            all.extend(one.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok(all)
    })
}

fn store_again_and_again(path: &Path, start: &Barrier) -> Result<Vec<Option<Duration>>> {
    let store = FileStore::open(path);
    let domain = Crowd::key(0)?;
    let userid = WritableUserid::new("xl")?;
    start.wait();
    let store = store?;
    let mut waits = Vec::new();
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
            Ok(_) => waits.push(Some(begun.elapsed())),
            Err(error) if error.is_busy() => waits.push(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(waits)
}

impl Spread {
    fn of(waiting: usize, all: Vec<Option<Duration>>) -> Self {
        let stores = all.len();
        let mut waits: Vec<Duration> = all.into_iter().flatten().collect();
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
        let waits = (1..=100).rev().map(|ms| Some(Duration::from_millis(ms)));
        let spread = Spread::of(2, waits.chain([None]).collect());
        assert_eq!((spread.stores, spread.timeouts), (101, 1));
        let figures = [spread.median_ms, spread.ninth_decile_ms, spread.longest_ms];
        assert_eq!(figures, [51.0, 91.0, 100.0]);
    }
}
