//! The incarnations that have files, and the files of many of them, each by one reading of the
//! directory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{Owned, StoreError};
use userdata_core::{DomainKey, Userid};

use crate::listing::unlisted;
use crate::{Directory, FileStore};

/// How many incarnations are collected before those that are equal are put together.
const COLLECTED_MIN: usize = 4096;

/// How many bytes the different endings of names may have, in [`NamesOfMany`].
const ENDINGS_MAX: usize = 2 << 20;

impl<D: Directory> FileStore<D> {
    /// Every incarnation that has a file, once and in order.
    pub(crate) fn owned(&self) -> Result<Vec<Owned>, StoreError> {
        let mut owned: Vec<Owned> = Vec::new();
        let mut enough = COLLECTED_MIN;
        let listed = self.directory.list(&mut |name| {
            if let Some(name) = FileName::parse(self.format, name.as_bytes()) {
                if owned.len() >= enough {
                    unite(&mut owned);
                    enough = COLLECTED_MIN.max(owned.len() * 2);
                }
                owned.push(Owned::new(name.owner(), name.kind()));
            }
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted("all domains", errno))?;
        unite(&mut owned);
        Ok(owned)
    }

    /// The names of the files of many domains, which are in order. The second list has the domains
    /// whose names found no room.
    pub(crate) fn names_of_many(
        &self,
        domains: &[DomainKey],
    ) -> Result<(NamesOfMany, Vec<DomainKey>), StoreError> {
        let mut names = NamesOfMany::default();
        let mut left: BTreeSet<usize> = BTreeSet::new();
        let listed = self.directory.list(&mut |name| {
            if let Some(name) = FileName::parse(self.format, name.as_bytes())
                && let Some(key) = name.owner().key()
                && let Ok(place) = domains.binary_search(&key)
                && !names.take(place, &name)
            {
                left.insert(place);
            }
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted("all domains", errno))?;
        names.put_in_order(&left);
        let left = left.into_iter().filter_map(|place| domains.get(place));
        Ok((names, left.copied().collect()))
    }
}

/// Puts the incarnations that are equal together.
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

/// The names of the files of many domains, in a few bytes each: most domains have files of the same
/// few userids.
#[derive(Debug, Default)]
pub(crate) struct NamesOfMany {
    /// The kinds and userids, and where each is among them.
    endings: Vec<(Kind, Userid)>,
    places: BTreeMap<(Kind, Userid), usize>,
    /// How many bytes the endings have.
    bytes: usize,
    /// The place of a domain, and that of an ending.
    files: Vec<(u32, u32)>,
}

impl NamesOfMany {
    /// Takes a name of the domain at this place; false if there is no room for it.
    fn take(&mut self, place: usize, name: &FileName) -> bool {
        let ending = (name.kind(), name.userid());
        let at = match self.places.get(&ending) {
            Some(at) => *at,
            None => {
                let at = self.endings.len();
                self.bytes += ending.1.as_bytes().len();
                if self.bytes > ENDINGS_MAX {
                    return false;
                }
                self.places.insert(ending.clone(), at);
                self.endings.push(ending);
                at
            }
        };
        let file = u32::try_from(place).ok().zip(u32::try_from(at).ok());
        self.files.extend(file);
        file.is_some()
    }

    /// Puts the files of a domain side by side, without the domains at the places in `left`.
    fn put_in_order(&mut self, left: &BTreeSet<usize>) {
        if !left.is_empty() {
            let is_left = |place: u32| usize::try_from(place).is_ok_and(|at| left.contains(&at));
            self.files.retain(|(place, _)| !is_left(*place));
        }
        self.files.sort_unstable();
        // A name that moves while the directory is read may be shown twice.
        self.files.dedup();
    }

    /// The kinds and userids of the files of the domain at this place.
    pub(crate) fn of(&self, place: usize) -> impl Iterator<Item = &(Kind, Userid)> {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let first = self.files.partition_point(|(domain, _)| *domain < place);
        self.files
            .iter()
            .skip(first)
            .take_while(move |(domain, _)| *domain == place)
            .filter_map(|(_, at)| self.endings.get(usize::try_from(*at).ok()?))
    }
}
