//! From an errno to the kind of a store error.

use userdata_core::{Operation, StoreError, StoreErrorKind};

use crate::{Errno, Name};

/// The error of an operation on `name` that failed with `errno`.
pub(crate) fn failed(operation: Operation, name: Name<'_>, errno: Errno) -> StoreError {
    StoreError::new(operation, name.as_bytes(), kind_of(errno))
}

/// What an errno means wherever it comes from. Those that mean something only to one call
/// (`ENOENT` of a value, `EAGAIN` of a lock) are dealt with there.
pub(crate) fn kind_of(errno: Errno) -> StoreErrorKind {
    let source = Box::new(errno);
    match errno {
        Errno::ACCESS | Errno::PERM => StoreErrorKind::NotPermitted(source),
        Errno::NOENT | Errno::NOTDIR => StoreErrorKind::NoDirectory(source),
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::NoSpace(source),
        Errno::ROFS => StoreErrorKind::ReadOnly(source),
        Errno::MFILE | Errno::NFILE => StoreErrorKind::TooManyOpenFiles(source),
        _ => StoreErrorKind::Failed(source),
    }
}
