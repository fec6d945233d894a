//! Structs of C that begin with their size.

use std::slice;

use crate::failure::Failure;

/// No struct of any release is larger.
const SIZE_MAX: usize = 4096;

/// A struct that begins with its size, as the program knows it.
///
/// # Safety
///
/// The type has C's layout and begins with a `usize`. Each of its members may be zero, and holds
/// any bytes that its writer may have given it.
pub(super) unsafe trait BySize: Copy {
    /// Its name in messages.
    const NAME: &'static str;
}

/// Reads a struct of the caller. A longer one, of a newer header, is accepted if the members that
/// this library does not know are zero.
///
/// # Safety
///
/// The pointer is null, or points to a struct of its own size.
pub(super) unsafe fn sized<T: BySize>(pointer: *const T) -> Result<Option<T>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    if !pointer.is_aligned() {
        return Err(Failure::Misaligned(T::NAME));
    }
    // SAFETY: it is aligned, and every struct begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    // The first release has no shorter ones.
    if size < size_of::<T>() {
        return Err(Failure::NoSize(T::NAME));
    }
    if size > SIZE_MAX {
        return Err(Failure::Newer(T::NAME));
    }
    // SAFETY: the caller promises that the struct has this size.
    let bytes: &[u8] = unsafe { slice::from_raw_parts(pointer.cast(), size) };
    let unknown = bytes.get(size_of::<T>()..).unwrap_or_default();
    if unknown.iter().any(|&byte| byte != 0) {
        return Err(Failure::Newer(T::NAME));
    }
    // SAFETY: it is aligned, and has at least the size of the type.
    Ok(Some(unsafe { pointer.read() }))
}
