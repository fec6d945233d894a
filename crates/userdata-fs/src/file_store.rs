//! `FileStore`: a store in a directory.

use std::fmt;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, AdmitPut, ClosingMark, Done, Durability, EachCleared, Entry,
    Found, Op, Operation, Owned, PutEach, Reclaimed, State, StoreError, StoreErrorKind, StoredAll,
    Transfer, Transferred,
};
use userdata_core::{DomainKey, Store, Userid, Value};

use crate::clear_each::{ClearEach, NAMES_MAX};
use crate::failure::kind_of;
use crate::free::Removal;
use crate::layout::Layout;
use crate::line::Line;
use crate::lock::HeldLock;
use crate::marker::{HeldMarker, Mark, mark_of};
use crate::moved::Substitute;
use crate::put_all::naming_left;
use crate::uninterrupted::Uninterrupted;
use crate::wait::Timeout;
use crate::{Directory, OsDirectory};

/// A [`Store`] in a directory: one file per value. [`FileStore::open`] opens a flat directory,
/// `/var/lib/xen` on a Xen host, with
/// libxl's names and libxl's lock, so that this library and real libxl can work on one host at the
/// same time. [`FileStore::open_tree`] opens a tree, in which each domain has a directory of its
/// own: see [`tree_layout`](crate::tree_layout).
///
/// Cheap to clone; clones share the descriptor of the directory.
///
/// Clones also share a line: the threads of one process that change one domain are served in order
/// of their arrival, each within its timeout, and only the first one tries to take the lock. Two
/// stores that were opened separately do not share a line, even in one directory, and neither do
/// two processes: their threads compete for the lock, and may get it in any order. While a line is
/// never empty, the lock is free only for an instant between two of its threads, and a thread
/// outside of it may wait until its timeout ends. To share a line, clone the store. A forked child
/// begins with an empty line.
pub struct FileStore<D> {
    pub(crate) directory: Arc<Uninterrupted<D>>,
    pub(crate) format: NameFormat,
    pub(crate) layout: Layout<D>,
    pub(crate) value_max: u64,
    pub(crate) read_timeout: Duration,
    /// Whether a change has found that the directory distinguishes names by case.
    pub(crate) tells_case: Arc<AtomicBool>,
    /// Where the threads of this process line up for the locks.
    pub(crate) line: Arc<Line>,
}

impl FileStore<OsDirectory> {
    /// `open(path, O_DIRECTORY)`: a store in this directory, which must exist.
    ///
    /// ```
    /// use userdata_core::{Store as _, Userid};
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// # let path = scratch.path();
    /// let store = FileStore::open(path)?;
    /// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
    /// assert!(store.get(&domain, &Userid::new("xl")?)?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NoDirectory`] if it does not; [`StoreErrorKind::Root`] if it is the root
    /// of a tree, see [`FileStore::open_tree`]; [`StoreErrorKind::NotPermitted`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let directory = OsDirectory::open(path).map_err(|errno| {
            let path = path.as_os_str().as_bytes();
            StoreError::new(Operation::OpenStore, path, kind_of(errno))
        })?;
        let store = Self::new(directory);
        store.refuse_tree()?;
        Ok(store)
    }
}

impl<D: Directory> FileStore<D> {
    /// The size in bytes of the largest value that is stored or read, unless
    /// [`FileStore::with_value_max`] says otherwise.
    pub const VALUE_MAX: u64 = 1 << 20;

    /// The time that a read waits for a file on which another process has a lease, unless
    /// [`FileStore::with_read_timeout`] says otherwise.
    pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

    /// A store in this directory, with libxl's names.
    ///
    /// ```
    /// use userdata_fs::{FileStore, OsDirectory};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// # let path = scratch.path();
    /// let store = FileStore::new(OsDirectory::open(path)?);
    /// # let _ = store;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(directory: D) -> Self {
        Self {
            directory: Arc::new(Uninterrupted(directory)),
            format: NameFormat::default(),
            layout: Layout::Flat,
            value_max: Self::VALUE_MAX,
            read_timeout: Self::READ_TIMEOUT,
            tells_case: Arc::default(),
            line: Arc::default(),
        }
    }

    /// The same store with names of another format. A tree ignores this. A flat layout ignores
    /// [`NameFormat::Tree`]: these names do not tell the domain.
    ///
    /// ```
    /// use userdata_core::file_name::NameFormat;
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// let store = FileStore::open(scratch.path())?.with_name_format(NameFormat::Seed);
    /// # let _ = store;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_name_format(mut self, format: NameFormat) -> Self {
        if format != NameFormat::Tree && self.format != NameFormat::Tree {
            self.format = format;
        }
        self
    }

    /// The same store with another limit on the size of a value, in bytes.
    ///
    /// ```
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// let store = FileStore::open(scratch.path())?.with_value_max(64 << 10);
    /// # let _ = store;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_value_max(mut self, limit: u64) -> Self {
        self.value_max = limit;
        self
    }

    /// The same store with another bound on the time that a read waits for a file on which another
    /// process has a lease (`F_SETLEASE` of `fcntl(2)`). Changes have a timeout of their own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// let store = FileStore::open(scratch.path())?.with_read_timeout(Duration::from_secs(1));
    /// # let _ = store;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }
}

