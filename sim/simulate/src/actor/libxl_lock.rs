//! Real libxl's lock, with its defects: `libxl__lock_file` and `libxl__unlock_file`.

use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{Directory as _, Errno, LockMode, Name};

use super::directory::{ScheduledDirectory, ScheduledFile};
use super::scheduled_process::ScheduledProcess;
use crate::history::{Event, LibxlBug};

/// How long a blocked `flock` waits before it looks again. Simulated time costs nothing.
const WAIT: Duration = Duration::from_millis(1);

/// The lock of one domain, held by real libxl.
pub(crate) struct LibxlLock {
    domain: DomainKey,
    name: FileName,
    file: ScheduledFile,
}

/// The lock was not taken, and its file was unlinked.
pub(crate) struct NotLocked;

impl LibxlLock {
    /// Waits for the lock, for ever. When it can't be had for another reason, the lock file is
    /// unlinked, even if another process holds it.
    pub(crate) fn take(
        scheduled: &ScheduledProcess,
        directory: &ScheduledDirectory,
        domain: DomainKey,
    ) -> Result<Self, NotLocked> {
        let name = FileName::lock(NameFormat::Libxl, &domain);
        let taken_away = |file: Option<ScheduledFile>, holds: bool| {
            let ours = holds
                && file
                    .as_ref()
                    .is_some_and(|file| is_named(directory, &name, file));
            let unlinked = directory.unlink((&name).into());
            if unlinked.is_ok() && !ours {
                record(scheduled, domain);
            }
            if let Some(file) = file {
                let _ = directory.close(file);
            }
            NotLocked
        };
        loop {
            let file = match open_or_create(directory, (&name).into()) {
                Ok(file) => file,
                Err(_) => return Err(taken_away(None, false)),
            };
            if flock(directory, &file).is_err() {
                return Err(taken_away(Some(file), false));
            }
            let Ok(locked) = directory.metadata(&file) else {
                return Err(taken_away(Some(file), true));
            };
            match directory.metadata_at((&name).into()) {
                Ok(named) if named.identity == locked.identity => {
                    return Ok(Self { domain, name, file });
                }
                Ok(_) | Err(Errno::NOENT) => {
                    let _ = directory.close(file);
                }
                Err(_) => return Err(taken_away(Some(file), true)),
            }
        }
    }

    /// The domain that it locks.
    pub(crate) const fn domain(&self) -> DomainKey {
        self.domain
    }

    /// Unlinks what now has the lock file's name, even if that is the file of another lock holder;
    /// then closes its own file, which unlocks it.
    pub(crate) fn release(self, scheduled: &ScheduledProcess, directory: &ScheduledDirectory) {
        let ours = is_named(directory, &self.name, &self.file);
        let unlinked = directory.unlink((&self.name).into());
        if unlinked.is_ok() && !ours {
            record(scheduled, self.domain);
        }
        let _ = directory.close(self.file);
    }
}

/// `open(path, O_RDWR|O_CREAT)`, which the seam does not have: tries to open and to create in turn
/// until one of them succeeds.
pub(crate) fn open_or_create(
    directory: &ScheduledDirectory,
    name: Name<'_>,
) -> Result<ScheduledFile, Errno> {
    loop {
        match directory.create(name) {
            Err(Errno::EXIST) => {}
            created => return created,
        }
        match directory.open_lock(name) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
    }
}

/// `flock(fd, LOCK_EX)`, until it succeeds or fails.
fn flock(directory: &ScheduledDirectory, file: &ScheduledFile) -> Result<(), Errno> {
    loop {
        match directory.lock(file, LockMode::Exclusive) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => directory.pause(WAIT),
            locked => return locked,
        }
    }
}

/// Whether the name is that of this file. Not a call of the process, so it takes no turn.
fn is_named(directory: &ScheduledDirectory, name: &FileName, file: &ScheduledFile) -> bool {
    let named = directory.inner().metadata_at(name.into());
    let opened = directory.inner().metadata(file.inner());
    matches!((named, opened), (Ok(named), Ok(opened)) if named.identity == opened.identity)
}

/// Notes that the lock file of another process was unlinked.
fn record(scheduled: &ScheduledProcess, domain: DomainKey) {
    scheduled.record(Event::Libxl {
        process: scheduled.id(),
        bug: LibxlBug::UnlinksWithoutHolding,
        domain,
    });
}
