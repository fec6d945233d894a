//! `Run`: one run over all file systems.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use userdata_bench::place::Place;

use crate::lineup::{Kind, Programs};
use crate::machine::{self, Machine};
use crate::results::{Measured, Results, SCHEMA};
use crate::{
    calls, chart, conformance, destroying, memory, report, rounds, target, whole, writers,
};

/// How long a run takes.
struct Effort {
    single: rounds::Effort,
    writers: writers::Effort,
    /// How many domains are destroyed, on which file systems (empty for all), in how many rounds.
    destroying: &'static [(u32, &'static [&'static str], usize)],
    whole: usize,
    /// Whether sweep, export, import and the command are measured on all file systems, or on the
    /// first one.
    whole_everywhere: bool,
}

const LONG: Effort = Effort {
    single: rounds::Effort {
        rounds: 31,
        turn: Duration::from_micros(500),
        files: &[10, 1_000, 25_000, 100_000],
    },
    writers: writers::Effort {
        writers: &[1, 8, 64],
        span: Duration::from_millis(200),
        rounds: 3,
    },
    destroying: &[(1_000, &[], 3), (5_000, &["tmpfs"], 1)],
    whole: 9,
    whole_everywhere: true,
};

const QUICK: Effort = Effort {
    single: rounds::Effort {
        rounds: 7,
        turn: Duration::from_micros(500),
        files: &[10, 1_000, 100_000],
    },
    writers: writers::Effort {
        writers: &[1, 8],
        span: Duration::from_millis(60),
        rounds: 1,
    },
    destroying: &[(100, &[], 3)],
    whole: 3,
    whole_everywhere: false,
};

/// What is run, and where.
#[derive(Debug, Args)]
pub struct Run {
    /// Take fewer rounds
    #[arg(long)]
    quick: bool,
    /// How many rounds of operations on one value or domain; more on a busy machine
    #[arg(long, value_name = "NUMBER")]
    rounds: Option<usize>,
    /// The program that calls real libxl [default: libxl is left out]
    #[arg(long, value_name = "PROGRAM")]
    libxl: Option<PathBuf>,
    /// The program that does as libxl did in 2010 [default: it is left out]
    #[arg(long, value_name = "PROGRAM")]
    stdio: Option<PathBuf>,
    /// The command `userdata` [default: it is left out]
    #[arg(long, value_name = "PROGRAM")]
    command: Option<PathBuf>,
    /// A disk image to mount and measure on; may be given again
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// What the JSON says was left out, and why; may be given again
    #[arg(long, value_name = "TEXT")]
    left_out: Vec<String>,
    /// Where the JSON and the plots go
    #[arg(long)]
    out: PathBuf,
    /// Empty directories, one on each file system that is measured
    directories: Vec<PathBuf>,
}

impl Run {
    /// Measures, and writes tables, plots and the JSON.
    ///
    /// # Errors
    ///
    /// When a peer fails: a benchmark of failures measures nothing.
    pub fn run(self) -> Result<()> {
        let mut effort = if self.quick { QUICK } else { LONG };
        effort.single.rounds = self.rounds.unwrap_or(effort.single.rounds);
        let programs = Programs {
            libxl: self.libxl,
            stdio: self.stdio,
        };
        let kinds = Kind::all(&programs);
        let mut results = Results {
            schema: SCHEMA,
            machine: Machine::here()?,
            versions: machine::versions()?,
            quick: self.quick,
            left_out: self.left_out,
            file_systems: Vec::new(),
            calls: Vec::new(),
            memory: Vec::new(),
            targets: Vec::new(),
        };
        show(&report::heading(&results))?;
        let mut places = Vec::new();
        for directory in &self.directories {
            places.push(Place::at(directory)?);
        }
        for image in &self.image {
            places.push(Place::mounted(image)?);
        }
        for (number, place) in (0..).zip(&places) {
            if number == 0 {
                conform(&kinds, &programs, &place.path)?;
                results.memory = memory::measure(&kinds, &programs, &place.path)?;
                show(&report::memory(&results.memory))?;
                match calls::can_trace() {
                    Ok(()) => {
                        results.calls = calls::measure(&kinds, &programs, &place.path)?;
                        show(&report::calls(&results.calls))?;
                        chart::calls(&results.calls, &self.out.join("peers-calls.svg"))?;
                    }
                    Err(error) => results
                        .left_out
                        .push(format!("system calls are not counted: {error:#}")),
                }
            }
            let mut measured = measure(place, &kinds, &programs, &effort)?;
            if number == 0 || effort.whole_everywhere {
                let command = self.command.as_deref();
                measured.whole = whole::measure(&place.path, command, effort.whole)?;
            }
            show(&report::tables(&measured))?;
            let name = &place.name;
            chart::population(&measured, &self.out.join(format!("peers-{name}.svg")))?;
            chart::writers(
                &measured,
                &self.out.join(format!("peers-{name}-writers.svg")),
            )?;
            results.file_systems.push(measured);
        }
        results.machine.load_after = Some(machine::load()?);
        results.targets = target::judge(&results.file_systems);
        for judged in &results.targets {
            show(&format!("{judged}\n"))?;
        }
        for left_out in &results.left_out {
            show(&format!("left out: {left_out}\n"))?;
        }
        let json = self.out.join("peers.json");
        fs::write(&json, serde_json::to_vec(&results)?)
            .with_context(|| format!("cannot write {}", json.display()))?;
        show(&format!(
            "figures and plots are in {}\n",
            self.out.display()
        ))
    }
}

/// Every peer does what it should, before a figure of it is taken.
fn conform(kinds: &[Kind], programs: &Programs, within: &Path) -> Result<()> {
    let directory = within.join("conformance");
    for kind in kinds {
        let path = kind.directory(&directory)?;
        let domains = [kind.domain(0)?, kind.domain(1)?, kind.domain(2)?];
        let mut peer = kind.open(&path, programs, &domains)?;
        conformance::check(peer.as_mut(), *kind).with_context(|| kind.to_string())?;
    }
    Ok(fs::remove_dir_all(&directory)?)
}

fn measure(
    place: &Place,
    kinds: &[Kind],
    programs: &Programs,
    effort: &Effort,
) -> Result<Measured> {
    let directory = place.path.join("single");
    fs::create_dir(&directory)?;
    let times = rounds::measure(kinds, programs, &directory, effort.single)?;
    fs::remove_dir_all(&directory)?;
    let mut measured = Measured::new(&place.name, times);
    for (domains, places, rounds) in effort.destroying {
        let name = place.name.split('-').next().unwrap_or_default();
        if places.is_empty() || places.contains(&name) {
            let destroyed = destroying::measure(kinds, programs, &place.path, *domains, *rounds)?;
            measured.destroyed.extend(destroyed);
        }
    }
    measured.written = writers::measure(kinds, programs, &place.path, effort.writers)?;
    Ok(measured)
}

fn show(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
