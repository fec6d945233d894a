//! `CrashStates`: what a power cut may leave of a file system.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::content::power_of_two;
use super::node::Names;
use super::{Body, Content, Folder, NodeId, ROOT, Sizes, Storage, Tree, set};
use crate::random::Random;

/// Which changes of names that were not synced a crash keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameOrder {
    /// Those up to some point, and none behind it: the file system keeps a journal.
    Journalled,
    /// Any of them: nothing is known of the file system, except that a rename is one change.
    Weak,
}

/// What a crash may do. It keeps every change of names in a directory that was synced afterwards,
/// every byte of a file that was synced afterwards, and of the rest a part that the model allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrashModel {
    /// What becomes of names.
    pub names: NameOrder,
    /// What becomes of the sizes of files; any of their blocks may survive.
    pub sizes: Sizes,
}

/// Every state that a crash may leave, each made when it is asked for.
#[derive(Clone, Debug)]
pub struct CrashStates<'a> {
    storage: &'a Storage,
    model: CrashModel,
    /// Which changes of the journal are certain, and which are not.
    certain: usize,
    uncertain: Vec<usize>,
    /// The files that a crash may leave in more than one way, and the number of ways.
    files: Vec<(NodeId, u128)>,
}

impl Storage {
    /// What a crash at this moment may leave.
    #[must_use]
    pub fn crash_states(&self, model: CrashModel) -> CrashStates<'_> {
        let unsynced = |(_, change): &(usize, &super::journal::Change)| !change.synced;
        let mut uncertain: Vec<usize> = self
            .journal
            .changes()
            .enumerate()
            .filter(unsynced)
            .map(|(at, _)| at)
            .collect();
        let last_synced = self
            .journal
            .changes()
            .enumerate()
            .filter(|(_, c)| c.synced)
            .last();
        let certain = last_synced.map_or(0, |(at, _)| at + 1);
        if model.names == NameOrder::Journalled {
            uncertain.retain(|at| *at >= certain);
        }
        let files = self
            .named_by_disk()
            .into_iter()
            .filter_map(|id| match &self.nodes.get(&id)?.body {
                Body::File(content) => Some((id, content.crash_count(model.sizes))),
                _ => None,
            })
            .filter(|(_, count)| *count > 1)
            .collect();
        CrashStates {
            storage: self,
            model,
            certain,
            uncertain,
            files,
        }
    }

    /// Every node that has a name on the disk, or that a change in the journal names.
    fn named_by_disk(&self) -> BTreeSet<NodeId> {
        let durable = self.nodes.values().flat_map(|node| match &node.body {
            Body::Directory(folder) => folder.durable.values().copied().collect(),
            _ => Vec::new(),
        });
        let changed = self
            .journal
            .changes()
            .flat_map(|change| change.slots.iter());
        durable
            .chain(changed.filter_map(|slot| slot.node))
            .collect()
    }
}

impl<'a> CrashStates<'a> {
    /// How many there are, or the largest number if there are more. Different choices may lead to
    /// equal states; each is counted.
    #[must_use]
    pub fn count(&self) -> u128 {
        let files = self.files.iter().map(|(_, count)| *count);
        files.fold(self.names_count(), u128::saturating_mul)
    }

    /// The state of an index below [`CrashStates::count`].
    #[must_use]
    pub fn state(&self, index: u128) -> Storage {
        let (names, files) = self.digits(index);
        self.assemble(names, &self.names(names), &files)
    }

    /// Every state, equal ones included.
    pub fn iter(&self) -> impl Iterator<Item = Storage> {
        (0..self.count()).map(|index| self.state(index))
    }

    /// The state of an index drawn by chance.
    #[must_use]
    pub fn draw(&self, random: &mut Random) -> u128 {
        random.below(self.count())
    }

