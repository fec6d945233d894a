//! `measure`: every peer and work among every number of other files, interleaved.
//!
//! A disturbance of the machine affects neighbours in a round alike. So ratios are taken within a
//! round, and the result is their median over all rounds. Each round begins elsewhere, and every
//! second one goes backwards.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use userdata_bench::series::Series;

use crate::lineup::{Home, Kind, Programs};
use crate::peer::Peer;
use crate::population;
use crate::work::{Turn, VALUES, Values, Work};

/// The length of a value where nothing else is said.
pub const LENGTH: usize = 4096;
/// The other lengths that are stored and retrieved.
pub const LENGTHS: [usize; 2] = [512, 64 * 1024];
/// How many other files there are where nothing else is said.
pub const FILES: u32 = 1_000;

/// How often a case is done in a turn at most.
const TIMES_MAX: u32 = 1 << 14;
/// A case that reads the whole directory takes long among this many files.
const MANY: u32 = 10_000;
/// Such a case is timed in one of this many rounds. Odd, because every second round goes backwards.
const ONE_ROUND_IN: usize = 3;

/// The domains that are cleared, one in each turn: some databases keep a mark of what was removed,
/// and would read many marks where only one domain is cleared.
const CLEARED: Range<u32> = 20..84;

/// How long the measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many rounds.
    pub rounds: usize,
    /// How long a turn takes, about. Far shorter than a time slice of the scheduler.
    pub turn: Duration,
    /// The numbers of other files.
    pub files: &'static [u32],
}

/// One peer that does one work, with values of one length, among so many other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Case {
    /// How many other files or values there are.
    pub files: u32,
    /// What is done.
    pub work: Work,
    /// The length of a value in bytes.
    pub length: usize,
    /// By which peer.
    pub kind: Kind,
}

impl Case {
    /// All cases of these peers, each beside those that it is compared with. Durable stores are
    /// timed among one number of files.
    fn all(kinds: &[Kind], files: &[u32]) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in kinds {
            let case = |files, work, length| Self {
                files,
                work,
                length,
                kind: *kind,
            };
            if kind.about().durable {
                let works = [Work::StoreNew, Work::Replace, Work::Remove, Work::Clear];
                all.extend(works.map(|work| case(FILES, work, LENGTH)));
                continue;
            }
            let singles = Work::SINGLE.into_iter();
            all.extend(singles.flat_map(|work| files.iter().map(move |f| case(*f, work, LENGTH))));
            for work in [Work::Replace, Work::Retrieve] {
                all.extend(LENGTHS.map(|length| case(FILES, work, length)));
            }
        }
        all.sort();
        all
    }

    fn is_due(&self, round: usize) -> bool {
        let is_slow = matches!(self.work, Work::List | Work::Clear) && self.files > MANY;
        !is_slow || round.is_multiple_of(ONE_ROUND_IN)
    }

    /// The number of the value: those of different lengths are different ones.
    fn number(&self) -> u32 {
        match self.length {
            LENGTH => 0,
            _ => self.length as u32,
        }
    }

    /// The turn of this number among all turns.
    fn turn(&self, number: u32, seed: u64, times: u32) -> Result<Turn> {
        let domain = match self.work {
            Work::Clear => CLEARED.start + number % CLEARED.len() as u32,
            work => work.domain(),
        };
        Ok(Turn {
            work: self.work,
            domain: self.kind.domain(domain)?,
            number: self.number(),
            length: self.length,
            seed,
            // The turn before may have filled the processor's caches with other files.
            early: 1 + times / 8,
            times,
        })
    }
}

/// Nanoseconds an operation, round by round.
pub type Times = BTreeMap<Case, Series>;

/// The peers, opened among every number of other files.
struct Opened {
    peers: BTreeMap<(u32, Kind), Box<dyn Peer>>,
    /// No value has this counter or a higher one yet.
    seed: u64,
    /// How many turns there were.
    turns: u32,
}

