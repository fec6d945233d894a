//! `TakingAlong`: export and import of many values, and the bare calls that copy the same values.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::follow::{Limits, Selection};
use userdata::store::{Clash, Durability, Put};
use userdata::value::NonEmpty;
use userdata::{DomainKey, Store, Userdata, Userid, WritableUserid};
use userdata_archive::Archive;
use userdata_core::store::{Keep, Op};
use userdata_fs::{FileStore, OsDirectory};

use crate::bare::Bare;
use crate::subject::VALUE_LEN;

/// How many values a domain has.
pub const VALUES: u32 = 1000;

/// A directory with the values of one domain, and a domain that is to get them.
#[derive(Debug)]
pub struct TakingAlong {
    userdata: Userdata<SimHost, FileStore<OsDirectory>>,
    store: FileStore<OsDirectory>,
    from: DomainKey,
    to: DomainKey,
    userids: Vec<WritableUserid>,
    archive: PathBuf,
    /// Each value, and where it is copied to.
    bare: Vec<(Bare, Bare)>,
}

impl TakingAlong {
    /// Stores the values in an empty directory; the archive is beside it.
    ///
    /// # Errors
    ///
    /// When they can't be stored.
    pub fn open(path: &Path) -> Result<Self> {
        let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
        let (from, to) = (
            host.create(NewDomain::new())?,
            host.create(NewDomain::new())?,
        );
        let store = FileStore::open(path)?;
        let userids: Vec<WritableUserid> = (0..VALUES)
            .map(|number| WritableUserid::new(format!("value-{number}")))
            .collect::<Result<_, _>>()?;
        let subject = Self {
            userdata: Userdata::new(host, store.clone()).with_durability(Durability::Process),
            store,
            from,
            to,
            bare: Vec::new(),
            userids,
            archive: path.with_extension("tar"),
        };
        subject.store_all(from, Durability::Process)?;
        Ok(subject)
    }

    /// The same, with the names for the bare sequences.
    ///
    /// # Errors
    ///
    /// When the directory can't be opened.
    pub fn with_bare(mut self, path: &Path) -> Result<Self> {
        let (from, to) = (self.from, self.to);
        let first = Bare::open(path, &from, &Userid::new("value-0")?)?;
        let bare = |userid: &WritableUserid| -> Result<(Bare, Bare)> {
            let of = |key| first.another(key, userid.as_userid());
            Ok((of(&from)?, of(&to)?))
        };
        self.bare = self.userids.iter().map(bare).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Exports the values to an archive and imports them from it for the other domain, whose values
    /// are removed afterwards.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn export_and_import(&self) -> Result<Duration> {
        let started = Instant::now();
        self.export()?;
        self.import(Durability::Process)?;
        let took = started.elapsed();
        self.clear()?;
        Ok(took)
    }

    /// Copies the values by the bare sequences: a retrieve and a store of each.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub fn copy_bare(&self) -> Result<Duration> {
        let mut value = vec![0; VALUE_LEN];
        let started = Instant::now();
        for (from, to) in &self.bare {
            ensure!(from.retrieve(&mut value)? == VALUE_LEN, "a short value");
            to.store(&value, Durability::Process)?;
        }
        let took = started.elapsed();
        self.clear()?;
        Ok(took)
    }

    /// Exports the values and imports them durably.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn export_and_import_durably(&self) -> Result<Duration> {
        let started = Instant::now();
        self.export()?;
        self.import(Durability::Full)?;
        let took = started.elapsed();
        self.clear()?;
        Ok(took)
    }

    /// Stores the same values durably, each on its own.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn store_durably(&self) -> Result<Duration> {
        let started = Instant::now();
        self.store_all(self.to, Durability::Full)?;
        let took = started.elapsed();
        self.clear()?;
        Ok(took)
    }

    /// Writes the archive.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn export(&self) -> Result<()> {
        let exported = self
            .userdata
            .export(self.from, &Selection::new(), &Limits::default())?;
        let archive = Archive::new(exported.domain, None, exported.values)?;
        let file = BufWriter::new(File::create(&self.archive)?);
        Ok(archive.write(file, &limits())?)
    }

    /// Imports the archive.
    ///
    /// # Errors
    ///
    /// When that fails, or is not all.
    pub fn import(&self, durability: Durability) -> Result<()> {
        let archive = Archive::read(File::open(&self.archive)?, &limits())?;
        let puts: Vec<Put<'_>> = archive
            .values()
            .iter()
            .filter_map(|(userid, value)| Some(Put::new(userid, NonEmpty::new(value.as_bytes())?)))
            .collect();
        let imported = match durability {
            Durability::Process => self.userdata.import(self.to, &puts, Clash::Refuse)?,
            _ => self.userdata.clone().with_durability(durability).import(
                self.to,
                &puts,
                Clash::Refuse,
            )?,
        };
        let stored = imported.stored.len();
        ensure!(stored == self.userids.len(), "{stored} values imported");
        Ok(())
    }

    fn store_all(&self, domain: DomainKey, durability: Durability) -> Result<()> {
        for (number, userid) in (0_u32..).zip(&self.userids) {
            let mut value = vec![b'v'; VALUE_LEN];
            if let Some(head) = value.first_chunk_mut() {
                *head = number.to_le_bytes();
            }
            let op = Op::Put {
                userid,
                data: NonEmpty::new(&value).context("a value has bytes")?,
                expect: userdata::store::Expect::Any,
                durability,
            };
            self.change(domain, op)?;
        }
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        self.change(
            self.to,
            Op::Clear {
                keep: Keep::Nothing,
                durability: Durability::Process,
            },
        )
    }

    fn change(&self, domain: DomainKey, op: Op<'_>) -> Result<()> {
        let timeout = Duration::from_secs(10);
        self.store
            .change(&domain, timeout, &mut |_| Ok(()), &[op])?;
        Ok(())
    }
}

const fn limits() -> userdata_archive::Limits {
    userdata_archive::Limits::new(FileStore::<OsDirectory>::VALUE_MAX)
}
