//! What the command line says.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

use crate::campaign::Campaign;
use crate::case::{Case, Family};

/// Runs the real userdata store on simulated hosts that crash, fail and compete.
///
/// Everything follows from numbers: what fails once fails again, here and elsewhere, when the same
/// case is replayed. Ends with 0 if every guarantee held, with 1 if one was broken, with 130 if it
/// was interrupted.
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
pub(crate) enum Command {
    /// Run cases, and hold what happens against the guarantees
    Run(Run),
    /// Run one case again and show it, step by step
    Replay(Replay),
}

/// Options of `simulate run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Only cases of this family; may be given again
    #[arg(long, value_name = "FAMILY", value_enum)]
    only: Vec<Family>,
    /// The seeds of the families that have seeds, from A up to and without B [default: 0..1000, or
    /// as many as there is time for]
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// How many threads work [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// End after so many minutes
    #[arg(long, value_name = "M", value_parser = minutes)]
    minutes: Option<Duration>,
    /// End at the first failure
    #[arg(long)]
    first: bool,
    /// Keep what was found in this file, for `simulate report`
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Options of `simulate replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// FAMILY:NUMBER, as `simulate run` tells it
    pub(crate) case: Case,
}

impl Run {
    pub(crate) fn campaign(&self) -> Campaign {
        let families = Family::ALL.into_iter();
        let chosen = |family: &Family| self.only.is_empty() || self.only.contains(family);
        let end = if self.minutes.is_some() {
            u64::MAX
        } else {
            1000
        };
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Campaign {
            families: families.filter(chosen).collect(),
            seeds: self.seeds.clone().unwrap_or(0..end),
            jobs: self.jobs.map_or(processors, NonZeroUsize::get),
            limit: self.minutes,
            first: self.first,
        }
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.ok_or_else(|| "seeds are two numbers with two dots between them".to_owned())
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "that is no number".to_owned())?;
    Duration::try_from_secs_f64(minutes * 60.0).map_err(|error| error.to_string())
}
