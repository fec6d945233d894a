//! Many durable values, of one domain and of many, stored in one batch and one by one.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use userdata::store::{Clash, Durability, Expect, Keep, Op, Put};
use userdata::{DomainKey, WritableUserid};
use userdata_core::Store as _;
use userdata_core::value::NonEmpty;
use userdata_fs::{FileStore, OsDirectory};

use crate::batch_of_domains::Domains;
use crate::crowd::Crowd;
use crate::limit::{Bound, Limit};
use crate::place::Place;
use crate::series::Series;

/// How many values are stored.
pub(crate) const VALUES: usize = 1000;
/// The size of each in bytes.
pub(crate) const VALUE_LEN: usize = 4096;
/// The least ratio of the time of single stores to that of a batch, for values that are new.
const RATIO: f64 = 15.0;

/// What was measured on one file system, in microseconds for each value, round by round.
#[derive(Clone, Debug, Serialize)]
pub struct BatchMeasured {
    /// The name of the file system.
    pub file_system: String,
    /// Values that are new, one by one.
    pub new_singly: Series,
    /// Values that are new, in a batch.
    pub new_in_batch: Series,
    /// Values that replace others, one by one.
    pub replaced_singly: Series,
    /// Values that replace others, in a batch.
    pub replaced_in_batch: Series,
    /// A value of each of many domains, replaced one by one.
    pub domains_singly: Series,
    /// The same in a batch.
    pub domains_in_batch: Series,
    /// The same in a tree, one by one.
    pub tree_singly: Series,
    /// The same in a tree, in a batch.
    pub tree_in_batch: Series,
}

/// Measures single stores and batches by turns.
///
/// # Errors
///
/// When a store fails.
pub fn measure(place: &Place, rounds: usize) -> Result<BatchMeasured> {
    let path = place.with_others(0)?;
    let store = FileStore::open(&path)?;
    let (flat, tree) = (path.join("domains"), path.join("tree"));
    fs::create_dir(&flat)?;
    let (flat, tree) = (Domains::flat(&flat)?, Domains::tree(&tree)?);
    // The values that the first round replaces.
    flat.in_batch(u8::MAX)?;
    tree.in_batch(u8::MAX)?;
    let mut measured = BatchMeasured {
        file_system: place.name.clone(),
        new_singly: Series::default(),
        new_in_batch: Series::default(),
        replaced_singly: Series::default(),
        replaced_in_batch: Series::default(),
        domains_singly: Series::default(),
        domains_in_batch: Series::default(),
        tree_singly: Series::default(),
        tree_in_batch: Series::default(),
    };
    let values = Values::new(&store)?;
    for round in 0..rounds {
        let mut seed = u8::try_from(round * 8 % 200)?;
        let mut next = || {
            seed += 1;
            seed
        };
        values.clear()?;
        measured.new_singly.0.push(values.singly(next())?);
        measured.replaced_in_batch.0.push(values.in_batch(next())?);
        values.clear()?;
        measured.new_in_batch.0.push(values.in_batch(next())?);
        measured.replaced_singly.0.push(values.singly(next())?);
        measured.domains_singly.0.push(flat.singly(next())?);
        measured.domains_in_batch.0.push(flat.in_batch(next())?);
        measured.tree_singly.0.push(tree.singly(next())?);
        measured.tree_in_batch.0.push(tree.in_batch(next())?);
    }
    values.clear()?;
    Ok(measured)
}

struct Values<'a> {
    store: &'a FileStore<OsDirectory>,
    domain: DomainKey,
    userids: Vec<WritableUserid>,
}

impl<'a> Values<'a> {
    fn new(store: &'a FileStore<OsDirectory>) -> Result<Self> {
        let userids = (0..VALUES).map(|number| WritableUserid::new(format!("value-{number}")));
        Ok(Self {
            store,
            domain: Crowd::key(0)?,
            userids: userids.collect::<Result<_, _>>()?,
        })
    }

    fn singly(&self, seed: u8) -> Result<f64> {
        let bytes = [seed; VALUE_LEN];
        let data = NonEmpty::new(&bytes).context("no bytes")?;
        let begun = Instant::now();
        for userid in &self.userids {
            self.change(&Op::Put {
                userid,
                data,
                expect: Expect::Any,
                durability: Durability::Full,
            })?;
        }
        Ok(each(begun.elapsed()))
    }

    fn in_batch(&self, seed: u8) -> Result<f64> {
        let bytes = [seed; VALUE_LEN];
        let data = NonEmpty::new(&bytes).context("no bytes")?;
        let values = self.userids.iter().map(|userid| Put::new(userid, data));
        let values: Vec<Put<'_>> = values.collect();
        let begun = Instant::now();
        self.change(&Op::PutAll {
            values: &values,
            clash: Clash::Replace,
            durability: Durability::Full,
        })?;
        Ok(each(begun.elapsed()))
    }

    fn clear(&self) -> Result<()> {
        self.change(&Op::Clear {
            keep: Keep::Nothing,
            durability: Durability::Full,
        })
    }

    fn change(&self, op: &Op<'_>) -> Result<()> {
        let timeout = Duration::from_secs(60);
        self.store
            .change(&self.domain, timeout, &mut |_| Ok(()), &[*op])?;
        Ok(())
    }
}

fn each(all: Duration) -> f64 {
    all.as_secs_f64() * 1e6 / VALUES as f64
}

impl BatchMeasured {
    /// The limit, compared with what was measured.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        // On a tmpfs nothing is durable, so a batch has nothing to save.
        if self.file_system == "tmpfs" {
            return Vec::new();
        }
        let what = format!("{VALUES} durable stores, in times of one batch of new values");
        let ratio = self.new_singly.over(&self.new_in_batch);
        vec![Limit::timed(what, &ratio, Bound::AtLeast(RATIO))]
    }
}

impl fmt::Display for BatchMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |series: &Series| {
            let median = series.median();
            median.map_or("-".to_owned(), |n| format!("{n:.1}"))
        };
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([
            &*self.file_system,
            "one by one, us a value",
            "in a batch, us a value",
            "ratio",
        ]);
        for (name, singly, batch) in [
            ("new values", &self.new_singly, &self.new_in_batch),
            (
                "replaced values",
                &self.replaced_singly,
                &self.replaced_in_batch,
            ),
            (
                "replaced, a domain each",
                &self.domains_singly,
                &self.domains_in_batch,
            ),
            (
                "replaced, a domain each, tree",
                &self.tree_singly,
                &self.tree_in_batch,
            ),
        ] {
            let ratio = shown(&singly.over(batch));
            table.add_row([name.to_owned(), shown(singly), shown(batch), ratio]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}
