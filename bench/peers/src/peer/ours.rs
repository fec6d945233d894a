//! This project's store. A layout of the store is a value of [`Layout`], and its peers are lines
//! of the table in `lineup.rs`. One whose home is `Own` is filled through the store itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use userdata::{Store as _, Value};
use userdata_core::store::{Durability, Expect, Keep, Op};
use userdata_core::value::NonEmpty;
use userdata_fs::{FileStore, OsDirectory};

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

const TIMEOUT: Duration = Duration::from_secs(60);

/// How the store names its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// libxl's names, in one directory.
    Libxl,
    /// A directory for each domain.
    Tree,
}

/// `FileStore`, without the facade: what libxl's functions are compared with.
#[derive(Debug)]
pub struct Ours {
    store: FileStore<OsDirectory>,
    durability: Durability,
}

impl Ours {
    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// When it can't be opened.
    pub fn open(path: &Path, layout: Layout, durability: Durability) -> Result<Self> {
        let store = match layout {
            Layout::Libxl => FileStore::open(path)?,
            Layout::Tree => FileStore::open_tree(path, &"bench".parse()?, &"bench".parse()?)?,
        };
        Ok(Self { store, durability })
    }

    fn change(&self, domain: &Subject, op: Op<'_>) -> Result<()> {
        self.store
            .change(&domain.key, TIMEOUT, &mut |_| Ok(()), &[op])?;
        Ok(())
    }
}

impl Peer for Ours {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        let op = Op::Put {
            userid: &slot.userid,
            data: NonEmpty::new(data).context("a value has at least one byte")?,
            expect: Expect::Any,
            durability: self.durability,
        };
        self.change(&slot.domain, op)
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        let value = self.store.get(&slot.domain.key, slot.userid.as_userid())?;
        Ok(value.map(Value::into_bytes))
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        let entry = self.store.stat(&slot.domain.key, slot.userid.as_userid())?;
        Ok(entry.map(|entry| entry.size))
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let entries = self.store.list(&domain.key)?;
        Ok(entries
            .iter()
            .map(|entry| entry.userid.to_string())
            .collect())
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        let op = Op::Delete {
            userid: slot.userid.as_userid(),
            expect: Expect::Any,
            durability: self.durability,
        };
        self.change(&slot.domain, op)
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        let op = Op::Clear {
            keep: Keep::Nothing,
            durability: self.durability,
        };
        self.change(domain, op)
    }
}
