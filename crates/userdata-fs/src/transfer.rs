//! The transfer of values from one domain to another: a rename for each, under the locks of both.

use std::time::Duration;

use userdata_core::Userid;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{
    AdmitBoth, Clash, Durability, FileType, Operation, StoreError, StoreErrorKind, Transfer,
    Transferred,
};

use crate::failure::kind_of;
use crate::layout::Named;
use crate::lock::HeldLock;
use crate::moved::Substitute;
use crate::wait::Timeout;
use crate::{Directory, Errno, FileStore};

impl<D: Directory> FileStore<D> {
    /// Moves values from one domain to another.
    pub(crate) fn move_values(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        let (from, to) = (transfer.from(), transfer.to());
        // The locks are taken in the order of the owners in their names: in the seed layout, two
        // domids with one uuid share their data and their lock.
        let owners = [from, to].map(|key| FileName::lock(self.format, &key).owner());
        let [lower, higher] = match owners {
            [giver, taker] if giver == taker => {
                let kind = StoreErrorKind::Unsupported;
                return Err(StoreError::new(Operation::Admit, from.to_string(), kind));
            }
            [giver, taker] if giver < taker => [from, to],
            _ => [to, from],
        };
        let timeout = Timeout::start(&*self.directory, timeout);
        let acquire = |key| HeldLock::acquire(self, &key, timeout, Substitute::Temporary);
        let first = acquire(lower)?;
        let second = match acquire(higher) {
            Ok(second) => second,
            Err(error) => return first.release(Err(error), |moved, _| Ok(moved)),
        };
        let (source, target) = match from == lower {
            true => (&first, &second),
            false => (&second, &first),
        };
        let moved = source
            .admit_with(target, admit)
            .and_then(|()| source.give(target, transfer));
        let moved = second.release(moved, |_, error| Err(error));
        first.release(moved, |_, error| Err(error))
    }
}

/// The plan for one value of the domain that gives.
pub(crate) enum Plan {
    /// It gets its new name.
    Move,
    /// It stays, because the other domain keeps a different one.
    Keep,
    /// It does not exist any more.
    Gone,
}

