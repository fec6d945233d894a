//! Changes of a `TreeStore`, under the domain's lock.

use std::collections::BTreeSet;
use std::time::SystemTime;

use userdata_core::file_name::Kind;
use userdata_core::store::{
    Admit, Cleared, Done, Durability, Expect, Keep, Op, Operation, Record, State, StoreError,
    StoreErrorKind,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Userid, Version, WritableUserid};
use userdata_fs::Directory;

use super::tree::{TreeStore, failed, name, unless_absent, value_name};
use super::tree_lock::{DomainLock, name_of};

const TRASH: &str = "trash";

impl<D: Directory> TreeStore<D> {
    pub(crate) fn check(&self, op: &Op<'_>) -> Result<(), StoreError> {
        match op {
            Op::Put { userid, data, .. } => self.check_size(userid, *data),
            Op::PutAll { values, .. } => {
                let mut seen = BTreeSet::new();
                values.iter().try_for_each(|put| {
                    if seen.insert(put.userid.as_userid()) {
                        return self.check_size(put.userid, put.data);
                    }
                    let (file, kind) = (
                        value_name(put.userid.as_userid()),
                        StoreErrorKind::Unsupported,
                    );
                    Err(StoreError::new(Operation::Admit, file, kind))
                })
            }
            _ => Ok(()),
        }
    }

    fn check_size(&self, userid: &WritableUserid, data: NonEmpty<'_>) -> Result<(), StoreError> {
        let (limit, size) = (self.value_max, data.as_bytes().len() as u64);
        if size <= limit {
            return Ok(());
        }
        let kind = StoreErrorKind::LimitExceeded { limit, size };
        Err(StoreError::new(
            Operation::Write,
            value_name(userid.as_userid()),
            kind,
        ))
    }

    pub(crate) fn compare(
        &self,
        directory: &D,
        file: &[u8],
        expect: Expect,
    ) -> Result<(), StoreError> {
        let wanted = match expect {
            Expect::Absent => None,
            Expect::Version(version) => Some(version),
            _ => return Ok(()),
        };
        let found = self
            .read(directory, file)?
            .map(|value| Version::of(value.as_bytes()));
        if found == wanted {
            return Ok(());
        }
        let kind = StoreErrorKind::PreconditionFailed { found };
        Err(StoreError::new(Operation::Compare, file, kind))
    }

    pub(crate) fn put(
        &self,
        lock: &DomainLock<'_, D>,
        userid: &Userid,
        data: &[u8],
        durability: Durability,
    ) -> Result<Done, StoreError> {
        let (directory, file) = (&lock.directory, value_name(userid));
        let temporary = Self::write_temporary(lock, data, durability)?;
        lock.check()?;
        let replaced = directory.rename(name_of(&temporary), name(&file));
        replaced.map_err(|errno| failed(Operation::Replace, &file, errno))?;
        self.sync(lock, durability)?;
        Ok(Done::Stored {
            durability,
            displaced: None,
        })
    }

    pub(crate) fn random_name(directory: &D) -> Result<String, StoreError> {
        let random = directory.random();
        let random = random.map_err(|errno| failed(Operation::Create, "t", errno))?;
        Ok(format!("t.{random:032x}"))
    }

    pub(crate) fn write_temporary(
        lock: &DomainLock<'_, D>,
        data: &[u8],
        durability: Durability,
    ) -> Result<String, StoreError> {
        let directory = &lock.directory;
        let temporary = Self::random_name(directory)?;
        let created = directory.create(name_of(&temporary));
        let handle = created.map_err(|errno| failed(Operation::Create, &temporary, errno))?;
        let mut rest = data;
        while !rest.is_empty() {
            let written = directory.write(&handle, rest);
            let written = written.map_err(|errno| failed(Operation::Write, &temporary, errno))?;
            rest = rest.get(written..).unwrap_or_default();
        }
        if durability > Durability::Process {
            let synced = directory.sync_file(&handle);
            synced.map_err(|errno| failed(Operation::SyncFile, &temporary, errno))?;
        }
        let closed = directory.close(handle);
        closed.map_err(|errno| failed(Operation::Close, &temporary, errno))?;
        Ok(temporary)
    }

