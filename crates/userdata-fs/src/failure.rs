//! The kind of store error for an errno.

use userdata_core::store::StoreErrorKind;

use crate::Errno;

/// The kind for an errno that means the same for every call. An errno with a meaning of its own for
/// one call (`ENOENT` of a value, `EAGAIN` of a lock) is handled at that call.
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
