//! `Journal`: changes of names that the disk may not hold yet.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::node::NodeId;

/// What stands under one name afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) directory: NodeId,
    pub(crate) name: Arc<[u8]>,
    pub(crate) node: Option<NodeId>,
}

/// One change of names: all of its slots or none of them.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) slots: Arc<[Slot]>,
    /// Whether it is on the disk for certain.
    pub(crate) synced: bool,
}

/// The changes that were made since everything was on the disk, in the order in which they were
/// made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    changes: VecDeque<Change>,
    /// The number of changes that were taken out, which is the number of the first one here.
    taken: u64,
}

impl Journal {
    pub(crate) fn push(&mut self, slots: impl Into<Arc<[Slot]>>, synced: bool) {
        self.changes.push_back(Change {
            slots: slots.into(),
            synced,
        });
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The number of the change that is made next.
    pub(crate) fn next(&self) -> u64 {
        self.taken + self.changes.len() as u64
    }

    /// The number of the first change that is here.
    pub(crate) const fn first(&self) -> u64 {
        self.taken
    }

    /// Every change up to the last one that gives this node a name is on the disk: they are one
    /// journal.
    pub(crate) fn sync_names_of(&mut self, node: NodeId) {
        let names = |change: &Change| change.slots.iter().any(|slot| slot.node == Some(node));
        let last = self.changes.iter().rposition(names);
        for change in self
            .changes
            .iter_mut()
            .take(last.map_or(0, |last| last + 1))
        {
            change.synced = true;
        }
    }

    /// A change that concerns two directories is on the disk when either was synced, since a
    /// rename is one transaction.
    pub(crate) fn sync(&mut self, directory: NodeId) {
        for change in &mut self.changes {
            change.synced |= change.slots.iter().any(|slot| slot.directory == directory);
        }
    }

    pub(crate) fn sync_all(&mut self) {
        for change in &mut self.changes {
            change.synced = true;
        }
    }

    /// Takes out the oldest change if it is on the disk for certain.
    pub(crate) fn pop_synced(&mut self) -> Option<Change> {
        if self.changes.front()?.synced {
            self.taken += 1;
            self.changes.pop_front()
        } else {
            None
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for slot in self.slots.iter() {
            let sign = if slot.node.is_some() { '+' } else { '-' };
            write!(f, "{between}{sign}{}", slot.name.escape_ascii())?;
            between = " ";
        }
        Ok(())
    }
}
