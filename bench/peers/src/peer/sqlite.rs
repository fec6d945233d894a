//! SQLite, as rusqlite bundles it, in WAL mode.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(60);

/// `PRAGMA synchronous`: when SQLite syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Never.
    Off,
    /// At a checkpoint; a power cut may lose what was committed since.
    Normal,
    /// At each commit.
    Full,
}

/// A database with one table.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens the database in this directory.
    ///
    /// # Errors
    ///
    /// When SQLite can't.
    pub fn open(path: &Path, synchronous: Synchronous) -> Result<Self> {
        let connection = Connection::open(path.join("userdata.sqlite"))?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match synchronous {
            Synchronous::Off => "OFF",
            Synchronous::Normal => "NORMAL",
            Synchronous::Full => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS userdata (
                domain TEXT NOT NULL, userid TEXT NOT NULL, data BLOB NOT NULL,
                PRIMARY KEY (domain, userid))",
        )?;
        Ok(Self { connection })
    }
}

/// A store is one statement, so it is a transaction of its own.
const STORE: &str = "INSERT INTO userdata (domain, userid, data) VALUES (?1, ?2, ?3)
    ON CONFLICT (domain, userid) DO UPDATE SET data = excluded.data";

impl Peer for Sqlite {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        let mut store = self.connection.prepare_cached(STORE)?;
        store.execute(params![slot.domain.uuid, slot.userid(), data])?;
        Ok(())
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT data FROM userdata WHERE domain = ?1 AND userid = ?2";
        let mut retrieve = self.connection.prepare_cached(sql)?;
        let key = params![slot.domain.uuid, slot.userid()];
        Ok(retrieve.query_row(key, |row| row.get(0)).optional()?)
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        let sql = "SELECT length(data) FROM userdata WHERE domain = ?1 AND userid = ?2";
        let mut size = self.connection.prepare_cached(sql)?;
        let key = params![slot.domain.uuid, slot.userid()];
        let size: Option<i64> = size.query_row(key, |row| row.get(0)).optional()?;
        Ok(size.map(u64::try_from).transpose()?)
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let sql = "SELECT userid FROM userdata WHERE domain = ?1";
        let mut list = self.connection.prepare_cached(sql)?;
        let rows = list.query_map([&domain.uuid], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        let sql = "DELETE FROM userdata WHERE domain = ?1 AND userid = ?2";
        let mut remove = self.connection.prepare_cached(sql)?;
        remove.execute(params![slot.domain.uuid, slot.userid()])?;
        Ok(())
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        let sql = "DELETE FROM userdata WHERE domain = ?1";
        let mut clear = self.connection.prepare_cached(sql)?;
        clear.execute([&domain.uuid])?;
        Ok(())
    }

    fn fill(&mut self, slots: &mut dyn Iterator<Item = Result<Slot>>, data: &[u8]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut store = transaction.prepare_cached(STORE)?;
            for slot in slots {
                let slot = slot?;
                store.execute(params![slot.domain.uuid, slot.userid(), data])?;
            }
        }
        Ok(transaction.commit()?)
    }
}