/// Times every case of these peers in an empty directory.
///
/// # Errors
///
/// The first operation that fails.
pub fn measure(
    kinds: &[Kind],
    programs: &Programs,
    within: &Path,
    effort: Effort,
) -> Result<Times> {
    let mut opened = Opened {
        peers: BTreeMap::new(),
        seed: 1,
        turns: 0,
    };
    for files in effort.files {
        let directory = within.join(files.to_string());
        fs::create_dir(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for home in [(Home::Flat, Kind::Ours), (Home::Folders, Kind::FsWrite)] {
            let path = home.1.directory(&directory)?;
            population::make_files(home.0, &path, *files)?;
        }
        for kind in kinds {
            if !kind.about().durable || *files == FILES {
                let peer = open(*kind, programs, &directory, *files)?;
                opened.peers.insert((*files, *kind), peer);
            }
        }
    }
    let mut cases = Vec::new();
    for case in Case::all(kinds, effort.files) {
        let times = opened
            .times_within(case, effort.turn)
            .with_context(|| format!("{}: {}", case.kind, case.work))?;
        cases.push((case, times));
    }
    let mut times = Times::new();
    for round in 0..effort.rounds {
        for (case, often) in order(&cases, round) {
            let took = opened
                .spend(*case, *often)
                .with_context(|| format!("{}: {}", case.kind, case.work))?;
            let each = took.as_secs_f64() * 1e9 / f64::from(*often);
            times.entry(*case).or_default().0.push(each.round());
        }
    }
    Ok(times)
}

/// Opens a peer, with the other values and those that are read.
fn open(kind: Kind, programs: &Programs, within: &Path, files: u32) -> Result<Box<dyn Peer>> {
    let path = kind.directory(within)?;
    let domains = (0..4)
        .chain(CLEARED)
        .map(|number| kind.domain(number))
        .collect::<Result<Vec<_>>>()?;
    let mut peer = kind.open(&path, programs, &domains)?;
    if kind.about().home == Home::Own {
        population::fill(peer.as_mut(), kind, files)?;
    }
    let (single, listed) = (kind.domain(0)?, kind.domain(1)?);
    for length in LENGTHS.into_iter().chain([LENGTH]) {
        let case = Case {
            files,
            work: Work::Replace,
            length,
            kind,
        };
        let value = Values::new(0, length).advance().to_vec();
        peer.store(&single.slot(case.number())?, &value)?;
    }
    for number in 0..VALUES {
        peer.store(&listed.slot(number)?, &[b'v'; LENGTH])?;
    }
    Ok(peer)
}

impl Opened {
    fn spend(&mut self, case: Case, times: u32) -> Result<Duration> {
        let turn = case.turn(self.turns, self.seed, times)?;
        self.turns += 1;
        self.seed += u64::from(2 * (turn.early + times)) * u64::from(VALUES + 1);
        let peer = self.peers.get_mut(&(case.files, case.kind));
        peer.context("a peer that is not open")?.turn(&turn)
    }

    /// How often a case can be done in this time. Warms the caches, too.
    fn times_within(&mut self, case: Case, span: Duration) -> Result<u32> {
        let mut times = 1;
        loop {
            let took = self.spend(case, times)?;
            if took >= span || times >= TIMES_MAX {
                let scale = span.as_secs_f64() / took.as_secs_f64();
                return Ok((f64::from(times) * scale).max(1.0) as u32);
            }
            times *= 4;
        }
    }
}

/// The cases of a round, in its order. Neighbours stay neighbours.
fn order(cases: &[(Case, u32)], round: usize) -> Vec<&(Case, u32)> {
    let due = cases.iter().filter(|(case, _)| case.is_due(round));
    let mut order: Vec<&(Case, u32)> = due.collect();
    let first = (round * 37) % order.len().max(1);
    order.rotate_left(first);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_timed_in_another_order() {
        let scratch = tempfile::tempdir().unwrap();
        let kinds = [Kind::Ours, Kind::FsWrite, Kind::SqliteOff, Kind::OursFull];
        let effort = Effort {
            rounds: 3,
            turn: Duration::from_micros(1),
            files: &[10, FILES],
        };
        let times = measure(&kinds, &Programs::default(), scratch.path(), effort).unwrap();
        // Seven works among two numbers of files and two works of two lengths; or four works.
        assert_eq!(times.len(), 3 * (7 * 2 + 4) + 4);
        assert!(times.values().all(|series| series.0.len() == 3));
        assert!(
            times
                .values()
                .all(|series| series.0.iter().all(|ns| *ns > 0.0))
        );
        let cases: Vec<(Case, u32)> = times.keys().map(|case| (*case, 1)).collect();
        let firsts: Vec<_> = (0..3).map(|round| order(&cases, round)[0]).collect();
        assert_ne!(firsts[0], firsts[1]);
        assert_ne!(firsts[1], firsts[2]);
    }

    #[test]
    fn what_reads_a_large_directory_is_timed_in_some_rounds() {
        let case = |work, files| Case {
            files,
            work,
            length: LENGTH,
            kind: Kind::Ours,
        };
        let due = |case: Case| (0..9).filter(|round| case.is_due(*round)).count();
        assert_eq!(due(case(Work::Clear, 100_000)), 3);
        assert_eq!(due(case(Work::Clear, 10)), 9);
        assert_eq!(due(case(Work::Retrieve, 100_000)), 9);
    }
}