impl<D: Directory> Store for FileStore<D> {
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError> {
        let name = self.data_name(domain, userid)?;
        let value = match &self.layout {
            Layout::Tree(tree) => self.named(domain, self.get_in(tree, domain, &name)),
            _ => self.read(&name, None),
        }?;
        if value.is_none() {
            self.check_place(Operation::Read, &name)?;
        }
        Ok(value)
    }

    fn get_within(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        userid: &Userid,
    ) -> Result<Option<Value>, StoreError> {
        let timeout = timeout.min(self.read_timeout);
        let store = self.clone().with_read_timeout(timeout);
        store.get(domain, userid)
    }

    fn get_into(
        &self,
        domain: &DomainKey,
        userid: &Userid,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, StoreError> {
        let size = match &self.layout {
            Layout::Tree(tree) => {
                self.named(domain, self.get_into_in(tree, domain, userid, buffer))
            }
            _ => self.read_into(domain, userid, buffer),
        }?;
        if size.is_none() {
            self.check_place(Operation::Read, userid.as_bytes())?;
        }
        Ok(size)
    }

    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError> {
        let name = self.data_name(domain, userid)?;
        let entry = match &self.layout {
            Layout::Tree(tree) => self.named(domain, self.stat_in(tree, domain, &name)),
            _ => self.entry(&name),
        }?;
        if entry.is_none() {
            self.check_place(Operation::Inspect, &name)?;
        }
        Ok(entry)
    }

    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        let entries = match &self.layout {
            Layout::Tree(tree) => self.named(domain, self.entries_in(tree, domain)),
            _ => self.entries(domain),
        }?;
        if entries.is_empty() {
            self.check_place(Operation::List, domain.to_string())?;
        }
        Ok(entries)
    }

    fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError> {
        match &self.layout {
            Layout::Tree(tree) => self.records_in(tree, each),
            _ => self.records(each),
        }?;
        self.check_place(Operation::List, "all domains")
    }

    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError> {
        let checked = ops.iter().map(|op| self.check(domain, op));
        let names = checked.collect::<Result<Vec<_>, _>>()?;
        let timeout = Timeout::start(&*self.directory, timeout);
        if let ([op @ (Op::Delete { .. } | Op::Clear { .. })], [names]) = (ops, &*names) {
            let removal = Removal::new(op, names.as_slice(), admit);
            return self.named(domain, self.free(domain, timeout, removal));
        }
        let mut lock = HeldLock::acquire(self, domain, timeout, Substitute::Temporary)?;
        lock.keep_directory();
        let done = lock.admit(admit).and_then(|()| {
            let ops = ops.iter().zip(&names);
            ops.map(|(op, names)| lock.apply(op, names.as_slice()))
                .collect()
        });
        self.named(domain, lock.release(done, note_in_cleared))
    }

    fn put_each(
        &self,
        puts: &[PutEach<'_>],
        timeout: Duration,
        durability: Durability,
        admit: AdmitPut<'_>,
    ) -> Vec<Result<StoredAll, StoreError>> {
        self.put_for_each(puts, timeout, durability, admit)
    }

    fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError> {
        let owned = match &self.layout {
            Layout::Tree(tree) => self.owned_in(tree),
            _ => self.owned(),
        }?;
        self.check_place(Operation::List, "all domains")?;
        let _ = owned.into_iter().try_for_each(each);
        Ok(())
    }

    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        let clear = ClearEach {
            timeout,
            durability,
            names_max: NAMES_MAX,
        };
        clear.run(self, domains, admit, each)
    }

