//! Real libxl's lock, with its defects: `libxl__lock_file` and `libxl__unlock_file`.

use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{Directory as _, Errno, LockMode};

use super::directory::{SeatedDirectory, SeatedFile};
use super::seat::Seat;
use crate::history::{Event, LibxlBug};

/// How long a blocked `flock` waits before it looks again. Simulated time costs nothing.
const WAIT: Duration = Duration::from_millis(1);

/// The lock of one domain, held by real libxl.
pub(crate) struct LibxlLock {
    domain: DomainKey,
    name: FileName,
    file: SeatedFile,
}

/// A lock that was not had: its name is no more, either.
pub(crate) struct NotLocked;

impl LibxlLock {
    /// Waits for the lock, for ever. When it can't be had for another reason, the lock file is
    /// taken away, whoever holds it.
    pub(crate) fn take(
        seat: &Seat,
        directory: &SeatedDirectory,
        domain: DomainKey,
    ) -> Result<Self, NotLocked> {
        let name = FileName::lock(NameFormat::Libxl, &domain);
        let taken_away = |file: Option<SeatedFile>, holds: bool| {
            let ours = holds
                && file
                    .as_ref()
                    .is_some_and(|file| is_named(directory, &name, file));
            let unlinked = directory.unlink((&name).into());
            if unlinked.is_ok() && !ours {
                record(seat, domain);
            }
            if let Some(file) = file {
                directory.close(file);
            }
            NotLocked
        };
        loop {
            let file = match directory.open_lock((&name).into()) {
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
                Ok(_) | Err(Errno::NOENT) => directory.close(file),
                Err(_) => return Err(taken_away(Some(file), true)),
            }
        }
    }

    /// Whose lock it is.
    pub(crate) const fn domain(&self) -> DomainKey {
        self.domain
    }

    /// Unlinks the lock file, whoever's it is by now, then closes it, which unlocks it.
    pub(crate) fn release(self, seat: &Seat, directory: &SeatedDirectory) {
        let ours = is_named(directory, &self.name, &self.file);
        let unlinked = directory.unlink((&self.name).into());
        if unlinked.is_ok() && !ours {
            record(seat, self.domain);
        }
        directory.close(self.file);
    }
}

/// `flock(fd, LOCK_EX)`, until it succeeds or fails.
fn flock(directory: &SeatedDirectory, file: &SeatedFile) -> Result<(), Errno> {
    loop {
        match directory.lock(file, LockMode::Exclusive) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => directory.pause(WAIT),
            locked => return locked,
        }
    }
}

/// Whether the name stands for this file, looked at from outside.
fn is_named(directory: &SeatedDirectory, name: &FileName, file: &SeatedFile) -> bool {
    let named = directory.inner().metadata_at(name.into());
    let opened = directory.inner().metadata(file.inner());
    matches!((named, opened), (Ok(named), Ok(opened)) if named.identity == opened.identity)
}

/// Notes that somebody else's lock file was taken away.
fn record(seat: &Seat, domain: DomainKey) {
    seat.record(Event::Libxl {
        process: seat.id(),
        bug: LibxlBug::UnlinksWithoutHolding,
        domain,
    });
}
