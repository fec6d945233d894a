//! The transfer of values from one domain to another: a rename for each, under the locks of both.

use std::time::Duration;

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{
    AdmitBoth, Clash, Durability, FileType, Operation, StoreError, StoreErrorKind, Transfer,
    Transferred,
};

use crate::failure::kind_of;
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
        let [lower, higher] = if from < to { [from, to] } else { [to, from] };
        // In the seed layout, two domids with one uuid share their data and their lock.
        let lock_names = [lower, higher].map(|key| FileName::lock(self.format, &key));
        if let [one, other] = &lock_names
            && one == other
        {
            let kind = StoreErrorKind::Unsupported;
            return Err(StoreError::new(Operation::Admit, from.to_string(), kind));
        }
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

/// One value that is to be moved.
struct Move {
    from: FileName,
    to: FileName,
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
        // What can be refused is refused before the first value is moved.
        for from in self.value_names(&|userid| transfer.has(userid))? {
            match self.planned(from, target, transfer.clash())? {
                Ok(planned) => moves.push(planned),
                Err(kept) => done.kept.push(kept.userid()),
            }
        }
        let directory = &*self.store().directory;
        for Move { from, to } in moves {
            self.check()?;
            target.check()?;
            directory
                .rename((&from).into(), (&to).into())
                .map_err(|errno| target.not_renamed(&to, errno))?;
            done.moved.push(to.userid());
        }
        if transfer.durability() == Durability::Full && !done.moved.is_empty() {
            directory.sync().map_err(|errno| {
                let kind = StoreErrorKind::ReplacedNotDurable(Box::new(errno));
                StoreError::new(Operation::SyncDirectory, target.domain().to_string(), kind)
            })?;
        }
        Ok(done)
    }

    /// How a value is moved, or its name if a different one of the other domain stays.
    fn planned(
        &self,
        from: FileName,
        target: &Self,
        clash: Clash,
    ) -> Result<Result<Move, FileName>, StoreError> {
        let store = self.store();
        let to = FileName::of(store.format, Kind::Data, target.domain(), &from.userid());
        let to = to.map_err(|error| {
            let kind = StoreErrorKind::NameTooLong(error);
            StoreError::new(Operation::Replace, &from, kind)
        })?;
        let inspected =
            |name: &FileName, errno| StoreError::new(Operation::Inspect, name, kind_of(errno));
        let found = store.directory.metadata_at((&from).into());
        let found = found.map_err(|errno| inspected(&from, errno))?.file_type;
        if found != FileType::Regular {
            let kind = StoreErrorKind::NotRegular(found);
            return Err(StoreError::new(Operation::Inspect, &from, kind));
        }
        match store.directory.metadata_at((&to).into()) {
            Err(Errno::NOENT) => return Ok(Ok(Move { from, to })),
            Ok(_) if clash == Clash::Replace => return Ok(Ok(Move { from, to })),
            Ok(_) => {}
            Err(errno) => return Err(inspected(&to, errno)),
        }
        let version = |name: &FileName| {
            let value = store.read(name, Some(self.timeout()))?;
            Ok(value.map(|value| value.version()))
        };
        let there = version(&to)?;
        if there.is_none() || there == version(&from)? {
            return Ok(Ok(Move { from, to }));
        }
        match clash {
            Clash::Keep => Ok(Err(from)),
            _ => {
                let kind = StoreErrorKind::PreconditionFailed { found: there };
                Err(StoreError::new(Operation::Compare, to, kind))
            }
        }
    }
}
