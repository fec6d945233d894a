//! `HostFile`: a simulated host kept in a file that processes share.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use userdata_core::hypervisor::{BootId, DomainNames, HypervisorError};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor};

use crate::transition::Transition;
use crate::{
    Event, EventError, HostFileError, HostFileErrorKind, HostOptions, HostSnapshot, HostState,
};

/// A simulated host kept in a file, for processes that share it: JSON as [`HostState::to_json`]
/// writes it.
///
/// Every question reads the file anew, without a lock: the file is only ever replaced as a whole.
/// [`HostFile::snapshot`] reads it once for many questions. If there is no file, the host is
/// [`HostState::new`] of the options, and the first event creates the file and the directories that
/// lead to it. Two such hosts of one seed draw the same uuids and boot ids.
///
/// A symbolic link to the file is followed, for the lock as well: two paths that lead to one file
/// are one host. (Two hard links are not: an event replaces the file under one name only.)
///
/// An event happens under an exclusive flock(2) on `FILE.lock`, which is created beside the file
/// and stays. The new state is written to `FILE.new`, synced, and renamed over the file. If any of
/// this fails, the old state stays and `FILE.new` is removed. If the process is killed, `FILE.new`
/// may stay, and the next event replaces it. A malformed file is never replaced.
///
/// # Example
///
/// ```
/// use hv_sim::{HostFile, NewDomain};
/// use userdata_core::Hypervisor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("host.json");
/// let web = HostFile::new(&path).create(NewDomain::new().with_name("web"))?;
/// // Another process:
/// assert!(HostFile::new(&path).domain(web.domid)?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HostFile {
    path: PathBuf,
    fresh: HostOptions,
    timeout: Duration,
}

/// Longer than the longest host: 32 752 domains with names of 256 bytes that JSON escapes sixfold.
const BYTES_MAX: u64 = 64 << 20;
/// How long an event waits for the lock, by default.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause between two attempts at the lock.
const PAUSE: Duration = Duration::from_millis(5);
/// How many symbolic links are followed, as many as Linux follows.
const LINKS_MAX: usize = 40;

impl HostFile {
    /// The host in this file, which need not exist; nothing is opened yet.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            fresh: HostOptions::new(0),
            timeout: TIMEOUT,
        }
    }

    /// Sets the options of the host that is used if there is no file yet. Default:
    /// [`HostOptions::new`] with seed 0.
    #[must_use]
    pub fn with_options(mut self, fresh: HostOptions) -> Self {
        self.fresh = fresh;
        self
    }

    /// Sets how long an event waits for the lock. Default: 10 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The path of the file, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state at this moment.
    ///
    /// # Errors
    ///
    /// If the file exists but can't be read, is not a regular file, or is not a host.
    pub fn state(&self) -> Result<HostState, HostFileError> {
        read(&self.path, &self.fresh).map_err(|kind| HostFileError::new("read", &self.path, kind))
    }

    /// The host at this moment, for many questions: the file is read once.
    ///
    /// # Errors
    ///
    /// As [`HostFile::state`].
    pub fn snapshot(&self) -> Result<HostSnapshot, HostFileError> {
        self.state().map(HostSnapshot::new)
    }

    /// Makes `event` happen. Returns the domain that it created, if it creates one.
    ///
    /// # Errors
    ///
    /// If the event can't happen ([`HostFileErrorKind::Event`]), if another process keeps the lock
    /// until the timeout, or if the file can't be read or replaced. In all cases the host is as it
    /// was.
    pub fn apply(&self, event: &Event) -> Result<Option<DomainKey>, HostFileError> {
        self.happen(|now| now.happen(event))
    }

    pub(crate) fn happen<T>(
        &self,
        change: impl FnOnce(&mut Transition<'_>) -> Result<T, EventError>,
    ) -> Result<T, HostFileError> {
        self.change(change)
            .map_err(|kind| HostFileError::new("change", &self.path, kind))
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Transition<'_>) -> Result<T, EventError>,
    ) -> Result<T, HostFileErrorKind> {
        let path = followed(&self.path).map_err(io("follow its symbolic links"))?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(io("create its directory"))?;
        }
        let lock = lock(&path, self.timeout)?;
        let mut state = read(&path, &self.fresh)?;
        let happened = state.transition(change).map_err(HostFileErrorKind::Event)?;
        replace(&path, state.to_json().as_bytes())?;
        drop(lock);
        Ok(happened.result)
    }

    fn ask<T>(
        &self,
        operation: impl FnOnce() -> String,
        answer: impl FnOnce(&HostState) -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        match self.state() {
            Ok(state) => answer(&state),
            Err(error) => Err(error.into_hypervisor_error(operation())),
        }
    }
}

