//! Times the store, bare system calls and real libxl, and compares the result with the limits.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde::Serialize;
use userdata_bench::batch::{self, BatchMeasured};
use userdata_bench::case::Case;
use userdata_bench::counts::Counts;
use userdata_bench::libxl::InC;
use userdata_bench::limit::{Limit, Verdict, limits};
use userdata_bench::many::{self, ManyMeasured};
use userdata_bench::place::Place;
use userdata_bench::report::Measured;
use userdata_bench::rounds::{Effort, measure};
use userdata_bench::subject::Subject;
use userdata_bench::threads::{self, ThreadsMeasured};
use userdata_bench::waiting::{self, WaitingMeasured};
use userdata_bench::{chart, counts};

/// How many files of other domains there are.
const OTHERS: [u32; 3] = [10, 1_000, 100_000];

/// How many rounds of work on many files there are: it takes long.
const LONG_MANY: usize = 21;
const QUICK_MANY: usize = 7;

/// How many rounds of competing threads there are: each takes a second.
const LONG_THREADS: usize = 21;
const QUICK_THREADS: usize = 7;

/// How many rounds of a thousand durable stores there are: each takes two seconds.
const LONG_BATCHES: usize = 21;
const QUICK_BATCHES: usize = 5;

const LONG: Effort = Effort {
    rounds: 401,
    turn: Duration::from_micros(250),
};
const QUICK: Effort = Effort {
    rounds: 61,
    turn: Duration::from_micros(250),
};

/// What the store costs, against the fewest system calls that could do the same and real libxl.
#[derive(Debug, Parser)]
struct Arguments {
    /// Take fewer rounds
    #[arg(long)]
    quick: bool,
    /// End with a failure when a limit is not shown to be kept
    #[arg(long)]
    check: bool,
    /// Measure only this part
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Measure the memory of a sweep of a million files, too
    #[arg(long)]
    million: bool,
    /// The program that calls real libxl [default: libxl is left out]
    #[arg(long, value_name = "PROGRAM")]
    libxl: Option<PathBuf>,
    /// The folder of the C library and of the drop-in, which that program loads [default: they are
    /// left out]
    #[arg(long, value_name = "FOLDER", requires = "libxl")]
    libraries: Option<PathBuf>,
    /// A disk image to mount and measure on; may be given again
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// Where the JSON and the charts go
    #[arg(long)]
    out: PathBuf,
    /// Empty directories, one on each file system that is measured
    directories: Vec<PathBuf>,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Operations on one value or one domain.
    One,
    /// Sweep, export and import.
    Many,
    /// Threads that store for one domain.
    Threads,
    /// Many durable values, in one batch and one by one.
    Batch,
    /// How long a lock is waited for.
    Waiting,
}

