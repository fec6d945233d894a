//! From an errno to the kind of a store error.

use userdata_core::store::StoreErrorKind;

use crate::Errno;

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
