//! `Faults`: calls that fail when they are told to.
//!
//! [`CallKind::errnos`] lists what the kernel can answer on ext4, xfs, btrfs, tmpfs, NFS, FUSE and
//! overlayfs, whatever the directory holds. Every walk makes each of these happen:
//!
//! | errno | calls | where it comes from |
//! |---|---|---|
//! | `EACCES`, `EPERM` | by name | modes, an immutable file or directory, a server's own rules |
//! | `EAGAIN` | open, open_lock; lock | a lease of another process; its lock |
//! | `EBADF` | lock | NFS: an exclusive lock of a file that is open for reading |
//! | `EBUSY` | renames, unlink | a mount point; FUSE |
//! | `EDQUOT`, `ENOSPC` | create, write, sync, close, renames, link | quota, space (NFS: late) |
//! | `ENOSPC` | unlink | btrfs, which copies on write |
//! | `EEXIST` | create | a random number that was drawn before |
//! | `EFBIG` | write | `RLIMIT_FSIZE`, where `SIGXFSZ` is ignored |
//! | `EINTR` | most | a signal during a call to a server (NFS with `intr`, FUSE) |
//! | `EINVAL` | sync of a directory | network file systems that cannot |
//! | `EINVAL`, `ENOSYS` | rename_no_replace | a file system, or a kernel, without this call |
//! | `EIO` | all | the device or the server |
//! | `EMFILE`, `ENFILE`, `ENOMEM` | opens, list | limits of the process and the host |
//! | `EMLINK` | link | too many names of one file |
//! | `ENOLCK`, `EOPNOTSUPP` | lock; link | a server without locks; a file system without links |
//! | `ENOTCONN` | read | FUSE whose server has ended |
//! | `EOVERFLOW` | metadata, list | 32-bit programs |
//! | `EROFS` | whatever changes | mounted read-only, or remounted after an error |
//! | `ESTALE` | all of NFS | the server has lost the file |
//! | `ETXTBSY` | open_lock | the file is a program that runs |
//! | `EXDEV` | renames, link | project quotas, overlayfs, bind mounts |
//!
//! Errors that tell of the state of a name (`ENOENT`, `ELOOP`, `EISDIR`, `ENOTDIR`, `ENXIO`,
//! `ENODEV`, `ENOTEMPTY`, `ENAMETOOLONG`) are not in the list: a test plants such a name instead.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use userdata_fs::Errno;

use crate::call::{Call, CallKind};
use crate::interceptor::{Interceptor, Verdict};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// When.
    pub at: At,
    /// In which way.
    pub how: How,
}

/// Which call a fault strikes, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// The call of this number, among those that can fail.
    Call(usize),
    /// The call of this number among those of one kind.
    Kind(CallKind, usize),
}

/// In which way a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is not made, and answers this.
    Fails(Errno),
    /// It gets only this far, see [`CallKind::shorts`].
    Short(usize),
}

impl Fault {
    /// The number of the call that it strikes, or the first that it may strike.
    #[must_use]
    pub const fn call(&self) -> usize {
        match self.at {
            At::Call(number) | At::Kind(_, number) => number,
        }
    }
}

/// What goes wrong in which call. Clones share the count of calls.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    calls: Vec<CallKind>,
    /// How many of each kind.
    of_kind: BTreeMap<CallKind, usize>,
    struck: usize,
}

impl Faults {
    /// These faults, in calls that are counted from now on.
    #[must_use]
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let state = State {
            faults: faults.into_iter().collect(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The calls that were made and can fail.
    #[must_use]
    pub fn calls(&self) -> Vec<CallKind> {
        self.state().calls.clone()
    }

    /// How many faults have struck.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.state().struck
    }

    /// Counts the calls anew from now on, in which these faults strike.
    pub fn begin(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.state() = State {
            faults: faults.into_iter().collect(),
            ..State::default()
        };
    }

    /// From now on nothing goes wrong.
    pub fn cease(&self) {
        self.state().faults.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every fault that can strike the calls of this list, from number `first` on.
pub fn every_fault(calls: &[CallKind], first: usize) -> impl Iterator<Item = Fault> {
    calls
        .iter()
        .enumerate()
        .skip(first)
        .flat_map(|(number, kind)| {
            let fails = kind.errnos().iter().map(|errno| How::Fails(*errno));
            let shorts = kind.shorts().iter().map(|length| How::Short(*length));
            let at = At::Call(number);
            fails.chain(shorts).map(move |how| Fault { at, how })
        })
}

impl Interceptor for Faults {
    fn before(&self, _process: u32, call: &Call<'_>) -> Verdict {
        let kind = call.kind();
        if kind.errnos().is_empty() {
            return Verdict::Proceed;
        }
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(kind);
        let count = state.of_kind.entry(kind).or_default();
        let of_kind = *count;
        *count += 1;
        let strikes = |fault: &&Fault| match fault.at {
            At::Call(at) => at == number,
            At::Kind(at_kind, at) => at_kind == kind && at == of_kind,
        };
        let Some(how) = state.faults.iter().find(strikes).map(|fault| fault.how) else {
            return Verdict::Proceed;
        };
        state.struck += 1;
        match how {
            How::Fails(errno) => Verdict::Fail(errno),
            How::Short(length) => Verdict::Short(length),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            At::Call(number) => write!(f, "call {number} "),
            At::Kind(kind, number) => write!(f, "{kind:?} {number} "),
        }?;
        match self.how {
            How::Fails(errno) => write!(f, "fails with {errno:?}"),
            How::Short(length) => write!(f, "stops after {length}"),
        }
    }
}
