//! `Peer`: a store of userdata that is timed.

use std::time::Duration;

use anyhow::Result;

use crate::slot::{Slot, Subject};
use crate::work::{self, Turn};

pub mod bare;
pub mod bare_tree;
pub mod child;
pub mod fjall;
pub mod folders;
pub mod foreign;
pub mod lmdb;
pub mod ours;
pub mod redb;
pub mod sqlite;

/// A store of userdata. How durable it is, is decided when it is opened.
pub trait Peer {
    /// Stores a value, over an old one or anew. A reader never sees a part of it, except with
    /// `std::fs::write`.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()>;

    /// The value, in memory of its own.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>>;

    /// The length of the value.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn size(&mut self, slot: &Slot) -> Result<Option<u64>>;

    /// The userids of a domain's values, in any order.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn list(&mut self, domain: &Subject) -> Result<Vec<String>>;

    /// Removes a value if it is there.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn remove(&mut self, slot: &Slot) -> Result<()>;

    /// Removes all values of a domain.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn clear(&mut self, domain: &Subject) -> Result<()>;

    /// Stores many values, of any durability and as fast as it can.
    ///
    /// # Errors
    ///
    /// When it fails.
    fn fill(&mut self, slots: &mut dyn Iterator<Item = Result<Slot>>, data: &[u8]) -> Result<()> {
        for slot in slots {
            self.store(&slot?, data)?;
        }
        Ok(())
    }

    /// Does a work so often, and measures the time.
    ///
    /// # Errors
    ///
    /// When one time fails: a benchmark of failures measures nothing.
    fn turn(&mut self, turn: &Turn) -> Result<Duration> {
        work::timed(self, turn)
    }
}