impl<D: Directory> HeldLock<'_, D> {
    /// Asks whether a change of two domains is admitted, now that no other process can change
    /// either.
    fn admit_with(&self, target: &Self, admit: AdmitBoth<'_>) -> Result<(), StoreError> {
        let states = [
            self.store().state(self.is_closing()?),
            target.store().state(target.is_closing()?),
        ];
        let [source, target] = &states;
        admit(source, target).map_err(|refused| {
            let kind = StoreErrorKind::Refused(refused);
            StoreError::new(Operation::Admit, self.domain().to_string(), kind)
        })
    }

    fn give(&self, target: &Self, transfer: &Transfer<'_>) -> Result<Transferred, StoreError> {
        let mut done = Transferred::default();
        done.durability = transfer.durability();
        let mut moves = Vec::new();
        // Every refusal comes before the first value is moved.
        for (kind, userid) in self.named(self.store().endings_of(self.domain()))? {
            if kind != Kind::Data || !transfer.has(&userid) {
                continue;
            }
            let (from, to) = self.names_in_both(target, &userid)?;
            match self.plan(&from, target, &to, transfer.clash())? {
                Plan::Move => moves.push(userid),
                Plan::Keep => done.kept.push(userid),
                Plan::Gone => {}
            }
        }
        // The process that stored a value may have asked for less than this transfer promises.
        if transfer.durability() > Durability::Process {
            for userid in &moves {
                let (from, _) = self.names_in_both(target, userid)?;
                self.named(self.sync_value(&from))?;
            }
        }
        for userid in moves {
            let (from, to) = self.names_in_both(target, &userid)?;
            self.give_one(target, &from, &to).map_err(|error| {
                // What was moved before stays moved.
                let applied = !done.moved.is_empty();
                match error.kind() {
                    StoreErrorKind::LockLost { .. } => {
                        let kind = StoreErrorKind::LockLost { applied };
                        StoreError::new(error.operation(), error.file(), kind)
                    }
                    _ if applied => error.after_a_part(),
                    _ => error,
                }
            })?;
            done.moved.push(userid);
        }
        // Even if nothing is left to be moved: an earlier call may have moved the values and been
        // killed before this sync.
        if transfer.durability() == Durability::Full {
            let directory = &*self.store().directory;
            let synced = match self.in_tree() {
                Some(_) => target.sync_names().and_then(|()| directory.sync()),
                None => directory.sync(),
            };
            synced.map_err(|errno| {
                let kind = StoreErrorKind::ReplacedNotDurable(Box::new(errno));
                StoreError::new(Operation::SyncDirectory, target.domain().to_string(), kind)
            })?;
        }
        Ok(done)
    }

    fn give_one(&self, target: &Self, from: &FileName, to: &FileName) -> Result<(), StoreError> {
        self.named(self.check())?;
        target.named(target.check())?;
        let directory = &*self.store().directory;
        let renamed = match target.in_tree() {
            Some(held) => directory.rename_into(from.into(), &held.view.directory, to.into()),
            None => directory.rename(from.into(), to.into()),
        };
        let renamed = renamed.map_err(|errno| target.not_renamed(to, errno));
        target.named(renamed)?;
        target.set_filled();
        Ok(())
    }

    /// A result about a value of the domain whose lock this is.
    fn named<T: Named>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.outer().named(self.domain(), result)
    }

    /// The names of a value in the two domains. All of them together would take much memory.
    fn names_in_both(
        &self,
        target: &Self,
        userid: &Userid,
    ) -> Result<(FileName, FileName), StoreError> {
        let from = self.store().data_name(self.domain(), userid)?;
        let to = FileName::data(target.store().format, target.domain(), userid);
        let to = to.map_err(|error| {
            let kind = StoreErrorKind::NameTooLong(error);
            StoreError::new(Operation::Replace, &from, kind)
        })?;
        Ok((from, to))
    }

    /// Decides about one value.
    fn plan(
        &self,
        from: &FileName,
        target: &Self,
        to: &FileName,
        clash: Clash,
    ) -> Result<Plan, StoreError> {
        let not_regular = |lock: &Self, name: &FileName, found| {
            let kind = StoreErrorKind::NotRegular(found);
            lock.named(Err(StoreError::new(Operation::Inspect, name, kind)))
        };
        match self.named(self.file_type(from))? {
            // A program that takes no lock removed it.
            None => return Ok(Plan::Gone),
            Some(FileType::Regular) => {}
            Some(found) => return not_regular(self, from, found),
        }
        match target.named(target.file_type(to))? {
            None => return Ok(Plan::Move),
            // No rename replaces a directory, and the values before it would already be moved.
            Some(found @ FileType::Directory) => return not_regular(target, to, found),
            Some(_) if clash == Clash::Replace => return Ok(Plan::Move),
            Some(_) => {}
        }
        let version = |lock: &Self, name: &FileName| {
            let value = lock.named(lock.store().read(name, Some(self.timeout())))?;
            Ok(value.map(|value| value.version()))
        };
        let there = version(target, to)?;
        if there.is_none() || there == version(self, from)? {
            return Ok(Plan::Move);
        }
        match clash {
            Clash::Keep => Ok(Plan::Keep),
            _ => {
                let kind = StoreErrorKind::PreconditionFailed { found: there };
                target.named(Err(StoreError::new(Operation::Compare, to, kind)))
            }
        }
    }

    fn file_type(&self, name: &FileName) -> Result<Option<FileType>, StoreError> {
        match self.store().directory.metadata_at(name.into()) {
            Ok(found) => Ok(Some(found.file_type)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(StoreError::new(Operation::Inspect, name, kind_of(errno))),
        }
    }
}
