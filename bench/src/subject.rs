//! `Subject`: a directory opened to run every case in it.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use userdata_core::value::NonEmpty;

use anyhow::{Context, Result, bail, ensure};
use hv_sim::{HostFile, HostOptions, NewDomain, SimHost};
use userdata::store::{Durability, Expect, Keep};
use userdata::{DomainKey, Domid, Hypervisor as _, Store, Userdata, Userid, WritableUserid};
use userdata_core::store::Op;
use userdata_fs::{FileStore, OsDirectory};

use crate::bare::Bare;
use crate::case::{Case, VALUES};
use crate::libxl::{InC, Libxl};

/// The size of a value in bytes.
pub const VALUE_LEN: usize = 4096;

/// The domids of the domains measured; other domains have smaller ones.
pub const FIRST_DOMID: u16 = 30_000;

/// A directory, and the values in it that the cases read and replace.
#[derive(Debug)]
pub struct Subject {
    store: FileStore<OsDirectory>,
    userdata: Userdata<SimHost, FileStore<OsDirectory>>,
    /// The facade with the host that the C library has.
    of_host_file: Userdata<HostFile, FileStore<OsDirectory>>,
    bare: Bare,
    libxl: Option<Libxl>,
    /// Whether the C libraries are in libxl's process.
    has_libraries: bool,
    /// Its value is retrieved and replaced.
    single: DomainKey,
    /// Its five values are listed.
    listed: DomainKey,
    /// Its five values are made and removed.
    cleared: DomainKey,
    /// Its value is libxl's and the drop-in's.
    libxl_single: DomainKey,
    /// Its value is the C library's.
    c_single: DomainKey,
    /// Its five values are made and removed by libxl.
    libxl_cleared: DomainKey,
    userid: WritableUserid,
    userids: Vec<WritableUserid>,
    /// The next value to store; its first bytes are a counter.
    value: Vec<u8>,
    buffer: Vec<u8>,
    stored: u64,
}

impl Subject {
    /// Opens a directory and stores a first value wherever one is read. Without the program that
    /// calls libxl there are no cases in C.
    ///
    /// # Errors
    ///
    /// When the store does not give back what it was given.
    pub fn open(path: &Path, in_c: Option<InC<'_>>) -> Result<Self> {
        let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
        let create = |number| -> Result<DomainKey> {
            let domid = Domid::new(FIRST_DOMID + number)?;
            Ok(host.create(NewDomain::new().with_domid(domid))?)
        };
        let (single, listed, cleared) = (create(0)?, create(1)?, create(2)?);
        let (libxl_single, libxl_cleared) = (create(4)?, create(5)?);
        let c_single = create(6)?;
        let host_path = path.with_extension("host");
        let host_file = HostFile::new(&host_path);
        for domain in [single, c_single] {
            if host_file.domain(domain.domid)?.is_none() {
                let new = NewDomain::new().with_domid(domain.domid);
                host_file.create(new.with_uuid(domain.uuid))?;
            }
        }
        let in_libxl = [listed, libxl_single, libxl_cleared, c_single];
        let libxl = in_c
            .map(|in_c| Libxl::start(in_c, path, &host_path, libxl_single.uuid, &in_libxl))
            .transpose()?;
        let userid = WritableUserid::new("xl")?;
        let store = FileStore::open(path)?;
        let mut subject = Self {
            userdata: Userdata::new(host.clone(), store.clone())
                .with_durability(Durability::Process),
            of_host_file: Userdata::new(host_file, store.clone())
                .with_durability(Durability::Process),
            has_libraries: in_c.is_some_and(|in_c| in_c.libraries.is_some()),
            bare: Bare::open(path, &create(3)?, userid.as_userid())?,
            libxl,
            store,
            single,
            listed,
            cleared,
            libxl_single,
            c_single,
            libxl_cleared,
            userid,
            userids: (0..VALUES)
                .map(|number| WritableUserid::new(format!("value-{number}")))
                .collect::<Result<_, _>>()?,
            value: vec![b'v'; VALUE_LEN],
            buffer: vec![0; VALUE_LEN + 1],
            stored: 0,
        };
        subject.fill(listed)?;
        for case in [Case::BareStore, Case::Store] {
            subject.once(case)?;
        }
        if subject.libxl.is_some() {
            subject.turn(Case::LibxlStore, 0, 1)?;
        }
        if subject.has_libraries {
            subject.turn(Case::CStore, 0, 1)?;
        }
        subject.verify()?;
        Ok(subject)
    }

    /// The cases that can be done here.
    pub fn cases(&self) -> impl Iterator<Item = Case> {
        let (libxl, libraries) = (self.libxl.is_some(), self.has_libraries);
        Case::ALL
            .into_iter()
            .filter(move |case| libxl || !case.is_libxls())
            .filter(move |case| libraries || !case.is_of_library())
    }

