//! `memory`: how much a process needs that has a peer open, and how much more for its work.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::lineup::{Home, Kind, Programs};
use crate::peer::Peer as _;
use crate::peer::child::Child;
use crate::population;
use crate::rounds::{FILES, LENGTH};
use crate::slot::Subject;
use crate::work::{Turn, VALUES, Work};

/// How often each work is done.
const TIMES: u32 = 200;

/// The memory of one peer's process, in KiB.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Which peer.
    pub kind: Kind,
    /// The peak when it is open among 1 000 values.
    pub opened_kib: u64,
    /// How much higher the peak is after all works with values of 4 KiB.
    pub works_kib: u64,
    /// How much higher again after storing and retrieving 64 KiB.
    pub long_values_kib: u64,
}

/// Measures each peer in a process of its own.
///
/// # Errors
///
/// When a peer fails, or the kernel does not tell.
pub fn measure(kinds: &[Kind], programs: &Programs, within: &Path) -> Result<Vec<Memory>> {
    let directory = within.join("memory");
    for home in [(Home::Flat, Kind::Ours), (Home::Folders, Kind::FsWrite)] {
        population::make_files(home.0, &home.1.directory(&directory)?, FILES)?;
    }
    let each = kinds.iter().map(|kind| {
        of(*kind, programs, &directory).with_context(|| format!("the memory of {kind}"))
    });
    each.collect()
}

fn of(kind: Kind, programs: &Programs, within: &Path) -> Result<Memory> {
    let path = kind.directory(within)?;
    if kind.about().home == Home::Own {
        population::fill(kind.open_here(&path)?.as_mut(), kind, FILES)?;
    }
    let domains: Vec<Subject> = (0..4).map(|n| kind.domain(n)).collect::<Result<_>>()?;
    let mut child = Child::start(&mut kind.command(programs)?, &path, &domains)?;
    let opened = peak(child.id())?;
    for number in 0..VALUES {
        child.store(&kind.domain(1)?.slot(number)?, &[b'v'; LENGTH])?;
    }
    let mut turns = Turns {
        kind,
        child,
        seed: 1,
    };
    turns.take(Work::Replace, LENGTH)?;
    for work in Work::SINGLE {
        turns.take(work, LENGTH)?;
    }
    let worked = peak(turns.child.id())?;
    turns.take(Work::Replace, 16 * LENGTH)?;
    turns.take(Work::Retrieve, 16 * LENGTH)?;
    let long = peak(turns.child.id())?;
    Ok(Memory {
        kind,
        opened_kib: opened,
        works_kib: worked - opened,
        long_values_kib: long - worked,
    })
}

/// Turns of one peer, whose values all differ.
struct Turns {
    kind: Kind,
    child: Child,
    seed: u64,
}

impl Turns {
    fn take(&mut self, work: Work, length: usize) -> Result<()> {
        self.seed += 1 << 20;
        let turn = Turn {
            work,
            domain: self.kind.domain(work.domain())?,
            number: 0,
            length,
            seed: self.seed,
            early: 0,
            times: TIMES,
        };
        self.child.turn(&turn).map(drop)
    }
}

/// The peak of a process that runs, in KiB.
///
/// # Errors
///
/// When the kernel does not tell.
pub fn peak(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("the kernel does not tell the peak")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
