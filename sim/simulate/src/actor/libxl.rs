//! Real libxl, call by call: how it stores, retrieves, unlinks, and destroys a domain.
//!
//! Written from its source (Xen 4.22). Its lock is in `libxl_lock`; its other defects are here. It
//! asks whether *some* domain has the domid, and computes paths anew each time, so that it may hold
//! the lock of one incarnation and change the files of the next. It removes a domain's data before
//! the hypervisor destroys the domain. It crashes when it could not lock a domain that is gone.

use hv_sim::Until;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::{DomainKey, Domid, Hypervisor as _, Userid};
use userdata_fs::{Directory as _, Errno, Name};

use super::directory::{ScheduledDirectory, ScheduledFile};
use super::host::ScheduledHost;
use super::libxl_lock::{LibxlLock, open_or_create};
use super::scheduled_process::ScheduledProcess;
use super::task::LibxlRequest;
use crate::history::{Event, Invocation, LibxlBug, LibxlCall, Response};

/// `ERROR_FAIL`.
const FAIL: i32 = -3;
/// `ERROR_NOMEM`, whenever a path can't be computed.
const NOMEM: i32 = -5;
/// `ERROR_LOCK_FAIL`.
const LOCK_FAIL: i32 = -15;

/// The largest file that it reads, `INT_MAX`.
const SIZE_MAX: u64 = i32::MAX as u64;

/// The part of a name that makes libxl's clean-up leave a file.
const LOCK_WORD: &[u8] = b"domain-userdata-lock";

/// A process that uses real libxl.
pub(crate) struct Libxl {
    host: ScheduledHost,
    directory: ScheduledDirectory,
}

type Answered = (i32, Option<Vec<u8>>);

impl Libxl {
    pub(crate) const fn new(host: ScheduledHost, directory: ScheduledDirectory) -> Self {
        Self { host, directory }
    }

    fn scheduled(&self) -> &ScheduledProcess {
        self.host.scheduled()
    }

    pub(crate) fn perform(&self, domid: Domid, request: &LibxlRequest) {
        let call = match request.clone() {
            LibxlRequest::Store(userid, data) => LibxlCall::Store {
                domid,
                userid,
                data,
            },
            LibxlRequest::Retrieve(userid) => LibxlCall::Retrieve { domid, userid },
            LibxlRequest::Unlink(userid) => LibxlCall::Unlink { domid, userid },
            LibxlRequest::Destroy => LibxlCall::Destroy { domid },
        };
        let scheduled = self.scheduled();
        let process = scheduled.id();
        let id = scheduled.recorder().begin(process, Invocation::Libxl(call));
        scheduled.trace(|| format!("[{}] libxl {request} of {domid}", id.0));
        let (rc, data) = match request {
            LibxlRequest::Store(userid, data) => self.locked(domid, |lock| {
                (self.store(domid, userid, data, lock.domain()), None)
            }),
            LibxlRequest::Retrieve(userid) => self.locked(domid, |_| self.retrieve(domid, userid)),
            LibxlRequest::Unlink(userid) => self.locked(domid, |lock| {
                let unlinked = self.unlink(domid, userid, lock.domain());
                (unlinked.map_or_else(|rc| rc, |()| 0), None)
            }),
            LibxlRequest::Destroy => (self.destroy(domid), None),
        };
        scheduled.trace(|| format!("[{}] rc {rc}", id.0));
        let response = Response::Libxl { rc, data };
        scheduled.record(Event::Responded {
            process,
            id,
            response,
        });
    }

    /// `libxl_domain_info`: the key of the domain that has the domid now, in whatever phase.
    fn domain_info(&self, domid: Domid) -> Option<DomainKey> {
        let domain = self.host.domain(domid).ok().flatten()?;
        Some(domain.key)
    }

    /// Does something under the lock, `libxl__lock_domain_userdata`.
    fn locked(&self, domid: Domid, body: impl FnOnce(&LibxlLock) -> Answered) -> Answered {
        let Some(lock) = self.lock(domid) else {
            return (LOCK_FAIL, None);
        };
        let answered = body(&lock);
        lock.release(self.scheduled(), &self.directory);
        answered
    }

    fn lock(&self, domid: Domid) -> Option<LibxlLock> {
        let domain = self.domain_info(domid)?;
        let lock = LibxlLock::take(self.scheduled(), &self.directory, domain);
        match (lock, self.domain_info(domid)) {
            (Ok(lock), Some(_)) => Some(lock),
            (Ok(lock), None) => {
                lock.release(self.scheduled(), &self.directory);
                None
            }
            (Err(_), Some(_)) => None,
            // It unlocks a lock that it does not have: a null pointer.
            (Err(_), None) => {
                self.scheduled().record_kill();
                self.scheduled().kill();
                None
            }
        }
    }

    /// `libxl__userdata_path` for a value that is about to be changed.
    fn changed_path(&self, domid: Domid, locked: DomainKey) -> Option<DomainKey> {
        let domain = self.domain_info(domid)?;
        if domain != locked {
            self.scheduled().record(Event::Libxl {
                process: self.scheduled().id(),
                bug: LibxlBug::LocksAnotherIncarnation,
                domain,
            });
        }
        Some(domain)
    }