    /// Does a case this often, after some times that are not timed. The time does not include its
    /// preparation.
    ///
    /// # Errors
    ///
    /// When an operation fails: a benchmark of failures measures nothing.
    pub fn turn(&mut self, case: Case, early: u32, times: u32) -> Result<Duration> {
        if case.is_in_c() {
            let libxl = self.libxl.as_mut().context("libxl is not here")?;
            let domain = match case {
                Case::LibxlGlob => self.listed,
                Case::LibxlDestroyall => self.libxl_cleared,
                Case::CRetrieve | Case::CStore => self.c_single,
                _ => self.libxl_single,
            };
            return libxl.turn(case, &domain, early, times);
        }
        if case.preparation().is_none() {
            for _ in 0..early {
                self.once(case)?;
            }
            let started = Instant::now();
            for _ in 0..times {
                self.once(case)?;
            }
            return Ok(started.elapsed());
        }
        let mut spent = Duration::ZERO;
        for time in 0..early + times {
            self.fill(self.cleared)?;
            let started = Instant::now();
            self.once(case)?;
            if time >= early {
                spent += started.elapsed();
            }
        }
        Ok(spent)
    }

    fn once(&mut self, case: Case) -> Result<()> {
        match case {
            Case::BareRetrieve => {
                let read = self.bare.retrieve(&mut self.buffer)?;
                ensure!(black_box(read) == VALUE_LEN, "{read} bytes read");
            }
            Case::Retrieve => whole(self.store.get(&self.single, self.userid.as_userid())?)?,
            Case::UserdataRetrieve => {
                whole(self.userdata.retrieve(self.single.domid, &self.userid)?)?;
            }
            Case::UuidRetrieve => {
                whole(self.of_host_file.retrieve(self.single, &self.userid)?)?;
            }
            Case::BareStore | Case::BareStoreFile | Case::BareStoreFull => {
                self.next_value();
                self.bare
                    .store(&self.value, case.durability().unwrap_or_default())?;
            }
            Case::Store | Case::StoreFile | Case::StoreFull => {
                self.next_value();
                let durability = case.durability().unwrap_or_default();
                self.put(&self.single, &self.userid, durability)?;
            }
            Case::UserdataStore => {
                self.next_value();
                self.userdata
                    .store(self.single.domid, &self.userid, &self.value)?;
            }
            Case::UuidStore => {
                self.next_value();
                self.of_host_file
                    .store(self.single, &self.userid, &self.value)?;
            }
            Case::List => {
                let listed = black_box(self.store.list(&self.listed)?).len();
                ensure!(listed == self.userids.len(), "{listed} values listed");
            }
            Case::Clear => {
                let op = Op::Clear {
                    keep: Keep::Nothing,
                    durability: Durability::Process,
                };
                self.change(&self.cleared, op)?;
            }
            case => bail!("{case} is done in C"),
        }
        Ok(())
    }

    /// Stores the five values of a domain.
    fn fill(&mut self, domain: DomainKey) -> Result<()> {
        self.next_value();
        self.userids
            .iter()
            .try_for_each(|userid| self.put(&domain, userid, Durability::Process))
    }

    fn put(
        &self,
        domain: &DomainKey,
        userid: &WritableUserid,
        durability: Durability,
    ) -> Result<()> {
        let op = Op::Put {
            userid,
            data: NonEmpty::new(&self.value).context("a value has at least one byte")?,
            expect: Expect::Any,
            durability,
        };
        self.change(domain, op)
    }

    fn change(&self, domain: &DomainKey, op: Op<'_>) -> Result<()> {
        let done = self.store.change(
            domain,
            std::time::Duration::from_secs(10),
            &mut |_| Ok(()),
            &[op],
        )?;
        ensure!(black_box(done).len() == 1, "one change was asked for");
        Ok(())
    }

    fn next_value(&mut self) {
        self.stored += 1;
        if let Some(head) = self.value.first_chunk_mut() {
            *head = self.stored.to_le_bytes();
        }
    }

    /// Makes sure that both kinds of store store, and both kinds of retrieve read.
    fn verify(&mut self) -> Result<()> {
        let first = |subject: &Self| -> Result<Vec<u8>> {
            let userid: &Userid = subject.userid.as_userid();
            let value = subject.store.get(&subject.single, userid)?;
            Ok(value.context("nothing was stored")?.into_bytes())
        };
        let read = self.bare.retrieve(&mut self.buffer)?;
        let bare = self.buffer.get(..read).unwrap_or_default().to_vec();
        let ours = first(self)?;
        ensure!(
            ours == self.value && ours.len() == VALUE_LEN,
            "another value was stored"
        );
        ensure!(
            bare.len() == VALUE_LEN && bare != ours,
            "the values do not differ"
        );
        self.once(Case::Store)?;
        ensure!(first(self)? != ours, "the value was not replaced");
        Ok(())
    }
}

fn whole(value: Option<userdata::Value>) -> Result<()> {
    let length = black_box(&value)
        .as_ref()
        .map(|value| value.as_bytes().len());
    ensure!(length == Some(VALUE_LEN), "a value of {length:?} bytes");
    Ok(())
}
