//! `Work`: what is timed, and the loop that times it. `c/timed.c` does the same in C.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

/// How many values a domain has when it is listed or cleared.
pub const VALUES: u32 = 5;

/// What a peer does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Stores a value that is not there; it is removed before each time.
    StoreNew,
    /// Stores a value over an old one.
    Replace,
    /// Retrieves a value.
    Retrieve,
    /// Asks for the length of a value.
    Size,
    /// Lists the userids of a domain with five values.
    List,
    /// Removes a value; it is stored before each time.
    Remove,
    /// Removes all five values of a domain; they are stored before each time.
    Clear,
    /// Removes all values of one domain after the other.
    Destroy,
}

impl Work {
    /// Those that are timed among other files.
    pub const SINGLE: [Self; 7] = [
        Self::StoreNew,
        Self::Replace,
        Self::Retrieve,
        Self::Size,
        Self::List,
        Self::Remove,
        Self::Clear,
    ];

    /// Its name in the protocol and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreNew => "store-new",
            Self::Replace => "replace",
            Self::Retrieve => "retrieve",
            Self::Size => "size",
            Self::List => "list",
            Self::Remove => "remove",
            Self::Clear => "clear",
            Self::Destroy => "destroy",
        }
    }

    /// Which of a peer's domains it is done with, so that no work disturbs another.
    #[must_use]
    pub const fn domain(self) -> u32 {
        match self {
            Self::Replace | Self::Retrieve | Self::Size => 0,
            Self::List => 1,
            Self::StoreNew | Self::Remove => 2,
            Self::Clear | Self::Destroy => 3,
        }
    }

    /// Whether it needs values that are stored once, before the first turn.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(
            self,
            Self::Replace | Self::Retrieve | Self::Size | Self::List
        )
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::StoreNew => "store, new",
            Self::Replace => "store, replacing",
            Self::Retrieve => "retrieve",
            Self::Size => "size",
            Self::List => "list, 5 values",
            Self::Remove => "remove",
            Self::Clear => "clear, 5 values",
            Self::Destroy => "destroy one by one",
        })
    }
}

/// A work, done so often.
#[derive(Clone, Debug)]
pub struct Turn {
    /// What is done.
    pub work: Work,
    /// With which domain; the first one of a destroy.
    pub domain: Subject,
    /// With which of its values.
    pub number: u32,
    /// The length of a value in bytes, eight at least.
    pub length: usize,
    /// The counter in the values begins here.
    pub seed: u64,
    /// How often it is done first, untimed. A destroy has none.
    pub early: u32,
    /// How often it is timed.
    pub times: u32,
}

/// Values of one length, of which no two are equal: some peers skip what is equal.
#[derive(Debug)]
pub struct Values {
    counter: u64,
    bytes: Vec<u8>,
}

impl Values {
    /// Those of this length, from this one on.
    #[must_use]
    pub fn new(seed: u64, length: usize) -> Self {
        Self {
            counter: seed,
            bytes: vec![b'v'; length],
        }
    }

    /// The next one.
    pub fn advance(&mut self) -> &[u8] {
        self.counter += 1;
        if let Some(head) = self.bytes.first_chunk_mut() {
            *head = self.counter.to_le_bytes();
        }
        &self.bytes
    }
}

/// Does a work so often and measures the time, without the preparation of each time.
///
/// # Errors
///
/// When one time fails, or does not do what it should.
pub fn timed<P: Peer + ?Sized>(peer: &mut P, turn: &Turn) -> Result<Duration> {
    let mut values = Values::new(turn.seed, turn.length);
    let slots: Vec<Slot> = (turn.number..turn.number + VALUES)
        .map(|number| turn.domain.slot(number))
        .collect::<Result<_>>()?;
    match turn.work {
        Work::Destroy => destroy(peer, turn),
        Work::StoreNew | Work::Remove | Work::Clear => {
            let mut spent = Duration::ZERO;
            for time in 0..turn.early + turn.times {
                prepare(peer, turn.work, &slots, &mut values)?;
                let value = values.advance();
                let started = Instant::now();
                once(peer, turn, &slots, value)?;
                if time >= turn.early {
                    spent += started.elapsed();
                }
            }
            Ok(spent)
        }
        _ => {
            for _ in 0..turn.early {
                once(peer, turn, &slots, values.advance())?;
            }
            let started = Instant::now();
            for _ in 0..turn.times {
                once(peer, turn, &slots, values.advance())?;
            }
            Ok(started.elapsed())
        }
    }
}

fn destroy<P: Peer + ?Sized>(peer: &mut P, turn: &Turn) -> Result<Duration> {
    let first = u32::from(turn.domain.key.domid.get());
    let domains: Vec<Subject> = (first..first + turn.times)
        .map(Subject::of_domid)
        .collect::<Result<_>>()?;
    let started = Instant::now();
    for domain in &domains {
        peer.clear(domain)?;
    }
    Ok(started.elapsed())
}

fn prepare<P: Peer + ?Sized>(
    peer: &mut P,
    work: Work,
    slots: &[Slot],
    values: &mut Values,
) -> Result<()> {
    let Some((first, _)) = slots.split_first() else {
        bail!("a turn without values");
    };
    match work {
        Work::StoreNew => peer.remove(first),
        Work::Remove => peer.store(first, values.advance()),
        _ => slots
            .iter()
            .try_for_each(|slot| peer.store(slot, values.advance())),
    }
}

fn once<P: Peer + ?Sized>(peer: &mut P, turn: &Turn, slots: &[Slot], value: &[u8]) -> Result<()> {
    let Some((slot, _)) = slots.split_first() else {
        bail!("a turn without values");
    };
    match turn.work {
        Work::StoreNew | Work::Replace => peer.store(slot, value)?,
        Work::Retrieve => {
            let length = black_box(peer.retrieve(slot)?).map(|value| value.len());
            ensure!(length == Some(turn.length), "a value of {length:?} bytes");
        }
        Work::Size => {
            let size = black_box(peer.size(slot)?);
            ensure!(
                size == Some(turn.length as u64),
                "a value of {size:?} bytes"
            );
        }
        Work::List => {
            let listed = black_box(peer.list(&turn.domain)?).len();
            ensure!(listed == slots.len(), "{listed} values listed");
        }
        Work::Remove => peer.remove(slot)?,
        Work::Clear | Work::Destroy => peer.clear(&turn.domain)?,
    }
    Ok(())
}

/// Stores values of this length until so much time is over. How many were stored, and how long it
/// took.
///
/// # Errors
///
/// When a store fails.
pub fn store_for<P: Peer + ?Sized>(
    peer: &mut P,
    slot: &Slot,
    mut values: Values,
    span: Duration,
) -> Result<(u64, Duration)> {
    let started = Instant::now();
    let mut done = 0;
    while started.elapsed() < span {
        peer.store(slot, values.advance())?;
        done += 1;
    }
    Ok((done, started.elapsed()))
}
