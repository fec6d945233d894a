//! The incarnations that have files, and the names of the files of many domains. The directory is
//! read once for each of the two.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{Owned, StoreError};
use userdata_core::{DomainKey, Userid};

use crate::listing::unlisted;
use crate::{Directory, FileStore};

/// At least this many names are collected before those of one incarnation are merged.
const COLLECTED_MIN: usize = 16_384;

/// About how many bytes of memory an ending takes in addition to its text.
const ENDING_COST: usize = 64;

/// How many bytes of memory a file takes in addition to its ending.
const FILE_COST: usize = size_of::<(u32, u32)>();

impl<D: Directory> FileStore<D> {
    /// Every incarnation that has a file, once and in order.
    pub(crate) fn owned(&self) -> Result<Vec<Owned>, StoreError> {
        let mut owned: Vec<Owned> = Vec::new();
        let listed = self.directory.list(&mut |name| {
            if let Some(name) = FileName::parse(self.format, name.as_bytes()) {
                if owned.len() == owned.capacity() {
                    unite(&mut owned);
                    owned.reserve_exact(COLLECTED_MIN.max(owned.len() / 4));
                }
                owned.push(Owned::new(name.owner(), name.kind()));
            }
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted("all domains", errno))?;
        unite(&mut owned);
        Ok(owned)
    }

    /// The names of the files of many domains. `domains` is in order. If the names take more than
    /// about `bytes_max` bytes of memory, only those of the first domains are returned.
    pub(crate) fn names_of_many(
        &self,
        domains: &[DomainKey],
        bytes_max: usize,
    ) -> Result<NamesOfMany, StoreError> {
        let mut collected = Collected::new(domains.len());
        let listed = self.directory.list(&mut |name| {
            if let Some(name) = FileName::parse(self.format, name.as_bytes())
                && let Some(key) = name.owner().key()
                && let Ok(place) = domains.binary_search(&key)
            {
                collected.take(place, &name);
                while collected.bytes() > bytes_max {
                    collected.halve();
                }
            }
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted("all domains", errno))?;
        Ok(collected.into())
    }
}

/// Merges the entries of one incarnation.
fn unite(owned: &mut Vec<Owned>) {
    owned.sort_unstable_by_key(|owned| owned.owner);
    owned.dedup_by(|next, first| {
        let is_same = next.owner == first.owner;
        if is_same {
            *first = first.with(*next);
        }
        is_same
    });
}

/// The names of the files of many domains while the directory is read. They take a few bytes each,
/// because most domains have files of the same few kinds and userids, the endings of the names.
struct Collected {
    /// How many domains, from the first one on, are collected.
    domains: usize,
    /// The endings, and their numbers.
    endings: BTreeMap<(Kind, Userid), u32>,
    /// How many bytes the endings have.
    ending_bytes: usize,
    /// The number of the next ending.
    next: u32,
    /// The place of a domain, and the number of an ending.
    files: Vec<(u32, u32)>,
}

impl Collected {
    fn new(domains: usize) -> Self {
        Self {
            domains,
            endings: BTreeMap::new(),
            ending_bytes: 0,
            next: 0,
            files: Vec::new(),
        }
    }

    /// Takes a name of the domain at this place, if its names are still collected.
    fn take(&mut self, place: usize, name: &FileName) {
        if place >= self.domains {
            return;
        }
        let ending = (name.kind(), name.userid());
        let number = match self.endings.get(&ending) {
            Some(number) => *number,
            None => {
                let number = self.next;
                self.next += 1;
                self.ending_bytes += ending.1.as_bytes().len();
                self.endings.insert(ending, number);
                number
            }
        };
        self.files.push((as_u32(place), number));
    }

    /// About how many bytes of memory the names take.
    fn bytes(&self) -> usize {
        let endings = self.endings.len() * ENDING_COST + self.ending_bytes;
        endings + self.files.len() * FILE_COST
    }

    /// Forgets the second half of the domains.
    fn halve(&mut self) {
        self.domains /= 2;
        let end = as_u32(self.domains);
        self.files.retain(|(place, _)| *place < end);
        let used: BTreeSet<u32> = self.files.iter().map(|(_, number)| *number).collect();
        self.endings.retain(|_, number| used.contains(number));
        let bytes = self
            .endings
            .keys()
            .map(|(_, userid)| userid.as_bytes().len());
        self.ending_bytes = bytes.sum();
    }
}

/// The number of a domain or an ending. More than `u32::MAX` of them do not fit into memory.
fn as_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The names of the files of the first domains of many.
#[derive(Debug, Default)]
pub(crate) struct NamesOfMany {
    /// How many domains, from the first one on, are included.
    pub(crate) domains: usize,
    endings: BTreeMap<u32, (Kind, Userid)>,
    /// The place of a domain, and the number of an ending, in order.
    files: Vec<(u32, u32)>,
}

impl From<Collected> for NamesOfMany {
    fn from(collected: Collected) -> Self {
        let mut files = collected.files;
        files.sort_unstable();
        // A name that moves while the directory is read may be shown twice.
        files.dedup();
        let endings = collected.endings.into_iter();
        Self {
            domains: collected.domains,
            endings: endings.map(|(ending, number)| (number, ending)).collect(),
            files,
        }
    }
}

impl NamesOfMany {
    /// The kinds and userids of the files of the domain at this place.
    pub(crate) fn of(&self, place: usize) -> impl Iterator<Item = &(Kind, Userid)> {
        let place = as_u32(place);
        let first = self.files.partition_point(|(domain, _)| *domain < place);
        self.files
            .iter()
            .skip(first)
            .take_while(move |(domain, _)| *domain == place)
            .filter_map(|(_, number)| self.endings.get(number))
    }
}
