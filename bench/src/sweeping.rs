//! `Sweeping`: a sweep of many domains, and the bare calls that remove the same files.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags, RawDir};
use rustix::io::Errno;
use userdata::Userdata;
use userdata::sweep::{Sightings, SweepOptions, SweepTotals, Swept, What};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{Durability, Expect, Op};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _, Userid, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};

use crate::crowd::{Crowd, Host};
use crate::place::USERIDS;

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// How many bytes of names one call fetches, as in the store.
const NAMES_LEN: usize = 32 * 1024;

/// A directory with the files of a crowd.
#[derive(Debug)]
pub struct Sweeping {
    crowd: Crowd,
    path: PathBuf,
    userdata: Userdata<Host, FileStore<OsDirectory>>,
    directory: OwnedFd,
    orphans: Vec<Names>,
}

/// The names of one domain's files, ready for the kernel.
#[derive(Debug)]
struct Names {
    lock: CString,
    mark: CString,
    values: Vec<CString>,
}

impl Sweeping {
    /// Makes the files of a crowd in an empty directory.
    ///
    /// # Errors
    ///
    /// When they can't be made.
    pub fn fill(crowd: Crowd, path: &Path) -> Result<Self> {
        Crowd::fill(path, 0..crowd.domains())?;
        let names = |number| Names::of(&Crowd::key(number)?);
        Ok(Self {
            crowd,
            path: path.to_owned(),
            userdata: open(crowd, path)?,
            directory: fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?,
            orphans: crowd.orphans().map(names).collect::<Result<_>>()?,
        })
    }

    /// A dry run, until the last domain is judged: before the files that would go are told.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn judge(&self) -> Result<Duration> {
        let (took, totals) = judging(&self.userdata)?;
        ensure!(
            totals.records == u64::from(self.crowd.files()),
            "{totals:?}"
        );
        Ok(took)
    }

    /// A dry run.
    ///
    /// # Errors
    ///
    /// When it fails, or does not judge every file.
    pub fn dry_run(&self) -> Result<Duration> {
        self.sweep(true)
    }

    /// A sweep. Afterwards the orphans' files are made again, which is not timed.
    ///
    /// # Errors
    ///
    /// When it fails, or does not remove all orphans' files.
    pub fn remove(&self) -> Result<Duration> {
        let took = self.sweep(false)?;
        Crowd::fill(&self.path, self.crowd.orphans())?;
        Ok(took)
    }

    /// The same by bare calls: the directory is read twice, and for each orphan: lock-open, flock,
    /// fstat, stat, open of the closing mark (there is none), unlink of each file, stat, unlink,
    /// close. Afterwards the files are made again.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub fn remove_bare(&self) -> Result<Duration> {
        let started = Instant::now();
        self.read_bare()?;
        self.read_bare()?;
        for orphan in &self.orphans {
            orphan.remove_bare(&self.directory)?;
        }
        let took = started.elapsed();
        Crowd::fill(&self.path, self.crowd.orphans())?;
        Ok(took)
    }

    fn sweep(&self, dry_run: bool) -> Result<Duration> {
        let started = Instant::now();
        let totals = sweep(&self.userdata, dry_run)?;
        let took = started.elapsed();
        ensure!(
            totals.records == u64::from(self.crowd.files())
                && totals.orphans == self.orphans.len() as u64
                && totals.removed == totals.orphans * USERIDS.len() as u64
                && totals.failed == 0,
            "{totals:?}"
        );
        Ok(took)
    }

    fn read_bare(&self) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listing = fs::openat(&self.directory, c".", flags, Mode::empty())?;
        let mut buffer = Vec::with_capacity(NAMES_LEN);
        let mut entries = RawDir::new(listing, buffer.spare_capacity_mut());
        let mut read = 0_u32;
        while let Some(entry) = entries.next() {
            entry?;
            read += 1;
        }
        ensure!(read >= self.crowd.files(), "{read} names");
        Ok(())
    }
}

