//! `HeldLock`: the lock of one domain's userdata, the one that libxl takes.
//!
//! `flock(2)` on a file that exists only while somebody uses it. A holder unlinks the file before
//! he unlocks it, so that whoever waited for the old file notices that its name stands for another
//! one, or for none, and starts over. Real libxl sometimes unlinks the lock file of somebody else
//! (when its own attempt fails), so the holder compares again before a rename that matters.

use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::FileName;
use userdata_core::store::{FileType, Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::{Directory, Errno, FileStore, Identity, LockMode, Metadata};

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_millis(5);
const PAUSE_MIN: Duration = Duration::from_micros(50);

/// How often the file may be another one when it is locked. Each time somebody else had the lock
/// in between, so this is far beyond what a deadline allows on a real clock.
const REPLACED_MAX: u32 = 100_000;

/// The lock of one domain, held.
pub(crate) struct HeldLock<'a, D: Directory> {
    store: &'a FileStore<D>,
    domain: DomainKey,
    name: FileName,
    identity: Identity,
    process: u32,
    /// Taken out on release.
    file: Option<D::File>,
}

/// What came of one try.
enum Attempt {
    Held(Metadata),
    /// Somebody else has it.
    Busy,
    /// The file that was locked has lost its name.
    Replaced,
}

impl<'a, D: Directory> HeldLock<'a, D> {
    /// Takes the lock, or fails when the deadline has passed. Asks no hypervisor.
    pub(crate) fn acquire(
        store: &'a FileStore<D>,
        domain: &DomainKey,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let name = FileName::lock(store.format, domain);
        let directory = &*store.directory;
        let failed = |kind| StoreError::new(Operation::Lock, &name, kind);
        let mut patience = Patience::new(directory, timeout);
        loop {
            let file = directory
                .open_lock((&name).into())
                .map_err(|errno| store.unopened(Operation::Lock, &name, errno))?;
            let attempt = attempt(directory, &name, &file);
            if let Ok(Attempt::Held(metadata)) = attempt
                && metadata.file_type == FileType::Regular
            {
                let (identity, process) = (metadata.identity, directory.process());
                let file = Some(file);
                return Ok(Self {
                    store,
                    domain: *domain,
                    name,
                    identity,
                    process,
                    file,
                });
            }
            let busy = matches!(attempt, Ok(Attempt::Busy));
            if !busy {
                // A forked child may have the file too, so closing it would not unlock it.
                let _ = directory.unlock(&file);
            }
            directory.close(file);
            match attempt {
                Ok(Attempt::Busy) => patience.wait().map_err(failed)?,
                Ok(Attempt::Replaced) => patience.start_over().map_err(failed)?,
                Ok(Attempt::Held(metadata)) => {
                    return Err(failed(StoreErrorKind::NotRegular(metadata.file_type)));
                }
                Err(errno) => return Err(failed(kind_of(errno))),
            }
        }
    }

    pub(crate) fn store(&self) -> &'a FileStore<D> {
        self.store
    }

    pub(crate) fn domain(&self) -> &DomainKey {
        &self.domain
    }

    pub(crate) fn name(&self) -> &FileName {
        &self.name
    }

    /// Makes sure that the lock still excludes others.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.is_ours()? {
            Ok(())
        } else {
            Err(self.lost(false))
        }
    }

    /// Gives the lock back: compare, unlink, unlock, close. An `outcome` that is an error already
    /// comes first; what goes wrong after a success is for `note` to report along with it.
    pub(crate) fn release<T>(
        mut self,
        outcome: Result<T, StoreError>,
        note: impl FnOnce(T, StoreError) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let unlinked = self.unlink_lock();
        if let Some(file) = self.file.take() {
            // If this fails, closing unlocks.
            let _ = self.store.directory.unlock(&file);
            self.store.directory.close(file);
        }
        match (outcome, unlinked) {
            (Ok(value), Err(error)) => note(value, error),
            (outcome, _) => outcome,
        }
    }

    fn is_ours(&self) -> Result<bool, StoreError> {
        match self.store.directory.metadata_at((&self.name).into()) {
            Ok(metadata) => Ok(metadata.identity == self.identity),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(StoreError::new(
                Operation::CheckLock,
                &self.name,
                kind_of(errno),
            )),
        }
    }

    fn unlink_lock(&self) -> Result<(), StoreError> {
        let left = |errno| {
            let kind = StoreErrorKind::LockLeft(Box::new(errno));
            StoreError::new(Operation::Unlock, &self.name, kind)
        };
        let directory = &*self.store.directory;
        match directory.metadata_at((&self.name).into()) {
            Ok(metadata) if metadata.identity == self.identity => {
                match directory.unlink((&self.name).into()) {
                    // Broken after it was compared.
                    Err(Errno::NOENT) => Err(self.lost(true)),
                    unlinked => unlinked.map_err(left),
                }
            }
            Ok(_) | Err(Errno::NOENT) => Err(self.lost(true)),
            Err(errno) => Err(left(errno)),
        }
    }

    fn lost(&self, applied: bool) -> StoreError {
        StoreError::new(
            Operation::CheckLock,
            &self.name,
            StoreErrorKind::LockLost { applied },
        )
    }
}

impl<D: Directory> Drop for HeldLock<'_, D> {
    /// Gives the lock back when the caller's code panicked under it. In a forked child the lock is
    /// the parent's, and the file is only closed.
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            if self.store.directory.process() == self.process {
                let _ = self.unlink_lock();
                let _ = self.store.directory.unlock(&file);
            }
            self.store.directory.close(file);
        }
    }
}

fn attempt<D: Directory>(directory: &D, name: &FileName, file: &D::File) -> Result<Attempt, Errno> {
    match directory.lock(file, LockMode::Exclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN) => return Ok(Attempt::Busy),
        Err(errno) => return Err(errno),
    }
    let locked = directory.metadata(file)?;
    match directory.metadata_at(name.into()) {
        Ok(named) if named.identity == locked.identity => Ok(Attempt::Held(locked)),
        Ok(_) | Err(Errno::NOENT) => Ok(Attempt::Replaced),
        Err(errno) => Err(errno),
    }
}

/// How long is still waited, and how often.
struct Patience<'a, D> {
    directory: &'a D,
    started: Duration,
    timeout: Duration,
    pause: Duration,
    replaced: u32,
}

impl<'a, D: Directory> Patience<'a, D> {
    fn new(directory: &'a D, timeout: Duration) -> Self {
        Self {
            directory,
            started: directory.now(),
            timeout,
            pause: PAUSE_MIN,
            replaced: 0,
        }
    }

    /// Pauses before the next try, unless the deadline has passed.
    fn wait(&mut self) -> Result<(), StoreErrorKind> {
        let remaining = self.remaining()?;
        self.directory.pause(self.pause.min(remaining));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// Allows the next try at once: the lock changed hands, so nobody need have it.
    fn start_over(&mut self) -> Result<(), StoreErrorKind> {
        self.replaced += 1;
        if self.replaced > REPLACED_MAX {
            return Err(StoreErrorKind::GaveUp {
                tries: REPLACED_MAX,
            });
        }
        self.remaining().map(drop)
    }

    fn remaining(&self) -> Result<Duration, StoreErrorKind> {
        let waited = self.directory.now().saturating_sub(self.started);
        self.timeout
            .checked_sub(waited)
            .filter(|remaining| !remaining.is_zero())
            .ok_or(StoreErrorKind::DeadlinePassed { waited })
    }
}
