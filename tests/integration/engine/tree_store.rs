//! A tree of directories as a `Store`, and its closing mark.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Done, Durability, EachCleared, Entry, Found,
    Op, Operation, Owned, Refused, State, StoreError, StoreErrorKind, Transfer, Transferred,
};
use userdata_core::{DomainKey, Store, Userid, Value};
use userdata_fs::{Directory, Errno, LockMode};

use super::tree::{MARK, TreeStore, entry, failed, name, unless_absent, value_name};
use super::tree_lock::DomainLock;

impl<D: Directory> Store for TreeStore<D> {
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError> {
        match self.domain(domain)? {
            Some(directory) => self.read(&directory, &value_name(userid)),
            None => Ok(None),
        }
    }

    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError> {
        let Some(directory) = self.domain(domain)? else {
            return Ok(None);
        };
        let file = value_name(userid);
        let metadata = unless_absent(
            Operation::Inspect,
            &file,
            directory.metadata_at(name(&file)),
        )?;
        Ok(metadata.map(|metadata| entry(userid.clone(), &metadata)))
    }

    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        let Some(directory) = self.domain(domain)? else {
            return Ok(Vec::new());
        };
        let values = Self::records(&directory)?.into_iter();
        let values = values.filter(|(kind, _)| *kind == Kind::Data);
        Ok(values.map(|(_, entry)| entry).collect())
    }

    fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError> {
        for domain in self.keys()? {
            let owner = Owner {
                domid: Some(domain.domid),
                uuid: domain.uuid,
            };
            let Some(directory) = self.domain(&domain)? else {
                continue;
            };
            for (kind, entry) in Self::records(&directory)? {
                if each(Found::new(owner, kind, entry)).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError> {
        ops.iter().try_for_each(|op| self.check(op))?;
        let boot = self.child(self.boot.as_str())?;
        let lock = DomainLock::acquire(&boot, domain.to_string(), timeout)?;
        Self::admit(&lock.directory, domain, admit)?;
        let steps = (1..).zip(ops);
        steps
            .map(|(step, op)| self.apply(&lock, op, step == ops.len()))
            .collect()
    }

    fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.show_owners(each)
    }

    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        self.clear_many(domains, timeout, durability, admit, each)
    }

    fn snapshot(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.show_values(domain, timeout, which, each)
    }

    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        self.move_values(transfer, timeout, admit)
    }

    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError> {
        let boot = self.child(self.boot.as_str())?;
        let lock = DomainLock::acquire(&boot, domain.to_string(), timeout)?;
        Self::admit(&lock.directory, domain, admit)?;
        let opened = match lock.directory.create(name(MARK)) {
            Err(Errno::EXIST) => lock.directory.open_lock(name(MARK)),
            created => created,
        };
        let file = opened.map_err(|errno| failed(Operation::Mark, MARK, errno))?;
        match lock.directory.lock(&file, LockMode::Exclusive) {
            Ok(()) => {}
            Err(Errno::AGAIN) => {
                let kind = StoreErrorKind::Refused(Refused::BeingDestroyed);
                return Err(StoreError::new(Operation::Mark, MARK, kind));
            }
            Err(errno) => return Err(failed(Operation::Mark, MARK, errno)),
        }
        Ok(Box::new(Mark {
            store: self.clone(),
            domain: *domain,
            file: Some(file),
        }))
    }

    fn now(&self) -> Duration {
        self.root.now()
    }
}

/// The closing mark: a file in the domain's directory whose flock is held.
struct Mark<D: Directory> {
    store: TreeStore<D>,
    domain: DomainKey,
    file: Option<D::File>,
}

impl<D: Directory> ClosingMark for Mark<D> {
    fn clear(
        self: Box<Self>,
        timeout: Duration,
        durability: Durability,
        admit: Admit<'_>,
    ) -> Result<Cleared, StoreError> {
        let boot = self.store.child(self.store.boot.as_str())?;
        let lock = DomainLock::acquire(&boot, self.domain.to_string(), timeout)?;
        if let Err(refused) = admit(&State::new(false)) {
            let unlinked = lock.directory.unlink(name(MARK));
            unless_absent(Operation::Remove, MARK, unlinked)?;
            let kind = StoreErrorKind::Refused(refused);
            return Err(StoreError::new(
                Operation::Admit,
                self.domain.to_string(),
                kind,
            ));
        }
        self.store.discard(&lock, durability)
    }

    fn reopen(self: Box<Self>, timeout: Duration) -> Result<(), StoreError> {
        let boot = self.store.child(self.store.boot.as_str())?;
        let lock = DomainLock::acquire(&boot, self.domain.to_string(), timeout)?;
        let unlinked = lock.directory.unlink(name(MARK));
        unless_absent(Operation::Remove, MARK, unlinked).map(drop)
    }
}

impl<D: Directory> Drop for Mark<D> {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = self.store.root.unlock(&file);
            let _ = self.store.root.close(file);
        }
    }
}

impl<D: Directory> fmt::Debug for Mark<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
