//! A change that only removes: it works on a full file system.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{
    Admit, Cleared, Done, Durability, Expect, Op, Operation, Record, StoreError, StoreErrorKind,
};

use crate::clear::is_kept;
use crate::file_store::note_in_cleared;
use crate::lock::HeldLock;
use crate::marker::{Mark, mark_of};
use crate::moved::Substitute;
use crate::wait::Timeout;
use crate::{Directory, FileStore};

/// A change that only removes, and the caller's decision about it.
pub(crate) struct Removal<'a> {
    op: &'a Op<'a>,
    /// The name of the value, if it removes a single one.
    names: &'a [FileName],
    admit: Admit<'a>,
}

impl<'a> Removal<'a> {
    pub(crate) fn new(op: &'a Op<'a>, names: &'a [FileName], admit: Admit<'a>) -> Self {
        Self { op, names, admit }
    }

    fn reborrow(&mut self) -> Removal<'_> {
        Removal::new(self.op, self.names, &mut *self.admit)
    }

    /// Whether it removes the file of this name.
    pub(crate) fn removes(&self, name: &FileName) -> bool {
        match self.op {
            Op::Clear { keep, .. } => !is_kept(*keep, name),
            _ => self.names.contains(name),
        }
    }

    /// Asks the caller and compares the value, without a lock. Both are done again under the lock.
    pub(crate) fn check<D: Directory>(
        &mut self,
        store: &FileStore<D>,
        domain: &DomainKey,
        timeout: Timeout,
    ) -> Result<(), StoreError> {
        let closing = mark_of(store, domain, timeout)? == Mark::Held;
        store.ask(domain, closing, &mut *self.admit)?;
        match (self.op, self.names) {
            (Op::Delete { expect, .. }, [name]) => store.expect(name, *expect, timeout),
            _ => Ok(()),
        }
    }
}

impl<D: Directory> FileStore<D> {
    /// Makes a change that only removes.
    pub(crate) fn free(
        &self,
        domain: &DomainKey,
        timeout: Timeout,
        mut removal: Removal<'_>,
    ) -> Result<Vec<Done>, StoreError> {
        let substitute = Substitute::Removal(removal.reborrow());
        let done = match HeldLock::acquire(self, domain, timeout, substitute) {
            Ok(mut lock) => {
                let done = lock
                    .admit(&mut *removal.admit)
                    .and_then(|()| lock.apply(removal.op, removal.names));
                lock.release(done.map(|done| vec![done]), note_in_cleared)
            }
            Err(error) => self.remove_nothing(domain, timeout, removal.reborrow(), error),
        };
        done.or_else(|error| self.removed_one(domain, &removal, error))
    }

    /// The result if there is no space for a lock file and the change has nothing to remove:
    /// without a removal no process can see that no lock was taken. Otherwise the error of the
    /// lock.
    fn remove_nothing(
        &self,
        domain: &DomainKey,
        timeout: Timeout,
        removal: Removal<'_>,
        error: StoreError,
    ) -> Result<Vec<Done>, StoreError> {
        let no_space = matches!(error.kind(), StoreErrorKind::NoSpace(_));
        if !no_space || error.operation() != Operation::Lock {
            return Err(error);
        }
        let lock = FileName::lock(self.format, domain);
        let closing = mark_of(self, domain, timeout)? == Mark::Held;
        let names = self.names_of(domain)?;
        let stays = |name: &FileName| closing && name.kind() == Kind::Closing;
        let mut left = names.iter().filter(|name| **name != lock && !stays(name));
        if left.any(|name| removal.removes(name)) {
            return Err(error);
        }
        self.check_place(Operation::Lock, &lock)?;
        self.ask(domain, closing, removal.admit)?;
        match (removal.op, removal.names) {
            (Op::Clear { durability, .. }, _) => {
                let mut cleared = Cleared::default();
                cleared.durability = *durability;
                Ok(vec![Done::Cleared(cleared)])
            }
            (
                Op::Delete {
                    expect: Expect::Version(_),
                    ..
                },
                [name],
            ) => {
                let kind = StoreErrorKind::PreconditionFailed { found: None };
                Err(StoreError::new(Operation::Compare, name, kind))
            }
            _ => Ok(vec![Done::NothingToRemove]),
        }
    }

    /// The result if the change failed and a value that became the lock file did not get its name
    /// back. A clear reports that it removed this value, and that it did not remove the others.
    fn removed_one(
        &self,
        domain: &DomainKey,
        removal: &Removal<'_>,
        error: StoreError,
    ) -> Result<Vec<Done>, StoreError> {
        let gone = match removal.op {
            Op::Clear { .. } if error.is_applied() => FileName::parse(self.format, error.file()),
            _ => None,
        };
        let Some(gone) = gone else {
            return Err(error);
        };
        let mut cleared = Cleared::default();
        match gone.kind() {
            Kind::Data => cleared.removed.push(gone.userid()),
            kind => cleared.others.push(Record::new(kind, gone.userid())),
        }
        cleared.durability = Durability::Process;
        cleared.failed.push(error);
        let lock = FileName::lock(self.format, domain);
        match self.names_of(domain) {
            Ok(names) => {
                let stay = names.iter().filter(|name| **name != lock);
                let not_removed = |name: &FileName| {
                    let kind = StoreErrorKind::Failed("the removal ended before it".into());
                    StoreError::new(Operation::Remove, name, kind)
                };
                let stay = stay.filter(|name| removal.removes(name));
                cleared.failed.extend(stay.map(not_removed));
            }
            Err(error) => cleared.failed.push(error),
        }
        Ok(vec![Done::Cleared(cleared)])
    }
}