fn read(path: &Path, fresh: &HostOptions) -> Result<HostState, HostFileErrorKind> {
    if !is_regular(path)? {
        return Ok(HostState::new(fresh.clone()));
    }
    let mut json = Vec::new();
    File::open(path)
        .map_err(io("open it"))?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut json)
        .map_err(io("read it"))?;
    if json.len() as u64 > BYTES_MAX {
        return Err(HostFileErrorKind::TooLarge { limit: BYTES_MAX });
    }
    HostState::from_json(&json).map_err(HostFileErrorKind::Malformed)
}

/// The path at the end of a chain of symbolic links, whether or not there is a file.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..=LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // It is not a link, or does not exist.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::NotFound
                ) =>
            {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The lock, held until the file is closed.
fn lock(host: &Path, timeout: Duration) -> Result<File, HostFileErrorKind> {
    let path = beside(host, ".lock");
    is_regular(&path)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io("open its lock file"))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(io("lock it")(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        let waited = start.elapsed();
        if waited >= timeout {
            return Err(HostFileErrorKind::Locked { lock: path, waited });
        }
        std::thread::sleep(PAUSE.min(timeout - waited));
    }
}

/// To be called only under the lock, so that no other process writes the new file meanwhile.
fn replace(path: &Path, json: &[u8]) -> Result<(), HostFileErrorKind> {
    let new = NewFile(beside(path, ".new"));
    new.remove()
        .map_err(io("remove what a killed process left"))?;
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&new.0)
        .map_err(io("create the new file"))?;
    file.write_all(json).map_err(io("write the new file"))?;
    file.sync_all().map_err(io("sync the new file"))?;
    fs::rename(&new.0, path).map_err(io("rename the new file over the old"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    PathBuf::from(path)
}

/// The new file until it replaces the old one. Dropping it removes the file if it is still there.
struct NewFile(PathBuf);

impl NewFile {
    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // The caller reports the failure that led here.
        drop(self.remove());
    }
}

/// Whether the file exists; an error if it is not a regular file. Opening a named pipe would wait
/// for the process at its other end.
fn is_regular(path: &Path) -> Result<bool, HostFileErrorKind> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(HostFileErrorKind::NotRegular {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io("look at it")(error)),
    }
}

fn io(call: &'static str) -> impl FnOnce(io::Error) -> HostFileErrorKind {
    move |source| HostFileErrorKind::Io { call, source }
}

impl Hypervisor for HostFile {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        self.ask(
            || format!("look up domain {domid}"),
            |state| state.domain(domid),
        )
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.ask(|| "list the domains".to_owned(), Hypervisor::domains)
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.ask(
            || format!("ask whether domain {domain} is leaving"),
            |state| state.leaving(domain),
        )
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.ask(|| "name this boot".to_owned(), Hypervisor::boot)
    }
}

/// Unlike [`SimHost`](crate::SimHost), a host in a file knows a domain by its name until the domain
/// is gone: an administrator may still name a domain whose destruction has begun.
impl DomainNames for HostFile {
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        self.ask(
            || format!("look up the name of domain {domid}"),
            |state| Ok(state.last_name(domid).map(str::to_owned)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NAME_BYTES_MAX, NewDomain};

    #[test]
    fn the_largest_host_can_be_read_again() {
        let mut state = HostState::new(HostOptions::new(u64::MAX));
        let bare = state.to_json().len() as u64;
        let longest = NewDomain::new()
            .with_name("\u{1}".repeat(NAME_BYTES_MAX))
            .with_domid(Domid::MAX);
        state.apply(&Event::Create(longest)).unwrap();
        // A domain may grow by this much later: longer numbers, words and reasons.
        let domain = state.to_json().len() as u64 - bare + 100;
        assert!((u64::from(Domid::MAX.get()) + 1) * domain + bare < BYTES_MAX);
    }

    #[test]
    fn a_new_file_that_cannot_be_renamed_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("host.json");
        fs::create_dir_all(path.join("in the way")).unwrap();
        let error = replace(&path, b"{}").unwrap_err();
        assert!(matches!(error, HostFileErrorKind::Io { call, .. } if call.contains("rename")));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
