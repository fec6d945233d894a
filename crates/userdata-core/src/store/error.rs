//! `StoreError`: what failed, on which file, and why.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::file_name::NameTooLong;
use crate::store::{Attempt, FileType, Refused, RootRefused};
use crate::userid::escape;
use crate::waited::Waited;
use crate::{Source, Version};

/// The step at which a store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Opening the directory or connection that holds all data.
    OpenStore,
    /// Taking the lock of a domain.
    Lock,
    /// Checking that the lock that is held is still in place.
    CheckLock,
    /// Releasing the lock.
    Unlock,
    /// Inspecting or making the closing mark.
    Mark,
    /// Asking the caller whether the change is admitted.
    Admit,
    /// Reading a value's size and type.
    Inspect,
    /// Reading a value.
    Read,
    /// Comparing the version of a value with the expected one.
    Compare,
    /// Creating a temporary file.
    Create,
    /// Writing a temporary file.
    Write,
    /// Syncing a temporary file.
    SyncFile,
    /// Closing a temporary file.
    Close,
    /// Replacing the value by the temporary file.
    Replace,
    /// Syncing the directory.
    SyncDirectory,
    /// Removing a file.
    Remove,
    /// Listing the directory.
    List,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OpenStore => "open",
            Self::Lock => "lock",
            Self::CheckLock => "check the lock",
            Self::Unlock => "unlock",
            Self::Mark => "mark as closing",
            Self::Admit => "change",
            Self::Inspect => "inspect",
            Self::Read => "read",
            Self::Compare => "compare",
            Self::Create => "create",
            Self::Write => "write",
            Self::SyncFile => "sync",
            Self::Close => "close",
            Self::Replace => "replace",
            Self::SyncDirectory => "sync the directory of",
            Self::Remove => "remove",
            Self::List => "list",
        })
    }
}

/// A store operation that failed. [`StoreError::kind`] says why. The kind is also the error's
/// source, so that a printed chain of errors shows each fact once.
#[derive(Debug, Error)]
#[error("cannot {operation} {}{}{}", Named(.file), part(.in_part), Leftover(.left_behind))]
pub struct StoreError {
    operation: Operation,
    file: Box<[u8]>,
    left_behind: Option<Box<[u8]>>,
    in_part: bool,
    #[source]
    kind: StoreErrorKind,
}

impl StoreError {
    /// An error of this operation on `file`: its name, or the key of another engine's record.
    #[must_use]
    pub fn new(operation: Operation, file: impl AsRef<[u8]>, kind: StoreErrorKind) -> Self {
        Self {
            operation,
            file: file.as_ref().into(),
            left_behind: None,
            in_part: false,
            kind,
        }
    }

    /// The same error, if the temporary file could not be removed either.
    #[must_use]
    pub fn leaving_behind(mut self, file: impl AsRef<[u8]>) -> Self {
        self.left_behind = Some(file.as_ref().into());
        self
    }

    /// The same error, if a part of the change was made before and stays.
    #[must_use]
    pub fn after_a_part(mut self) -> Self {
        self.in_part = true;
        self
    }

    /// The same error, with the files for which `is_within` returns true named as files in this
    /// directory.
    #[must_use]
    pub fn within(
        mut self,
        directory: impl AsRef<[u8]>,
        is_within: impl Fn(&[u8]) -> bool,
    ) -> Self {
        let files = std::iter::once(&mut self.file).chain(&mut self.left_behind);
        for file in files.filter(|file| is_within(file)) {
            *file = [directory.as_ref(), b"/", file].concat().into();
        }
        self
    }

    /// The step that failed.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// The name of the file on which it failed.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// The temporary file that could not be removed, if there is one.
    #[must_use]
    pub fn left_behind(&self) -> Option<&[u8]> {
        self.left_behind.as_deref()
    }

    /// Why it failed.
    #[must_use]
    pub const fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// Whether the change, or a part of it, is in place although the call failed: the new value is
    /// stored, the old one removed, or some values of a transfer moved.
    #[must_use]
    pub const fn is_applied(&self) -> bool {
        self.in_part
            || matches!(
                self.kind,
                StoreErrorKind::ReplacedNotDurable(_)
                    | StoreErrorKind::RemovedNotDurable(_)
                    | StoreErrorKind::LockLeft(_)
                    | StoreErrorKind::LockLost { applied: true }
            )
    }

