//! `Cut`: a power cut, and the unflushed writes that survive it.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result};
use userdata_sim::random::Random;

use crate::image::{BLOCK_LEN, Image};
use crate::value;
use crate::write_log::{Event, Write, WriteLog};

/// The part of a write that a disk makes as a whole.
const SECTOR_LEN: usize = 512;

/// A power cut in a log. Its text is `1234` or `1234:9f3c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut {
    /// The number of events before the cut.
    pub(crate) after: usize,
    pub(crate) survivors: Survivors,
}

/// The writes since the last flush that survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Survivors {
    All,
    /// A subset, which depends on the seed. Some of its writes are torn.
    Some(u64),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.survivors {
            Survivors::All => write!(f, "{}", self.after),
            Survivors::Some(seed) => write!(f, "{}:{seed:x}", self.after),
        }
    }
}

impl FromStr for Cut {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (after, survivors) = match text.split_once(':') {
            None => (text, Survivors::All),
            Some((after, seed)) => {
                let seed = u64::from_str_radix(seed, 16).context("the part after the colon")?;
                (after, Survivors::Some(seed))
            }
        };
        let after = after.parse().context("the number of events")?;
        Ok(Self { after, survivors })
    }
}

/// Chooses `count` cuts of a log, in order and spread over its length. In a quarter of them all
/// writes survive, in the others a subset. The cuts depend on the seed.
pub(crate) fn choose(log: &WriteLog, count: usize, seed: u64) -> Vec<Cut> {
    // A cut after a flush is like the one before it.
    let places: Vec<usize> = (1..)
        .zip(log.events())
        .filter(|(_, event)| !matches!(event, Event::Flush))
        .map(|(after, _)| after)
        .collect();
    let mut random = Random::new(seed);
    let mut chosen: Vec<Cut> = (0..count)
        .filter_map(|number| {
            let stretch = number * places.len() / count..(number + 1) * places.len() / count;
            let within = random.below(stretch.len().max(1) as u128) as usize;
            let after = *places.get(stretch.start + within)?;
            let survivors = match random.draw() {
                draw if draw % 4 == 0 => Survivors::All,
                draw => Survivors::Some(draw),
            };
            Some(Cut { after, survivors })
        })
        .collect();
    chosen.sort_unstable();
    chosen
}

/// Makes the images that cuts leave. It is fastest if the cuts are in order.
#[derive(Debug)]
pub(crate) struct CrashImages<'a> {
    base: &'a Image,
    log: &'a WriteLog,
    /// The number of events that are applied.
    after: usize,
    /// The disk at the last flush.
    flushed: Image,
    /// The disk with all writes.
    written: Image,
    /// The writes since the last flush.
    unflushed: Vec<&'a Write>,
}

impl<'a> CrashImages<'a> {
    /// For a log that began with the disk `base`.
    pub(crate) fn new(base: &'a Image, log: &'a WriteLog) -> Self {
        Self {
            base,
            log,
            after: 0,
            flushed: base.clone(),
            written: base.clone(),
            unflushed: Vec::new(),
        }
    }

    /// The image that this cut leaves.
    pub(crate) fn image(&mut self, cut: Cut) -> Image {
        if cut.after < self.after {
            *self = Self::new(self.base, self.log);
        }
        let events = self.log.events().get(self.after..cut.after);
        for event in events.unwrap_or_default() {
            match event {
                Event::Write(write) => {
                    self.written.write(write.at, &write.bytes);
                    self.unflushed.push(write);
                }
                Event::Flush => {
                    self.flushed = self.written.clone();
                    self.unflushed.clear();
                }
                Event::Begun(_) | Event::Acknowledged(_) => {}
            }
        }
        self.after = cut.after;
        match cut.survivors {
            Survivors::All => self.written.clone(),
            Survivors::Some(seed) => self.subset(seed),
        }
    }

    fn subset(&self, seed: u64) -> Image {
        let mut image = self.flushed.clone();
        let mut random = Random::new(seed);
        // Nearly all survive, half of them, or few: each finds other bugs.
        let lost_of_8 = match random.draw() % 3 {
            0 => 1,
            1 => 4,
            _ => 7,
        };
        for write in &self.unflushed {
            let is_torn = random.draw().is_multiple_of(8);
            let is_lost = random.draw() % 8 < lost_of_8;
            let torn_at = random.draw();
            let kept = match (is_torn, is_lost) {
                (true, _) => write.bytes.get(..tear(&write.bytes, torn_at)),
                (false, true) => None,
                (false, false) => Some(&write.bytes[..]),
            };
            image.write(write.at, kept.unwrap_or_default());
        }
        image
    }
}