/// The JSON that is kept.
#[derive(Debug, Serialize)]
struct Results {
    schema: &'static str,
    kernel: String,
    processors: usize,
    /// The load of the machine before, as in `/proc/loadavg`.
    load: String,
    rounds: usize,
    rounds_of_many: usize,
    file_systems: Vec<Measured>,
    many: Vec<ManyMeasured>,
    threads: Vec<ThreadsMeasured>,
    batches: Vec<BatchMeasured>,
    waiting: Vec<WaitingMeasured>,
    limits: Vec<Limit>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let effort = if arguments.quick { QUICK } else { LONG };
    let rounds_of_many = if arguments.quick {
        QUICK_MANY
    } else {
        LONG_MANY
    };
    let mut results = Results {
        schema: "userdata-bench/5",
        kernel: system("/proc/sys/kernel/osrelease")?,
        processors: available_parallelism()?.get(),
        load: system("/proc/loadavg")?,
        rounds: effort.rounds,
        rounds_of_many,
        file_systems: Vec::new(),
        many: Vec::new(),
        threads: Vec::new(),
        batches: Vec::new(),
        waiting: Vec::new(),
        limits: Vec::new(),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Linux {}, {} processors, load {}; medians of {} rounds, of {} for many files\n\
         (ratio, ours to the bare sequence and libxl's to ours; ratios between which half of the \
         rounds lie)\n",
        results.kernel, results.processors, results.load, effort.rounds, results.rounds_of_many
    )?;
    let tracing = counts::can_trace();
    if let Err(error) = &tracing {
        writeln!(out, "System calls are NOT COUNTED: {error:#}\n")?;
    }
    let mut places: Vec<Place> = Vec::new();
    for directory in &arguments.directories {
        places.push(Place::at(directory)?);
    }
    for image in &arguments.image {
        places.push(Place::mounted(image)?);
    }
    for place in &places {
        if arguments.only.is_none_or(|part| part == Part::One) {
            let in_c = arguments.libxl.as_deref().map(|program| InC {
                program,
                libraries: arguments.libraries.as_deref(),
            });
            let measured = measure_at(place, effort, tracing.is_ok(), in_c)?;
            let kept = limits(&measured);
            show(&mut out, &measured, &kept)?;
            let chart = arguments.out.join(format!("{}.svg", place.name));
            chart::draw(&measured, &chart)?;
            results.file_systems.push(measured);
            results.limits.extend(kept);
        }
        if arguments.only.is_none_or(|part| part == Part::Many) {
            // An image has no room for a million files.
            let million = arguments.million && place.name == "tmpfs";
            let measured = many::measure(place, rounds_of_many, million)?;
            let kept = measured.limits();
            show(&mut out, &measured, &kept)?;
            let chart = arguments.out.join(format!("{}-many.svg", place.name));
            chart::draw_many(&measured, &chart)?;
            results.many.push(measured);
            results.limits.extend(kept);
        }
        if arguments.only.is_none_or(|part| part == Part::Threads) {
            let rounds = match arguments.quick {
                true => QUICK_THREADS,
                false => LONG_THREADS,
            };
            let measured = threads::measure(place, rounds)?;
            let kept = measured.limits();
            show(&mut out, &measured, &kept)?;
            results.threads.push(measured);
            results.limits.extend(kept);
        }
        if arguments.only.is_none_or(|part| part == Part::Batch) {
            let rounds = match arguments.quick {
                true => QUICK_BATCHES,
                false => LONG_BATCHES,
            };
            let measured = batch::measure(place, rounds)?;
            let kept = measured.limits();
            show(&mut out, &measured, &kept)?;
            results.batches.push(measured);
            results.limits.extend(kept);
        }
        if arguments.only.is_none_or(|part| part == Part::Waiting) {
            let rounds = match arguments.quick {
                true => QUICK_THREADS,
                false => LONG_THREADS,
            };
            let measured = waiting::measure(place, rounds)?;
            show(&mut out, &measured, &[])?;
            results.waiting.push(measured);
        }
    }
    let json = arguments.out.join("bench.json");
    fs::write(&json, serde_json::to_vec_pretty(&results)?)?;
    let kept = results
        .limits
        .iter()
        .filter(|limit| limit.verdict == Verdict::Pass)
        .count();
    writeln!(
        out,
        "{kept} of {} limits kept; figures and charts are in {}",
        results.limits.len(),
        arguments.out.display()
    )?;
    let all_kept = kept == results.limits.len();
    Ok(if all_kept || !arguments.check {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(out: &mut impl Write, measured: &dyn Display, limits: &[Limit]) -> Result<()> {
    writeln!(out, "{measured}\n")?;
    for limit in limits {
        writeln!(out, "{limit}")?;
    }
    Ok(writeln!(out)?)
}

/// Times and counts every case on one file system.
fn measure_at(
    place: &Place,
    effort: Effort,
    tracing: bool,
    in_c: Option<InC<'_>>,
) -> Result<Measured> {
    let mut subjects = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for others in OTHERS {
        let path = place.with_others(others)?;
        subjects.insert(others, Subject::open(&path, in_c)?);
        paths.insert(others, path);
    }
    let times = measure(&mut subjects, effort)?;
    let mut counts = BTreeMap::new();
    for (others, path) in &paths {
        for case in Case::ALL.into_iter().filter(|case| !case.is_in_c()) {
            counts.insert((case, *others), Counts::of(case, path, tracing)?);
        }
    }
    Ok(Measured::new(&place.name, times, counts))
}

/// A short text from a file of the kernel.
fn system(path: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}