/// A crowd's host, and the store in this directory.
///
/// # Errors
///
/// When the directory can't be opened.
pub fn open(crowd: Crowd, path: &Path) -> Result<Userdata<Host, FileStore<OsDirectory>>> {
    Ok(Userdata::new(crowd.host()?, FileStore::open(path)?))
}

/// A store in the tree layout in this directory, which is made.
///
/// # Errors
///
/// When the directory can't be opened.
pub fn open_tree(path: &Path) -> Result<FileStore<OsDirectory>> {
    let bench = "bench";
    Ok(FileStore::open_tree(
        path,
        &bench.parse()?,
        &bench.parse()?,
    )?)
}

/// Stores the values of the domains of these numbers, of one byte each, without asking whether they
/// exist.
///
/// # Errors
///
/// When one can't be stored.
pub fn fill_tree(store: &FileStore<OsDirectory>, numbers: impl Iterator<Item = u32>) -> Result<()> {
    let userids = USERIDS.iter().map(WritableUserid::as_libxl_accepts);
    let userids: Vec<WritableUserid> = userids.collect::<Result<_, _>>()?;
    let data = NonEmpty::new(b"v").context("one byte")?;
    for number in numbers {
        let puts: Vec<Op<'_>> = userids
            .iter()
            .map(|userid| Op::Put {
                userid,
                data,
                expect: Expect::Any,
                durability: Durability::Process,
            })
            .collect();
        let key = Crowd::key(number)?;
        store.change(&key, Duration::ZERO, &mut |_| Ok(()), &puts)?;
    }
    Ok(())
}

/// A dry run, and how long it took until the last domain was judged.
///
/// # Errors
///
/// When it fails.
pub fn judging(
    userdata: &Userdata<Host, FileStore<OsDirectory>>,
) -> Result<(Duration, SweepTotals)> {
    let mut options = SweepOptions::default();
    options.dry_run = true;
    let started = Instant::now();
    let mut took = Duration::ZERO;
    let each = |swept: &Swept<'_>| {
        if matches!(swept.what, What::Judged) {
            took = started.elapsed();
        }
    };
    let totals = userdata.sweep(&options, &mut Sightings::new(), each)?;
    Ok((took, totals))
}

/// A sweep that keeps nothing of a domain that does not exist.
///
/// # Errors
///
/// When it fails.
pub fn sweep(
    userdata: &Userdata<Host, FileStore<OsDirectory>>,
    dry_run: bool,
) -> Result<SweepTotals> {
    let mut options = SweepOptions::default();
    options.dry_run = dry_run;
    Ok(userdata.sweep(&options, &mut Sightings::new(), |_| ())?)
}

impl Names {
    fn of(key: &DomainKey) -> Result<Self> {
        let format = NameFormat::Libxl;
        let c_string = |name: FileName| -> Result<CString> { Ok(CString::new(name.as_bytes())?) };
        let value = |text: &&str| c_string(FileName::data(format, key, &Userid::new(*text)?)?);
        Ok(Self {
            lock: c_string(FileName::lock(format, key))?,
            mark: c_string(FileName::closing_marker(format, key))?,
            values: USERIDS.iter().map(value).collect::<Result<_>>()?,
        })
    }

    fn remove_bare(&self, directory: &OwnedFd) -> Result<()> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let lock = fs::openat(directory, &self.lock, flags, PRIVATE)?;
        fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let held = fs::fstat(&lock)?.st_ino;
        let is_held = || -> Result<()> {
            let named = fs::statat(directory, &self.lock, AtFlags::SYMLINK_NOFOLLOW)?;
            ensure!(named.st_ino == held, "the lock was lost");
            Ok(())
        };
        is_held()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let mark = fs::openat(directory, &self.mark, flags, Mode::empty());
        ensure!(
            matches!(mark, Err(Errno::NOENT)),
            "the domain is being destroyed"
        );
        for value in &self.values {
            fs::unlinkat(directory, value, AtFlags::empty())?;
        }
        is_held()?;
        fs::unlinkat(directory, &self.lock, AtFlags::empty())?;
        Ok(())
    }
}