    /// Whether the value was not the expected one, so that nothing was changed.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self.kind, StoreErrorKind::PreconditionFailed { .. })
    }

    /// Whether another process used the domain's data for as long as the call was allowed to wait.
    /// The same call may succeed later.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::DeadlinePassed { .. } | StoreErrorKind::Held
        )
    }

    /// The refusal, if the change was not admitted.
    ///
    /// # Errors
    ///
    /// The error itself if it failed for another reason.
    pub fn into_refused(self) -> Result<Refused, Self> {
        match self.kind {
            StoreErrorKind::Refused(refused) => Ok(refused),
            kind => Err(Self { kind, ..self }),
        }
    }
}

struct Named<'a>(&'a [u8]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(self.0))
    }
}

struct Leftover<'a>(&'a Option<Box<[u8]>>);

impl fmt::Display for Leftover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(file) => write!(f, " (and could not remove {})", escape(file)),
            None => Ok(()),
        }
    }
}

/// Why a store operation failed. Unless a variant says otherwise, the old value is still in place.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The change was not admitted.
    #[error(transparent)]
    Refused(Refused),
    /// The file of the value is empty. Storing repairs it.
    #[error("the value is empty")]
    Empty,
    /// A link, FIFO, device, socket or directory has the name of the value.
    #[error("it is a {0} and not a regular file")]
    NotRegular(FileType),
    /// The value changed while it was read: another program writes it in place.
    #[error("the value changed while it was read")]
    ChangedWhileRead,
    /// The value is larger than this store stores or reads.
    #[error("the value has {size} bytes and the limit is {limit}")]
    LimitExceeded {
        /// The limit in bytes.
        limit: u64,
        /// The size in bytes.
        size: u64,
    },
    /// The change, of one value or of many, is more than this store makes at once. Nothing was
    /// changed. The pool reports this.
    #[error("the change has {found} {what} and the limit is {limit}")]
    ChangeTooLarge {
        /// What was counted: `operations` or `bytes`.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What was found.
        found: u64,
    },
    /// The value does not fit into the caller's buffer.
    #[error("the value has {size} bytes and the buffer is smaller")]
    BufferTooSmall {
        /// The size of the value in bytes.
        size: u64,
    },
    /// Another value than the expected one was found, and nothing was changed.
    #[error("the value is not the expected one: {}", there(.found))]
    PreconditionFailed {
        /// The version of the value that was found, `None` if there is no value.
        found: Option<Version>,
    },
    /// Another process held the lock, or a lease on the file, until the timeout.
    #[error("another process held it for {}", Waited(*.waited))]
    DeadlinePassed {
        /// How long the call waited.
        waited: Duration,
    },
    /// Another program broke the lock while this process held it. If `applied`, the change is in
    /// place, but another program may have changed the data at the same time.
    #[error("the lock was broken by another program, {}", when(.applied))]
    LockLost {
        /// Whether the change was made before the loss was noticed.
        applied: bool,
    },
    /// The new value is in place. After a power cut there may be the old one again.
    #[error("replaced but not durable: a power cut may bring back the old value")]
    ReplacedNotDurable(#[source] Source),
    /// The value is removed. After a power cut it may be back.
    #[error("removed but not durable: a power cut may bring back the value")]
    RemovedNotDurable(#[source] Source),
    /// The change is made, and the lock file is left behind. It is unlocked, so no process waits
    /// for it.
    #[error("the change is made, but the lock file could not be removed")]
    LockLeft(#[source] Source),
    /// The file name would be longer than file systems accept.
    #[error("the userid is too long for this domain")]
    NameTooLong(#[source] NameTooLong),
    /// The directory (in another engine, the place of all data) does not exist.
    #[error("no such directory")]
    NoDirectory(#[source] Source),
    /// The caller lacks a right.
    #[error("not permitted")]
    NotPermitted(#[source] Source),
    /// No space, no inodes or no quota left.
    #[error("no space left")]
    NoSpace(#[source] Source),
    /// The file system is mounted read-only.
    #[error("the file system is read-only")]
    ReadOnly(#[source] Source),
    /// The process or the system has no file descriptor left.
    #[error("too many open files")]
    TooManyOpenFiles(#[source] Source),
    /// The bounded number of tries was not enough.
    #[error("gave up after {tries} tries")]
    GaveUp {
        /// How many.
        tries: u32,
    },
    /// The lock file was not removed, since another program holds it.
    #[error("another program holds this lock")]
    Held,
    /// This store cannot make a change of this kind.
    #[error("this store does not support such a change")]
    Unsupported,
    /// A pool does not keep this value: its owner reads it from the files of the host, or it is of
    /// Domain-0 or of the nil uuid, which are the same on every host. The pool reports this.
    #[error("a pool does not keep this; it stays in the files of the host")]
    StaysInFiles,
    /// The store returned no outcome.
    #[error("the store returned no outcome")]
    NoOutcome,
    /// The path of the open directory now leads to another directory: the open one was removed and
    /// made again, renamed, or mounted over.
    #[error("the directory was removed, renamed or mounted over while it was in use")]
    DirectoryReplaced,
    /// The directory ignores the case of names, so that the value of one userid would replace that
    /// of another.
    #[error("the directory ignores the case of file names, so two userids could share a file")]
    FoldsCase,
    /// The name of a directory belongs to a file, link, FIFO, device or socket.
    #[error("it is a {0} and not a directory")]
    NotDirectory(FileType),
    /// The directory can't be used in this layout.
    #[error(transparent)]
    Root(RootRefused),
    /// There is not enough memory for the value.
    #[error("out of memory for {size} bytes")]
    OutOfMemory {
        /// The size in bytes.
        size: u64,
    },
    /// The store gave no answer in time, so it is not known whether the change was made. The pool
    /// tells it later, by this attempt.
    #[error(
        "it is not known whether the change was made (attempt {attempt}); 'pool settle' tells it"
    )]
    OutcomeUnknown {
        /// Names the change.
        attempt: Attempt,
    },
    /// The store gave no answer in time, so it is not known whether a membership was changed. The
    /// same call again leads to the same end, and tells it. The pool reports this.
    #[error("it is not known whether the change was made; run the same command again")]
    AnswerLost(#[source] Source),
    /// The store did not answer, and nothing was changed.
    #[error("no answer within {}", Waited(*.waited))]
    Unreachable {
        /// How long the call waited.
        waited: Duration,
        /// Why the last try failed.
        source: Source,
    },
    /// A record of the store is damaged, or a value has another digest than its record.
    #[error("the record is damaged")]
    Damaged(#[source] Source),
    /// Any other failure.
    #[error("the call failed")]
    Failed(#[source] Source),
}

const fn part(in_part: &bool) -> &'static str {
    if *in_part {
        " after a part of the change was made"
    } else {
        ""
    }
}

fn there(found: &Option<Version>) -> String {
    match found {
        Some(version) => format!("its version is {version}"),
        None => "it is absent".to_owned(),
    }
}

const fn when(applied: &bool) -> &'static str {
    if *applied {
        "after the change was made"
    } else {
        "and nothing was changed"
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn no_text_repeats_its_source() {
        let cause = || Source::from("THE CAUSE");
        for kind in [
            StoreErrorKind::Refused(Refused::BeingDestroyed),
            StoreErrorKind::Empty,
            StoreErrorKind::NotRegular(FileType::Fifo),
            StoreErrorKind::LimitExceeded { limit: 3, size: 4 },
            StoreErrorKind::PreconditionFailed {
                found: Some(Version::of(b"")),
            },
            StoreErrorKind::ReplacedNotDurable(cause()),
            StoreErrorKind::LockLeft(cause()),
            StoreErrorKind::NameTooLong(NameTooLong { length: 256 }),
            StoreErrorKind::NoDirectory(cause()),
            StoreErrorKind::AnswerLost(cause()),
            StoreErrorKind::Unreachable {
                waited: Duration::from_secs(1),
                source: cause(),
            },
            StoreErrorKind::Damaged(cause()),
            StoreErrorKind::NotPermitted(cause()),
            StoreErrorKind::NoSpace(cause()),
            StoreErrorKind::Failed(cause()),
        ] {
            let error = StoreError::new(Operation::Replace, "userdata-d.x\n", kind);
            let mut texts = vec![error.to_string()];
            let mut next = error.source();
            while let Some(source) = next {
                texts.push(source.to_string());
                next = source.source();
            }
            assert_eq!(texts[0], r"cannot replace userdata-d.x\n");
            for (at, text) in texts.iter().enumerate() {
                assert!(!text.is_empty());
                for earlier in &texts[..at] {
                    assert!(!earlier.contains(text.as_str()), "{texts:?}");
                }
            }
        }
    }

    #[test]
    fn a_temporary_file_that_stays_is_named() {
        let error = StoreError::new(Operation::Write, "userdata-t.1", StoreErrorKind::Held)
            .leaving_behind("userdata-t.1");
        assert_eq!(
            error.to_string(),
            "cannot write userdata-t.1 (and could not remove userdata-t.1)",
        );
    }
}
