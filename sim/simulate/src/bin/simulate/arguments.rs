//! The command line.

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

use crate::campaign::Campaign;
use crate::case::{Case, Family};
use crate::catalogue::NamedMix;
use crate::targets::Target;

/// Runs the real userdata store on simulated hosts that crash, fail and compete.
///
/// Everything follows from numbers: a case that fails once fails again, on any machine, when it is
/// replayed. The exit status is 0 if every guarantee held, 1 if one was broken or a target was
/// missed, 2 if the command could not run, and 130 if it was interrupted.
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
pub(crate) enum Command {
    /// Run cases, and check what happens against the guarantees
    Run(Run),
    /// Run one case again and show it, step by step
    Replay(Replay),
    /// Make the history of a seed smaller as long as it breaks the same guarantee
    Shrink(Shrink),
    /// Make a page of what a run has found, to be read in a browser
    Report(Report),
}

/// Options of `simulate run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Only cases of this family; may be given again
    #[arg(long, value_name = "FAMILY", value_enum)]
    only: Vec<Family>,
    /// The seeds A..B, without B, of the families that have seeds [default: 0..1000, or as many as
    /// there is time for]
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// Begin families without seeds with this case; those before it follow at the end
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    start: u64,
    /// Run only every Nth case of the family `pair`, which takes longest
    #[arg(long, value_name = "N", default_value = "1")]
    pair_step: NonZeroU64,
    /// What histories are made of: a name, and the fields that differ, such as `all,kills=50`
    #[arg(long, value_name = "MIX", default_value = "all")]
    pub(crate) mix: NamedMix,
    /// How many threads work [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// End after this many minutes
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
    /// A seed, or FAMILY:NUMBER, as `simulate run` prints it
    pub(crate) case: Case,
    /// What histories are made of
    #[arg(long, value_name = "MIX", default_value = "all")]
    pub(crate) mix: NamedMix,
}

/// Options of `simulate shrink`.
#[derive(Debug, Args)]
pub(crate) struct Shrink {
    /// The seed of a history that breaks something
    pub(crate) seed: u64,
    /// What histories are made of
    #[arg(long, value_name = "MIX", default_value = "all")]
    pub(crate) mix: NamedMix,
}

/// Options of `simulate report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The file that `simulate run --out` wrote
    pub(crate) findings: PathBuf,
    /// The file that `cargo xtask canaries` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) canaries: Option<PathBuf>,
    /// End with 1 unless everything was reached that a campaign must reach
    #[arg(long, value_enum, default_value_t = Hold::Nothing)]
    hold: Hold,
    /// The page [default: beside the findings, as .html]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The targets that a campaign must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Hold {
    /// None: the figures are only shown
    Nothing,
    /// Those that do not depend on the speed of the machine
    Results,
    /// All of them
    All,
}

impl Report {
    /// Whether it is a failure when this was missed.
    pub(crate) fn holds(&self, target: &Target) -> bool {
        match self.hold {
            Hold::Nothing => false,
            Hold::Results => !target.is_speed,
            Hold::All => true,
        }
    }

    /// Where the page goes.
    pub(crate) fn page(&self) -> PathBuf {
        let beside = || self.findings.with_extension("html");
        self.out.clone().unwrap_or_else(beside)
    }
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
            start: self.start,
            pair_step: self.pair_step,
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
    let seeds: Range<u64> =
        parsed.ok_or("seeds are two numbers with two dots between them".to_owned())?;
    // A run without cases would report that every guarantee held.
    match seeds.is_empty() {
        true => Err("the first number is not below the second".to_owned()),
        false => Ok(seeds),
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text
        .parse()
        .map_err(|_| "that is not a number".to_owned())?;
    match Duration::try_from_secs_f64(minutes * 60.0) {
        Ok(Duration::ZERO) => Err("in no time nothing is run".to_owned()),
        span => span.map_err(|error| error.to_string()),
    }
}
