//! fjall: a log-structured merge tree in a directory that one process has.

use std::path::Path;

use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

/// A database with one keyspace.
pub struct Fjall {
    database: Database,
    values: Keyspace,
    synced: bool,
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fjall")
            .field("synced", &self.synced)
            .finish_non_exhaustive()
    }
}

impl Fjall {
    /// Opens the database in this directory. Without `synced` a change is in the operating system's
    /// memory when it returns.
    ///
    /// # Errors
    ///
    /// When fjall can't; also if another process has it open.
    pub fn open(path: &Path, synced: bool) -> Result<Self> {
        let database = Database::builder(path).worker_threads(1).open()?;
        let values = database.keyspace("userdata", KeyspaceCreateOptions::default)?;
        Ok(Self {
            database,
            values,
            synced,
        })
    }

    fn persist(&self) -> Result<()> {
        let mode = match self.synced {
            true => PersistMode::SyncAll,
            false => PersistMode::Buffer,
        };
        Ok(self.database.persist(mode)?)
    }
}

impl Peer for Fjall {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        self.values.insert(slot.name.as_str(), data)?;
        self.persist()
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        Ok(self.values.get(&slot.name)?.map(|value| value.to_vec()))
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        Ok(self.values.size_of(&slot.name)?.map(u64::from))
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let first = format!("{}/", domain.uuid);
        let mut listed = Vec::new();
        for entry in self.values.prefix(&first) {
            let key = entry.key()?;
            let userid = key.get(first.len()..).unwrap_or_default();
            listed.push(String::from_utf8_lossy(userid).into_owned());
        }
        Ok(listed)
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        self.values.remove(slot.name.as_str())?;
        self.persist()
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        let mut batch = self.database.batch();
        for entry in self.values.prefix(format!("{}/", domain.uuid)) {
            batch.remove(&self.values, entry.key()?);
        }
        batch.commit()?;
        self.persist()
    }

    fn fill(&mut self, slots: &mut dyn Iterator<Item = Result<Slot>>, data: &[u8]) -> Result<()> {
        for slot in slots {
            self.values.insert(slot?.name, data)?;
        }
        self.persist()
    }
}