    fn snapshot(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.named(domain, self.show_values(domain, timeout, which, each))
    }

    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        self.move_values(transfer, timeout, admit)
    }

    fn reclaim(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Reclaimed, StoreError> {
        match &self.layout {
            Layout::Tree(tree) => self.reclaim_in(tree, go_on),
            _ => Ok(Reclaimed::default()),
        }
    }

    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError> {
        let timeout = Timeout::start(&*self.directory, timeout);
        let lock = HeldLock::acquire(self, domain, timeout, Substitute::Temporary)?;
        let marker = lock.admit(admit).and_then(|()| HeldMarker::make(&lock));
        let marker = self.named(domain, lock.release(marker, |_, error| Err(error)))?;
        Ok(Box::new(marker))
    }

    fn now(&self) -> Duration {
        self.directory.now()
    }
}

/// Reports an error of the lock after the change was made. If records were cleared, the error is
/// added to their failures, so that those are reported, too. A temporary file that several values
/// left is named along with it.
pub(crate) fn note_in_cleared(
    mut done: Vec<Done>,
    error: StoreError,
) -> Result<Vec<Done>, StoreError> {
    let last = done.iter_mut().rev().find_map(|done| match done {
        Done::Cleared(cleared) => Some(cleared),
        _ => None,
    });
    let Some(cleared) = last else {
        let failed = done.iter().find_map(|done| match done {
            Done::StoredAll(stored) => Some(&stored.failed[..]),
            _ => None,
        });
        return Err(naming_left(error, failed.unwrap_or_default()));
    };
    cleared.failed.push(error);
    Ok(done)
}

impl<D: Directory> FileStore<D> {
    /// The state of a domain, which the caller's decision is about.
    pub(crate) fn state(&self, closing: bool) -> State {
        let shared = self.format == NameFormat::Seed;
        State::new(closing).with_shared_by_uuid(shared)
    }

    /// Asks whether a change is admitted, for a caller that knows whether the domain is marked as
    /// closing.
    pub(crate) fn ask(
        &self,
        domain: &DomainKey,
        closing: bool,
        admit: Admit<'_>,
    ) -> Result<(), StoreError> {
        admit(&self.state(closing)).map_err(|refused| {
            let kind = StoreErrorKind::Refused(refused);
            StoreError::new(Operation::Admit, domain.to_string(), kind)
        })
    }
}

impl<D: Directory> HeldLock<'_, D> {
    /// Asks whether a change is admitted, at a moment when no other process can make one.
    pub(crate) fn admit(&self, admit: Admit<'_>) -> Result<(), StoreError> {
        let (store, domain) = (self.store(), self.domain());
        let mark = mark_of(store, domain, self.timeout())?;
        self.set_closing(mark == Mark::Held);
        store.ask(domain, mark == Mark::Held, admit)?;
        if mark == Mark::VoidLink {
            // If it stays, a later change removes it.
            let marker = FileName::closing_marker(store.format, domain);
            let _ = store.directory.unlink((&marker).into());
        }
        Ok(())
    }

    /// Makes one change. `names` are the names of the values that it changes; a change that clears
    /// the domain has none.
    pub(crate) fn apply(&mut self, op: &Op<'_>, names: &[FileName]) -> Result<Done, StoreError> {
        match (*op, names) {
            (
                Op::Put {
                    data,
                    expect,
                    durability,
                    ..
                },
                [name],
            ) => self.put(name, data, expect, durability),
            (
                Op::Delete {
                    expect, durability, ..
                },
                [name],
            ) => self.delete(name, expect, durability),
            (
                Op::PutAll {
                    values,
                    clash,
                    durability,
                },
                names,
            ) => self.put_all(names, values, clash, durability),
            (Op::Clear { keep, durability }, _) => {
                self.clear(keep, durability, None).map(Done::Cleared)
            }
            _ => {
                let kind = StoreErrorKind::Unsupported;
                Err(StoreError::new(
                    Operation::Admit,
                    self.domain().to_string(),
                    kind,
                ))
            }
        }
    }
}

impl<D> Clone for FileStore<D> {
    fn clone(&self) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            format: self.format,
            layout: self.layout.clone(),
            value_max: self.value_max,
            read_timeout: self.read_timeout,
            tells_case: Arc::clone(&self.tells_case),
            line: Arc::clone(&self.line),
        }
    }
}

impl<D> fmt::Debug for FileStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("format", &self.format)
            .field("layout", &self.layout)
            .field("value_max", &self.value_max)
            .field("read_timeout", &self.read_timeout)
            .finish_non_exhaustive()
    }
}
