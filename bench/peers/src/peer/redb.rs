//! redb: a B-tree in one file, of which one process at a time has the write lock.

use std::path::Path;

use anyhow::Result;
use redb::{Database, Durability, ReadableDatabase as _, Table, TableDefinition};

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

/// The domain's uuid and the userid, and the value.
const TABLE: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("userdata");

/// A database with one table.
#[derive(Debug)]
pub struct Redb {
    database: Database,
    durability: Durability,
}

impl Redb {
    /// Opens the database in this directory.
    ///
    /// # Errors
    ///
    /// When redb can't; also if another process has it open.
    pub fn open(path: &Path, durability: Durability) -> Result<Self> {
        let database = Database::create(path.join("userdata.redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(TABLE)?;
        transaction.commit()?;
        Ok(Self {
            database,
            durability,
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Table<'_, (&str, &str), &[u8]>) -> Result<()>,
    ) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        change(&mut transaction.open_table(TABLE)?)?;
        Ok(transaction.commit()?)
    }
}

impl Peer for Redb {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        self.change(|table| {
            table.insert((slot.domain.uuid.as_str(), slot.userid()), data)?;
            Ok(())
        })
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let value = table.get((slot.domain.uuid.as_str(), slot.userid()))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let value = table.get((slot.domain.uuid.as_str(), slot.userid()))?;
        Ok(value.map(|value| value.value().len() as u64))
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let mut listed = Vec::new();
        for entry in table.range((domain.uuid.as_str(), "")..)? {
            let (key, _) = entry?;
            let (of, userid) = key.value();
            if of != domain.uuid {
                break;
            }
            listed.push(userid.to_owned());
        }
        Ok(listed)
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        self.change(|table| {
            table.remove((slot.domain.uuid.as_str(), slot.userid()))?;
            Ok(())
        })
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        let uuid = domain.uuid.as_str();
        self.change(|table| {
            // No userid is as great as this.
            table.retain_in((uuid, "")..(uuid, "\u{10ffff}"), |_, _| false)?;
            Ok(())
        })
    }

    fn fill(&mut self, slots: &mut dyn Iterator<Item = Result<Slot>>, data: &[u8]) -> Result<()> {
        self.change(|table| {
            for slot in slots {
                let slot = slot?;
                table.insert((slot.domain.uuid.as_str(), slot.userid()), data)?;
            }
            Ok(())
        })
    }
}
