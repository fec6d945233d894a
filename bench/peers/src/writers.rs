//! `writers`: several processes store at once.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use userdata_bench::series::Series;

use crate::lineup::{Kind, Programs};
use crate::peer::child::{Child, Writing};
use crate::rounds::LENGTH;
use crate::slot::{Slot, Subject};

/// The domains for which the processes store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// All for one domain, each under its own userid.
    One,
    /// Each for a domain of its own.
    Many,
}

/// How much one peer stored with so many processes.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// Which peer.
    pub kind: Kind,
    /// How many processes.
    pub writers: u32,
    /// For which domains.
    pub spread: Spread,
    /// Stores a second of all processes, round by round.
    pub stores_per_second: Series,
}

/// How long the measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The numbers of processes.
    pub writers: &'static [u32],
    /// How long they store in a round.
    pub span: Duration,
    /// How many rounds.
    pub rounds: usize,
}

/// Lets each peer store. Where only one process at a time can have a peer open, only one is timed.
///
/// # Errors
///
/// When a peer fails.
pub fn measure(
    kinds: &[Kind],
    programs: &Programs,
    within: &Path,
    effort: Effort,
) -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for kind in kinds {
        for writers in effort.writers {
            let possible = *writers == 1 || kind.about().shared;
            // One process has one domain either way.
            let spreads: &[Spread] = match *writers {
                1 => &[Spread::Many],
                _ => &[Spread::One, Spread::Many],
            };
            all.extend(spreads.iter().filter(|_| possible).map(|spread| Written {
                kind: *kind,
                writers: *writers,
                spread: *spread,
                stores_per_second: Series::default(),
            }));
        }
    }
    // Those that are compared are neighbours.
    all.sort_by_key(|written| (written.writers, written.spread, written.kind));
    let directory = within.join("writers");
    for _ in 0..effort.rounds {
        all.rotate_left(7);
        for (seed, written) in (1_u64..).zip(&mut all) {
            let rate = written
                .once(programs, &directory, effort.span, seed << 40)
                .with_context(|| format!("{} with {} writers", written.kind, written.writers))?;
            written.stores_per_second.0.push(rate.round());
        }
    }
    all.sort_by_key(|written| (written.kind, written.spread, written.writers));
    Ok(all)
}

impl Written {
    fn once(&self, programs: &Programs, within: &Path, span: Duration, seed: u64) -> Result<f64> {
        let path = self.kind.directory(within)?;
        let slots: Vec<Slot> = (0..self.writers)
            .map(|writer| match self.spread {
                Spread::One => self.kind.domain(10)?.slot(writer),
                Spread::Many => self.kind.domain(10 + writer)?.slot(0),
            })
            .collect::<Result<_>>()?;
        let domains: Vec<Subject> = slots.iter().map(|slot| slot.domain.clone()).collect();
        // So that the processes find the database made, and no process is the last one to close it.
        let kept = match self.kind.about().shared && !self.kind.is_in_c() {
            true => Some(self.kind.open_here(&path)?),
            false => None,
        };
        let mut children = Vec::new();
        for _ in &slots {
            let mut command = self.kind.command(programs)?;
            children.push(Child::start(&mut command, &path, &domains)?);
        }
        for ((child, slot), writer) in children.iter_mut().zip(&slots).zip(0_u64..) {
            child.write(&Writing {
                slot: slot.clone(),
                length: LENGTH,
                seed: seed + (writer << 32),
                span,
            })?;
        }
        let mut stored = 0;
        let mut longest = Duration::ZERO;
        for child in &mut children {
            let (done, took) = child.written()?;
            stored += done;
            longest = longest.max(took);
        }
        drop(kept);
        Ok(stored as f64 / longest.as_secs_f64())
    }
}