    /// Every state that programs can distinguish from the others and from those in `seen`, with its
    /// index.
    pub fn distinct<'s>(
        &'s self,
        seen: &'s mut BTreeSet<Tree>,
    ) -> impl Iterator<Item = (u128, Storage)> {
        let places = self
            .files
            .iter()
            .scan(self.names_count(), |place, (id, count)| {
                let this = *place;
                *place = place.saturating_mul(*count);
                Some((*id, *count, this))
            });
        let places: Vec<(NodeId, u128, u128)> = places.collect();
        (0..self.names_count())
            .flat_map(move |index| {
                let folders = self.names(index);
                let reached: BTreeSet<NodeId> = folders
                    .values()
                    .flat_map(|names| names.values().copied())
                    .collect();
                // A file that has lost its name may be left in any way: take the first.
                let vary: Vec<_> = places
                    .iter()
                    .copied()
                    .filter(|(id, ..)| reached.contains(id))
                    .collect();
                let count = vary
                    .iter()
                    .fold(1, |all: u128, (_, n, _)| all.saturating_mul(*n));
                (0..count).map(move |mut choice| {
                    let mut at = index;
                    for (_, count, place) in &vary {
                        at += place * (choice % count);
                        choice /= count;
                    }
                    (at, self.assemble(index, &folders, &self.digits(at).1))
                })
            })
            .filter(|(_, state)| seen.insert(state.tree()))
    }

    /// What is kept and what is lost in the state of this index, as text.
    #[must_use]
    pub fn describe(&self, index: u128) -> String {
        let (names, files) = self.digits(index);
        let mut text = String::new();
        for (at, change) in self.storage.journal.changes().enumerate() {
            let fate = if self.keeps(names, at) {
                "kept"
            } else {
                "lost"
            };
            let _ = writeln!(text, "{fate} {change}");
        }
        for ((id, _), choice) in self.files.iter().zip(files.values()) {
            if let Some(Body::File(content)) = self.storage.nodes.get(id).map(|node| &node.body) {
                let (content, choice) = self.left_of(content, names, *choice);
                let left = content.describe_crashed(self.model.sizes, choice);
                let _ = writeln!(text, "file {}: {left}", id.0);
            }
        }
        text
    }

    fn names_count(&self) -> u128 {
        match self.model.names {
            NameOrder::Journalled => self.uncertain.len() as u128 + 1,
            NameOrder::Weak => power_of_two(self.uncertain.len()),
        }
    }

    /// The choice for the names, and for each file.
    fn digits(&self, index: u128) -> (u128, BTreeMap<NodeId, u128>) {
        let base = self.names_count();
        let mut rest = index / base;
        let files = self.files.iter().map(|(id, count)| {
            let digit = rest % count;
            rest /= count;
            (*id, digit)
        });
        (index % base, files.collect())
    }

    /// Whether the change at this place in the journal is kept.
    fn keeps(&self, names: u128, at: usize) -> bool {
        match (self.model.names, self.uncertain.binary_search(&at)) {
            (NameOrder::Journalled, _) => {
                at < self.certain || ((at - self.certain) as u128) < names
            }
            (NameOrder::Weak, Ok(bit)) => names >> bit.min(127) & 1 == 1,
            (NameOrder::Weak, Err(_)) => true,
        }
    }

    /// What the disk may hold of a file if these names are chosen, and the choice of its pieces:
    /// those that were written back before a change that is kept are no longer to be chosen.
    fn left_of(&self, content: &Content, names: u128, pieces: u128) -> (Content, u128) {
        let journal = &self.storage.journal;
        let last_kept = (0..journal.len()).rev().find(|at| self.keeps(names, *at));
        let kept = journal.first() + last_kept.map_or(0, |at| at as u64 + 1);
        let left = content.behind(kept);
        let count = left.crash_count(self.model.sizes);
        (left, pieces % count.max(1))
    }

    /// The directories that can be reached, with the names that the disk holds.
    fn names(&self, choice: u128) -> BTreeMap<NodeId, Names> {
        let folders = self
            .storage
            .nodes
            .iter()
            .filter_map(|(id, node)| match &node.body {
                Body::Directory(folder) => Some((*id, folder.durable.clone())),
                _ => None,
            });
        let mut folders: BTreeMap<NodeId, Names> = folders.collect();
        for (at, change) in self.storage.journal.changes().enumerate() {
            if self.keeps(choice, at) {
                for slot in change.slots.iter() {
                    if let Some(names) = folders.get_mut(&slot.directory) {
                        set(names, &slot.name, slot.node);
                    }
                }
            }
        }
        let mut reached = BTreeMap::new();
        let mut left = vec![ROOT];
        let mut entered = BTreeSet::from([ROOT]);
        while let Some(id) = left.pop() {
            let Some(mut names) = folders.remove(&id) else {
                continue;
            };
            // A directory with two names keeps the first, as after a check of the file system.
            names.retain(|_, child| !self.is_directory(*child) || entered.insert(*child));
            left.extend(names.values().filter(|child| self.is_directory(**child)));
            reached.insert(id, names);
        }
        reached
    }

    fn is_directory(&self, id: NodeId) -> bool {
        matches!(
            self.storage.nodes.get(&id).map(|node| &node.body),
            Some(Body::Directory(_))
        )
    }

    /// A file system with these names and, for the files that vary, these choices.
    fn assemble(
        &self,
        choice: u128,
        folders: &BTreeMap<NodeId, Names>,
        files: &BTreeMap<NodeId, u128>,
    ) -> Storage {
        let mut storage = Storage::new(self.storage.options.clone());
        let (mut links, mut parents) = (BTreeMap::from([(ROOT, 1)]), BTreeMap::new());
        for (parent, names) in folders {
            for child in names.values() {
                *links.entry(*child).or_insert(0) += 1;
                parents.insert(*child, *parent);
            }
        }
        storage.nodes.clear();
        storage.next_id = self.storage.next_id;
        storage.next_number = self.storage.next_number;
        let mut numbers = BTreeSet::new();
        for (id, links) in links {
            let Some(before) = self.storage.nodes.get(&id) else {
                continue;
            };
            let mut node = before.clone();
            node.links = links;
            node.opened = 0;
            if !numbers.insert(node.number) {
                node.number = storage.next_number;
                numbers.insert(node.number);
                storage.next_number += 1;
            }
            match &mut node.body {
                Body::File(content) => {
                    let pieces = files.get(&id).copied().unwrap_or_default();
                    let (left, pieces) = self.left_of(content, choice, pieces);
                    *content = Content::durable(left.crashed(self.model.sizes, pieces));
                }
                Body::Directory(folder) => {
                    let names = folders.get(&id).cloned().unwrap_or_default();
                    *folder = Folder {
                        live: names.clone(),
                        durable: names,
                        parent: parents.get(&id).copied(),
                    };
                }
                Body::Symlink(_) | Body::Special(_) => {}
            }
            storage.allocated += node.allocated();
            storage.nodes.insert(id, node);
        }
        storage.inodes = storage.nodes.len();
        if storage.options.links_take_inodes {
            let nodes = storage.nodes.values();
            let more = nodes.map(|node| node.links.saturating_sub(1) as usize);
            storage.inodes += more.sum::<usize>();
        }
        if storage.options.reuses_inodes {
            let all = super::ROOT_NUMBER + 1..storage.next_number;
            storage.free_numbers = all.filter(|number| !numbers.contains(number)).collect();
        }
        storage
    }
}