    /// `libxl__userdata_store`.
    fn store(&self, domid: Domid, userid: &Userid, data: &[u8], locked: DomainKey) -> i32 {
        let Some(target) = self.changed_path(domid, locked).and_then(data_file(userid)) else {
            return NOMEM;
        };
        if data.is_empty() {
            // `userdata_delete` answers with a positive errno.
            let unlinked = self.directory.unlink((&target).into());
            return unlinked.map_or_else(Errno::raw, |()| 0);
        }
        let Some(new) = self.changed_path(domid, locked).map(new_file(userid)) else {
            return NOMEM;
        };
        match self.replace(&new, &target, data) {
            Ok(()) => 0,
            Err(_) => FAIL,
        }
    }

    /// Writes the temporary file, the same for all writers, and renames it. A failure leaves it.
    fn replace(&self, new: &[u8], target: &FileName, data: &[u8]) -> Result<(), Errno> {
        let new = Name::new(new).ok_or(Errno::INVAL)?;
        let file = open_or_create(&self.directory, new)?;
        self.directory.inner().truncate(file.inner())?;
        let mut rest = data;
        while !rest.is_empty() {
            match self.directory.write(&file, rest) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    // As libxl does, which looks at the result of the last close alone.
                    let _ = self.directory.close(file);
                    return Err(errno);
                }
            }
        }
        self.directory.close(file)?;
        self.directory.rename(new, target.into())
    }

    /// `libxl__userdata_retrieve`.
    fn retrieve(&self, domid: Domid, userid: &Userid) -> Answered {
        let Some(target) = self.domain_info(domid).and_then(data_file(userid)) else {
            return (NOMEM, None);
        };
        let file = match self.directory.open((&target).into()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return (0, None),
            Err(_) => return (FAIL, None),
        };
        let read = self.read(&file);
        let _ = self.directory.close(file);
        match read {
            Ok(data) if !data.is_empty() => (0, Some(data)),
            _ => (FAIL, None),
        }
    }

    /// `libxl_read_file_contents`, which reads with stdio.
    fn read(&self, file: &ScheduledFile) -> Result<Vec<u8>, Errno> {
        let metadata = self.directory.metadata(file)?;
        if metadata.file_type != userdata_core::store::FileType::Regular {
            return Err(Errno::INVAL);
        }
        if metadata.size > SIZE_MAX {
            return Err(Errno::FBIG);
        }
        let mut data = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.directory.read(file, &mut buffer)? {
                0 => return Ok(data),
                count => data.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            }
        }
    }

    /// The body of `libxl_userdata_unlink`.
    fn unlink(&self, domid: Domid, userid: &Userid, locked: DomainKey) -> Result<(), i32> {
        let target = self.changed_path(domid, locked).and_then(data_file(userid));
        let target = target.ok_or(FAIL)?;
        self.directory.unlink((&target).into()).map_err(|_| FAIL)
    }

    /// `libxl_domain_destroy`: removes the domain from xenstore, then its userdata, and only then
    /// tells the hypervisor. If it can't lock, the domain stays, half destroyed.
    fn destroy(&self, domid: Domid) -> i32 {
        if self.domain_info(domid).is_none() {
            return FAIL;
        }
        let until = |until| hv_sim::Event::Destroy { domid, until };
        // It goes on if another process is destroying the domain, too.
        let _ = self.host.apply(&until(Until::Leaving));
        if !self.clear_locked(domid) {
            return LOCK_FAIL;
        }
        for phase in [Until::Dying, Until::Dead, Until::Gone] {
            let _ = self.host.apply(&until(phase));
        }
        0
    }

    /// Removes a domain's userdata; false if it could not lock.
    pub(crate) fn clear_locked(&self, domid: Domid) -> bool {
        let Some(lock) = self.lock(domid) else {
            return false;
        };
        self.destroy_all(domid, lock.domain());
        lock.release(self.scheduled(), &self.directory);
        true
    }

    /// `libxl__userdata_destroyall`: returns no errors.
    fn destroy_all(&self, domid: Domid, locked: DomainKey) {
        let Some(domain) = self.changed_path(domid, locked) else {
            return;
        };
        let owned = format!(".{domain}.");
        let is_owned = |name: &[u8]| {
            let rest = name
                .strip_prefix(b"userdata-")
                .and_then(|rest| rest.get(1..));
            rest.is_some_and(|rest| rest.starts_with(owned.as_bytes()))
                && !name.windows(LOCK_WORD.len()).any(|part| part == LOCK_WORD)
        };
        let mut names = Vec::new();
        let listed = self.directory.list(&mut |name| {
            if is_owned(name.as_bytes()) {
                names.push(name.as_bytes().to_vec());
            }
            std::ops::ControlFlow::Continue(())
        });
        // GLOB_ERR: then nothing matches.
        if listed.is_err() {
            return;
        }
        for name in &names {
            if let Some(name) = Name::new(name) {
                let _ = self.directory.unlink(name);
            }
        }
    }
}

/// The file of a value.
fn data_file(userid: &Userid) -> impl Fn(DomainKey) -> Option<FileName> {
    |domain| FileName::data(NameFormat::Libxl, &domain, userid).ok()
}

/// The name of libxl's temporary file: all its writers use the same.
fn new_file(userid: &Userid) -> impl Fn(DomainKey) -> Vec<u8> {
    |domain| {
        [
            format!("userdata-n.{domain}.").as_bytes(),
            userid.as_bytes(),
        ]
        .concat()
    }
}
