//! LMDB, as heed bundles it: a B-tree in one file that is mapped.

use std::ops::Bound;
use std::path::Path;

use anyhow::Result;
use heed::types::Bytes;
use heed::{Database, Env, WithoutTls};

use crate::peer::{Peer, foreign};
use crate::slot::{Slot, Subject};

/// More than all values of a run.
const MAP_LEN: usize = 2 << 30;

/// An environment with one database.
#[derive(Debug)]
pub struct Lmdb {
    env: Env<WithoutTls>,
    values: Database<Bytes, Bytes>,
}

impl Lmdb {
    /// Opens the environment in this directory. Without `synced` no commit waits for the disk.
    ///
    /// # Errors
    ///
    /// When LMDB can't.
    pub fn open(path: &Path, synced: bool) -> Result<Self> {
        let env = foreign::open_lmdb(path, MAP_LEN, synced)?;
        let mut transaction = env.write_txn()?;
        let values = env.create_database(&mut transaction, None)?;
        transaction.commit()?;
        Ok(Self { env, values })
    }
}

/// The keys of a domain: from the first string to before the second one.
fn keys(domain: &Subject) -> (String, String) {
    // `0` follows `/`.
    (format!("{}/", domain.uuid), format!("{}0", domain.uuid))
}

impl Peer for Lmdb {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        self.values
            .put(&mut transaction, slot.name.as_bytes(), data)?;
        Ok(transaction.commit()?)
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        let transaction = self.env.read_txn()?;
        let value = self.values.get(&transaction, slot.name.as_bytes())?;
        Ok(value.map(<[u8]>::to_vec))
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        let transaction = self.env.read_txn()?;
        let value = self.values.get(&transaction, slot.name.as_bytes())?;
        Ok(value.map(|value| value.len() as u64))
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let transaction = self.env.read_txn()?;
        let (first, _) = keys(domain);
        let mut listed = Vec::new();
        for entry in self.values.prefix_iter(&transaction, first.as_bytes())? {
            let (key, _) = entry?;
            let userid = key.get(first.len()..).unwrap_or_default();
            listed.push(String::from_utf8_lossy(userid).into_owned());
        }
        Ok(listed)
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        self.values.delete(&mut transaction, slot.name.as_bytes())?;
        Ok(transaction.commit()?)
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        let (first, end) = keys(domain);
        let range = (
            Bound::Included(first.as_bytes()),
            Bound::Excluded(end.as_bytes()),
        );
        self.values.delete_range(&mut transaction, &range)?;
        Ok(transaction.commit()?)
    }

    fn fill(&mut self, slots: &mut dyn Iterator<Item = Result<Slot>>, data: &[u8]) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for slot in slots {
            self.values
                .put(&mut transaction, slot?.name.as_bytes(), data)?;
        }
        Ok(transaction.commit()?)
    }
}
