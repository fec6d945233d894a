//! One durable value of each of many domains, stored in one batch and one by one.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use userdata::store::{Durability, Put, PutEach};
use userdata::{DomainKey, WritableUserid};
use userdata_core::Store as _;
use userdata_core::value::NonEmpty;
use userdata_fs::{FileStore, OsDirectory};

use crate::batch::{VALUE_LEN, VALUES};
use crate::crowd::Crowd;
use crate::sweeping::open_tree;

/// The timeout of each domain: no other process uses the store.
const TIMEOUT: Duration = Duration::from_secs(60);

/// As many domains as a batch of one domain has values.
#[derive(Debug)]
pub(crate) struct Domains {
    store: FileStore<OsDirectory>,
    keys: Vec<DomainKey>,
    userid: WritableUserid,
}

impl Domains {
    /// In libxl's layout, in this directory.
    pub(crate) fn flat(path: &Path) -> Result<Self> {
        Self::of(FileStore::open(path)?)
    }

    /// In a tree, whose root is made there.
    pub(crate) fn tree(path: &Path) -> Result<Self> {
        Self::of(open_tree(path)?)
    }

    fn of(store: FileStore<OsDirectory>) -> Result<Self> {
        let keys = (0..u32::try_from(VALUES)?).map(Crowd::key);
        Ok(Self {
            store,
            keys: keys.collect::<Result<_>>()?,
            userid: WritableUserid::new("value")?,
        })
    }

    /// Replaces the value of each domain, each by a change of its own. Microseconds for each.
    pub(crate) fn singly(&self, seed: u8) -> Result<f64> {
        self.stored(seed, |puts| {
            for put in puts {
                let durability = Durability::Full;
                put.put_alone(&self.store, TIMEOUT, durability, &mut |_, _| Ok(()))?;
            }
            Ok(())
        })
    }

    /// The same in one batch.
    pub(crate) fn in_batch(&self, seed: u8) -> Result<f64> {
        self.stored(seed, |puts| {
            let durability = Durability::Full;
            let results = self
                .store
                .put_each(puts, TIMEOUT, durability, &mut |_, _| Ok(()));
            ensure!(results.len() == puts.len(), "a domain has no result");
            for result in results {
                result?;
            }
            Ok(())
        })
    }

    fn stored(&self, seed: u8, put: impl Fn(&[PutEach<'_>]) -> Result<()>) -> Result<f64> {
        let bytes = [seed; VALUE_LEN];
        let data = NonEmpty::new(&bytes).context("no bytes")?;
        let values = [Put::new(&self.userid, data)];
        let puts = self.keys.iter().map(|key| PutEach::new(*key, &values));
        let puts: Vec<PutEach<'_>> = puts.collect();
        let begun = Instant::now();
        put(&puts)?;
        Ok(begun.elapsed().as_secs_f64() * 1e6 / VALUES as f64)
    }
}