    /// Syncs the domain's directory, which has the value's name, the boot's directory, which has
    /// the domain's name, and so on.
    pub(crate) fn sync(
        &self,
        lock: &DomainLock<'_, D>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        if durability < Durability::Full {
            return Ok(());
        }
        for directory in [&lock.directory, lock.boot, &self.root] {
            let synced = directory.sync();
            synced.map_err(|errno| failed(Operation::SyncDirectory, &lock.name, errno))?;
        }
        Ok(())
    }

    pub(crate) fn delete(
        &self,
        lock: &DomainLock<'_, D>,
        userid: &Userid,
        durability: Durability,
    ) -> Result<Done, StoreError> {
        let file = value_name(userid);
        lock.check()?;
        let unlinked = lock.directory.unlink(name(&file));
        match unless_absent(Operation::Remove, &file, unlinked)? {
            None => Ok(Done::NothingToRemove),
            Some(()) => {
                self.sync(lock, durability)?;
                Ok(Done::Removed { durability })
            }
        }
    }

    /// Removes values one by one: of a living domain, or beside a mark that is held.
    pub(crate) fn clear(
        &self,
        lock: &DomainLock<'_, D>,
        keep: Keep,
        durability: Durability,
    ) -> Result<Cleared, StoreError> {
        let closing = Self::is_closing(&lock.directory)?;
        let now = Self::file_clock(&lock.directory)?;
        let mut cleared = Cleared::default();
        cleared.durability = durability;
        for (kind, entry) in Self::records(&lock.directory)? {
            let stays = match (keep, kind) {
                (_, Kind::Closing) => closing,
                (Keep::Nothing, _) => false,
                (Keep::Essential, _) => kind == Kind::Data && entry.userid.is_libxl_json(),
                (Keep::AllButStale { age }, Kind::Temporary) => {
                    let written = entry.modified.unwrap_or(now);
                    now.duration_since(written).is_ok_and(|older| older < age)
                }
                _ => true,
            };
            if stays {
                continue;
            }
            let file = [&[kind.letter(), b'.'], entry.userid.as_bytes()].concat();
            let unlinked = lock.directory.unlink(name(&file));
            match unless_absent(Operation::Remove, &file, unlinked) {
                Ok(Some(())) if kind == Kind::Data => cleared.removed.push(entry.userid),
                Ok(Some(())) => cleared.others.push(Record::new(kind, entry.userid)),
                Ok(None) => {}
                Err(error) => cleared.failed.push(error),
            }
        }
        self.sync(lock, durability)?;
        Ok(cleared)
    }

    /// The time by the clock of the file system.
    fn file_clock(directory: &D) -> Result<SystemTime, StoreError> {
        let clock = Self::random_name(directory)?;
        let clock_failed = |errno| failed(Operation::Create, &clock, errno);
        let file = directory.create(name_of(&clock)).map_err(clock_failed)?;
        let metadata = directory.metadata(&file);
        let _ = directory.close(file);
        let unlinked = directory.unlink(name_of(&clock));
        unlinked.map_err(clock_failed)?;
        Ok(metadata.map_err(clock_failed)?.modified)
    }

    /// Removes everything with one rename. A file that can't be removed from the trash is no longer
    /// the domain's.
    pub(crate) fn discard(
        &self,
        lock: &DomainLock<'_, D>,
        durability: Durability,
    ) -> Result<Cleared, StoreError> {
        let mut cleared = Cleared::default();
        cleared.durability = durability;
        for (kind, entry) in Self::records(&lock.directory)? {
            match kind {
                Kind::Data => cleared.removed.push(entry.userid),
                Kind::Closing => {}
                _ => cleared.others.push(Record::new(kind, entry.userid)),
            }
        }
        let trash = self.child(TRASH)?;
        let random = trash
            .random()
            .map_err(|errno| failed(Operation::Remove, TRASH, errno))?;
        let discarded = format!("{random:032x}");
        lock.check()?;
        let renamed = lock
            .boot
            .rename_into(name_of(&lock.name), &trash, name_of(&discarded));
        renamed.map_err(|errno| failed(Operation::Remove, &lock.name, errno))?;
        if durability == Durability::Full {
            for directory in [lock.boot, &trash] {
                let synced = directory.sync();
                synced.map_err(|errno| failed(Operation::SyncDirectory, TRASH, errno))?;
            }
        }
        for file in Self::names(&lock.directory)? {
            let unlinked = lock.directory.unlink(name(&file));
            cleared
                .failed
                .extend(unless_absent(Operation::Remove, &file, unlinked).err());
        }
        let removed = trash.remove_directory(name_of(&discarded));
        cleared
            .failed
            .extend(unless_absent(Operation::Remove, &discarded, removed).err());
        Ok(cleared)
    }

    pub(crate) fn apply(
        &self,
        lock: &DomainLock<'_, D>,
        op: &Op<'_>,
        is_last: bool,
    ) -> Result<Done, StoreError> {
        match *op {
            Op::Put {
                userid,
                data,
                expect,
                durability,
            } => {
                self.compare(&lock.directory, &value_name(userid.as_userid()), expect)?;
                self.put(lock, userid.as_userid(), data.as_bytes(), durability)
            }
            Op::PutAll {
                values,
                clash,
                durability,
            } => self.put_all(lock, values, clash, durability),
            Op::Delete {
                userid,
                expect,
                durability,
            } => {
                self.compare(&lock.directory, &value_name(userid), expect)?;
                self.delete(lock, userid, durability)
            }
            Op::Clear { keep, durability } => self
                .clear_all(lock, keep, durability, is_last)
                .map(Done::Cleared),
            _ => unreachable!("an op that this engine does not know"),
        }
    }

    /// Clears the domain: by one rename if nothing stays and no op follows, else record by record.
    pub(crate) fn clear_all(
        &self,
        lock: &DomainLock<'_, D>,
        keep: Keep,
        durability: Durability,
        is_last: bool,
    ) -> Result<Cleared, StoreError> {
        // The lock is removed with the directory, so no op may follow.
        if keep == Keep::Nothing && is_last && !Self::is_closing(&lock.directory)? {
            return self.discard(lock, durability);
        }
        self.clear(lock, keep, durability)
    }

    pub(crate) fn admit(
        directory: &D,
        domain: &DomainKey,
        admit: Admit<'_>,
    ) -> Result<(), StoreError> {
        let closing = Self::is_closing(directory)?;
        admit(&State::new(closing)).map_err(|refused| {
            let kind = StoreErrorKind::Refused(refused);
            StoreError::new(Operation::Admit, domain.to_string(), kind)
        })
    }
}
