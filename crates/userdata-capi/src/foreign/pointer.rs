//! Pointers of C as values of Rust.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::slice;

use crate::failure::Failure;

/// Something that C has only pointers to. A freed one is recognised as long as its memory is not
/// used again.
///
/// # Safety
///
/// The type has C's layout, and begins with a `u64`.
pub(super) unsafe trait Opaque: Sized {
    /// The number with which a live one begins.
    const MAGIC: u64;
    /// Its name in messages.
    const NAME: &'static str;
}

/// What a pointer to an opaque type points to.
///
/// # Safety
///
/// The pointer is null, or of a value that lives for as long as the result is used.
pub(super) unsafe fn live<'a, T: Opaque>(pointer: *const T) -> Result<&'a T, Failure> {
    if pointer.is_null() {
        return Err(Failure::Null(T::NAME));
    }
    if !pointer.is_aligned() {
        return Err(Failure::Misaligned(T::NAME));
    }
    // SAFETY: it is aligned and the caller promises that it lives. A caller that breaks the promise
    // and passes what was freed reads memory that the allocator still has, in most cases.
    let magic = unsafe { pointer.cast::<u64>().read_volatile() };
    if magic != T::MAGIC {
        return Err(Failure::NotOne(T::NAME));
    }
    // SAFETY: as above, and the number says that it is one.
    Ok(unsafe { &*pointer })
}

/// A pointer for C to a value that `taken` frees.
pub(super) fn given<T: Opaque>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// The value of such a pointer, which C may use no more. `None` for a null pointer and for one that
/// is not live.
///
/// # Safety
///
/// The pointer is null or was made by `given`, and is not used by another thread.
pub(super) unsafe fn taken<T: Opaque>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: the caller promises that it is null or lives.
    unsafe { live(pointer) }.ok()?;
    // SAFETY: it is live. Once this is written, a second free is recognised.
    unsafe { pointer.cast::<u64>().write_volatile(0) };
    // SAFETY: it was made by `Box::into_raw`, and was live until now.
    Some(unsafe { Box::from_raw(pointer) })
}

/// Writes a result, if the caller wants it.
///
/// # Safety
///
/// The pointer is null, or can be written to.
pub(super) unsafe fn give<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller promises that it can be written to.
        unsafe { place.write_unaligned(value) };
    }
}

/// A string, or `None` for a null pointer.
///
/// # Safety
///
/// The pointer is null, or the string is there for as long as the result is used.
pub(super) unsafe fn string<'a>(string: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller promises that it is a string.
    NonNull::new(string.cast_mut()).map(|string| unsafe { CStr::from_ptr(string.as_ptr()) })
}

/// The bytes of a string, or `None` for a null pointer.
///
/// # Safety
///
/// That of [`string`].
pub(super) unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller promises it.
    unsafe { string(text) }.map(CStr::to_bytes)
}

/// The bytes of a value. The pointer may be null if there are none.
///
/// # Safety
///
/// If the pointer is not null, the bytes can be read for as long as the result is used.
pub(super) unsafe fn data<'a>(data: *const c_void, length: usize) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if length > isize::MAX.unsigned_abs() {
        return Err(Failure::TooLarge(length));
    }
    let data = NonNull::new(data.cast_mut()).ok_or(Failure::Null("data"))?;
    // SAFETY: the caller promises that these bytes can be read, and they are no more than
    // `isize::MAX`.
    Ok(unsafe { slice::from_raw_parts(data.as_ptr().cast(), length) })
}

/// An array of bytes, or `None` for a null pointer.
///
/// # Safety
///
/// The pointer is null, or `N` bytes can be read at it.
pub(super) unsafe fn array<const N: usize>(bytes: *const u8) -> Option<[u8; N]> {
    let bytes: NonNull<[u8; N]> = NonNull::new(bytes.cast_mut())?.cast();
    // SAFETY: the caller promises that these bytes can be read, and bytes need no alignment.
    Some(unsafe { bytes.read() })
}

/// A copy in memory of `malloc`, and behind it a NUL.
pub(super) fn allocated(bytes: &[u8]) -> Result<NonNull<c_void>, Failure> {
    let size = bytes.len();
    // SAFETY: `malloc` may be called with any size.
    let memory = unsafe { libc::malloc(size.saturating_add(1)) };
    let memory = NonNull::new(memory).ok_or(Failure::NoMemory(size))?;
    let start: *mut u8 = memory.as_ptr().cast();
    // SAFETY: the memory is new and longer than `bytes`.
    unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), size) };
    // SAFETY: the memory has one byte more.
    let end = unsafe { start.add(size) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Ok(memory)
}

/// `errno` of this thread.
pub(super) fn errno() -> c_int {
    // SAFETY: the function has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: it points to a variable that lives as long as the thread.
    unsafe { errno.read() }
}

pub(super) fn set_errno(number: c_int) {
    // SAFETY: the function has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: it points to a variable that lives as long as the thread, and no reference to it is
    // ever made.
    unsafe { errno.write(number) };
}