/// How much of a torn write survives. Content of files is torn between any two sectors. Metadata is
/// torn between blocks only, which all these file systems take for atomic.
fn tear(bytes: &[u8], draw: u64) -> usize {
    let unit = if value::is_content(bytes) {
        SECTOR_LEN
    } else {
        BLOCK_LEN
    };
    let units = bytes.len().div_ceil(unit).max(1);
    (draw % units as u64) as usize * unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::value;

    fn write(at: u64, bytes: &[u8]) -> Event {
        let bytes = bytes.to_vec();
        Event::Write(Write { at, bytes })
    }

    fn log(events: Vec<Event>) -> WriteLog {
        let mut log = WriteLog::default();
        events.into_iter().for_each(|event| log.push(event));
        log
    }

    fn read(image: &Image, at: u64, len: usize) -> Vec<u8> {
        let mut buffer = vec![0; len];
        image.read(at, &mut buffer);
        buffer
    }

    fn subsets(base: &Image, log: &WriteLog, after: usize) -> Vec<Image> {
        let mut images = CrashImages::new(base, log);
        let cut = |seed| Cut {
            after,
            survivors: Survivors::Some(seed),
        };
        (0..500).map(|seed| images.image(cut(seed))).collect()
    }

    #[test]
    fn a_prefix_has_every_write_so_far_and_none_after() {
        let log = log(vec![
            write(0, b"a"),
            Event::Flush,
            write(0, b"b"),
            write(4096, b"c"),
        ]);
        let base = Image::default();
        let mut images = CrashImages::new(&base, &log);
        let mut at = |after| {
            let image = images.image(Cut {
                after,
                survivors: Survivors::All,
            });
            (read(&image, 0, 1)[0], read(&image, 4096, 1)[0])
        };
        // The last cut lies before the others.
        assert_eq!(
            [0, 1, 3, 4, 1].map(&mut at),
            [(0, 0), (b'a', 0), (b'b', 0), (b'b', b'c'), (b'a', 0)]
        );
    }

    #[test]
    fn flushed_writes_survive_and_each_other_write_is_lost_in_some() {
        let log = log(vec![
            write(0, &[b'a'; 4096]),
            Event::Flush,
            write(4096, &[1; 4096]),
            write(8192, &[1; 4096]),
        ]);
        let mut seen = [0; 4];
        for image in subsets(&Image::default(), &log, 4) {
            assert_eq!(read(&image, 0, 4096), [b'a'; 4096]);
            let one = usize::from(read(&image, 4096, 1)[0]);
            let two = usize::from(read(&image, 8192, 1)[0]);
            seen[one + 2 * two] += 1;
        }
        assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
    }

    #[test]
    fn content_is_torn_at_sectors_and_metadata_at_blocks() {
        let content = value(1, 1, 8192);
        let metadata = [1; 8192];
        let log = log(vec![write(0, &content), write(1 << 20, &metadata)]);
        let whole = |bytes: Vec<u8>| bytes.iter().take_while(|byte| **byte != 0).count();
        let (mut contents, mut metadatas) = (vec![], vec![]);
        for image in subsets(&Image::default(), &log, 2) {
            contents.push(whole(read(&image, 0, 8192)));
            metadatas.push(whole(read(&image, 1 << 20, 8192)));
        }
        assert!(contents.iter().all(|len| len % 512 == 0));
        assert!(contents.iter().any(|len| len % 4096 != 0));
        assert!(metadatas.iter().all(|len| len % 4096 == 0));
        assert!(metadatas.contains(&4096));
    }

    #[test]
    fn later_writes_lie_over_earlier_ones() {
        let log = log(vec![write(0, &[1; 512]), write(0, &[2; 512])]);
        let seen: Vec<u8> = subsets(&Image::default(), &log, 2)
            .iter()
            .map(|image| read(image, 0, 1)[0])
            .collect();
        assert!([0, 1, 2].iter().all(|value| seen.contains(value)));
    }

    #[test]
    fn cuts_follow_from_the_seed_and_reach_all_of_the_log() {
        let events = (0..100).map(|at| write(at * 4096, b"x"));
        let log = log(events.flat_map(|event| [event, Event::Flush]).collect());
        let cuts = choose(&log, 400, 1);
        assert_eq!(cuts, choose(&log, 400, 1));
        assert_ne!(cuts, choose(&log, 400, 2));
        assert_eq!(cuts.len(), 400);
        let places: std::collections::BTreeSet<usize> = cuts.iter().map(|cut| cut.after).collect();
        assert_eq!(places, (0..100).map(|number| 2 * number + 1).collect());
        assert_eq!(choose(&WriteLog::default(), 5, 1), []);
    }

    #[test]
    fn a_cut_is_written_and_read_back() {
        for text in ["17", "1234:9f3c"] {
            assert_eq!(text.parse::<Cut>().unwrap().to_string(), text);
        }
        for text in ["", "x", "1:", "1:g", ":1"] {
            assert!(text.parse::<Cut>().is_err(), "{text}");
        }
    }
}
