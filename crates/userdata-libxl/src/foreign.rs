//! The functions that C calls, and the functions of C that they call. The one module with `unsafe`
//! code.
#![expect(
    unsafe_code,
    reason = "pointers come from C, and its promises are in its headers"
)]

use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::slice;

use crate::call::{Asked, Retrieved};
use crate::failure::Failure;
use crate::host;

/// The beginning of `struct libxl__ctx`: the first member is the logger in every release from Xen
/// 4.2 to 4.23.
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    logger: *mut c_void,
}

/// The type of `xtl_log`.
type XtlLog = unsafe extern "C" fn(*mut c_void, c_int, c_int, *const c_char, *const c_char, ...);

/// `XTL_ERROR` of `xentoollog.h`.
const XTL_ERROR: c_int = 8;

/// `libxl_userdata_store`: replaces the value under a userid, or creates it; no bytes remove it.
///
/// Returns 0, -15 (`ERROR_LOCK_FAIL`) if there is no such domain, if it is being destroyed, or if
/// its lock was not to be had for 10 seconds, -6 (`ERROR_INVAL`) for a null pointer or a negative
/// length, -5 (`ERROR_NOMEM`), and otherwise -3 (`ERROR_FAIL`). After -3 the old value is in place,
/// unless the message says that the new one is.
///
/// # Safety
///
/// Each pointer is null or as `libxl.h` asks for: `ctx` is a context of libxl, `userid` a string,
/// and `datalen` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_userdata_store(
    ctx: *const Context,
    domid: u32,
    userid: *const c_char,
    data: *const u8,
    datalen: c_int,
) -> c_int {
    // SAFETY: the caller promises that it is null or a context until this function returns.
    let context = unsafe { ctx.as_ref() };
    // SAFETY: the caller promises that it is null or a string until this function returns.
    let userid = unsafe { string(userid) };
    guarded("libxl_userdata_store", context, domid, userid, |asked| {
        let length = usize::try_from(datalen).map_err(|_| Failure::NegativeLength)?;
        let data = match NonNull::new(data.cast_mut()) {
            // SAFETY: the caller promises that these bytes can be read, and an `int` is no more
            // than `isize::MAX`.
            Some(data) => unsafe { slice::from_raw_parts(data.as_ptr(), length) },
            None if length == 0 => &[],
            None => return Err(Failure::Null("data")),
        };
        asked.store(data, host::open)
    })
}

/// `libxl_userdata_retrieve`: the value under a userid, in memory of `malloc`. If there is none,
/// the call succeeds with `NULL` and 0. It takes no lock, and needs no more than the hypervisor's
/// device and the file.
///
/// If `data_r` is null, only the length is found out. Both results are defined whatever is
/// returned: `NULL` and 0 unless there is a value.
///
/// Returns 0, -15 (`ERROR_LOCK_FAIL`) if there is no such domain or no directory, -6
/// (`ERROR_INVAL`) for a null pointer, -5 (`ERROR_NOMEM`), and otherwise -3 (`ERROR_FAIL`).
///
/// # Safety
///
/// Each pointer is null or as `libxl.h` asks for: `ctx` is a context of libxl, `userid` a string,
/// and `data_r` and `datalen_r` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_userdata_retrieve(
    ctx: *const Context,
    domid: u32,
    userid: *const c_char,
    data_r: *mut *mut u8,
    datalen_r: *mut c_int,
) -> c_int {
    let give = |data: *mut u8, length: c_int| {
        if !data_r.is_null() {
            // SAFETY: the caller promises that a pointer that is not null can be written to.
            unsafe { data_r.write(data) };
        }
        if !datalen_r.is_null() {
            // SAFETY: as above.
            unsafe { datalen_r.write(length) };
        }
    };
    give(ptr::null_mut(), 0);
    // SAFETY: the caller promises that it is null or a context until this function returns.
    let context = unsafe { ctx.as_ref() };
    // SAFETY: the caller promises that it is null or a string until this function returns.
    let userid = unsafe { string(userid) };
    guarded("libxl_userdata_retrieve", context, domid, userid, |asked| {
        // The store refuses values that are larger than an `int` can say.
        match asked.retrieve(data_r.is_null(), host::open)? {
            Retrieved::Nothing => {}
            Retrieved::Size(size) => {
                give(ptr::null_mut(), c_int::try_from(size).unwrap_or(c_int::MAX))
            }
            Retrieved::Value(value) => {
                let length = c_int::try_from(value.len()).unwrap_or(c_int::MAX);
                give(allocated(&value)?.as_ptr(), length);
            }
        }
        Ok(())
    })
}

/// `libxl_userdata_unlink`: removes the value under a userid.
///
/// Returns 0, -15 (`ERROR_LOCK_FAIL`) if there is no such domain or if its lock was not to be had
/// for 10 seconds, -6 (`ERROR_INVAL`) for a null pointer, and otherwise -3 (`ERROR_FAIL`), also if
/// there is no value.
///
/// # Safety
///
/// Each pointer is null or as `libxl.h` asks for: `ctx` is a context of libxl, and `userid` a
/// string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_userdata_unlink(
    ctx: *const Context,
    domid: u32,
    userid: *const c_char,
) -> c_int {
    // SAFETY: the caller promises that it is null or a context until this function returns.
    let context = unsafe { ctx.as_ref() };
    // SAFETY: the caller promises that it is null or a string until this function returns.
    let userid = unsafe { string(userid) };
    guarded("libxl_userdata_unlink", context, domid, userid, |asked| {
        asked.unlink(host::open)
    })
}

/// The bytes of a string, or `None` for a null pointer.
///
/// # Safety
///
/// The pointer is null, or the string is there for as long as the result is used.
unsafe fn string<'a>(string: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller promises that it is a string.
    let of = |string: NonNull<c_char>| unsafe { CStr::from_ptr(string.as_ptr()) }.to_bytes();
    NonNull::new(string.cast_mut()).map(of)
}

/// A copy in memory of `malloc`. It is not null even if there are no bytes.
fn allocated(bytes: &[u8]) -> Result<NonNull<u8>, Failure> {
    // SAFETY: `malloc` may be called with any size.
    let memory = unsafe { libc::malloc(bytes.len().max(1)) };
    let memory: NonNull<u8> = NonNull::new(memory.cast()).ok_or(Failure::NoMemory(bytes.len()))?;
    // SAFETY: the memory is new and at least as long as `bytes`.
    unsafe {
        memory
            .as_ptr()
            .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
    };
    Ok(memory)
}

/// Makes a call: keeps a panic from C, tells the caller's logger why the call failed, and sets or
/// keeps `errno`.
fn guarded(
    function: &'static str,
    context: Option<&Context>,
    domid: u32,
    userid: Option<&[u8]>,
    call: impl FnOnce(Asked<'_>) -> Result<(), Failure>,
) -> c_int {
    let before = errno();
    let asked = userid.map(|userid| Asked { domid, userid });
    let made = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "probe")]
        crate::probe::enter(function);
        context.ok_or(Failure::Null("context"))?;
        call(asked.ok_or(Failure::Null("userid"))?)
    }));
    let failed = made
        .unwrap_or_else(|panic| Err(Failure::Panic(text(&*panic))))
        .err();
    if let Some(failure) = failed.as_ref().filter(|failure| failure.is_logged()) {
        // If the line cannot be written, the failure of the call is still returned.
        let _ = catch_unwind(AssertUnwindSafe(|| tell(context, function, failure)));
    }
    let code = failed.as_ref().map_or(0, Failure::code);
    #[cfg(feature = "probe")]
    crate::probe::leave(function, asked, code);
    set_errno(failed.as_ref().map_or(before, Failure::errno));
    code
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}

/// Tells why a call failed: the logger of the context, or standard error if there is none.
fn tell(context: Option<&Context>, function: &str, failure: &Failure) {
    let line = format!("{function}: {}", failure.line());
    let logger = context.and_then(|context| NonNull::new(context.logger));
    let log = NonNull::new(
        // SAFETY: the name is a string, and looking it up calls nothing.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"xtl_log".as_ptr()) },
    );
    match (logger, log, CString::new(line.as_bytes())) {
        (Some(logger), Some(log), Ok(line)) => {
            // SAFETY: the function of this name is that of libxentoollog, in which libxl writes its
            // own messages, and has had this type since Xen 4.1.
            let log = unsafe { std::mem::transmute::<NonNull<c_void>, XtlLog>(log) };
            let (context, format) = (c"userdata".as_ptr(), c"%s".as_ptr());
            // SAFETY: the logger is that of the context, -1 says that there is no errno, and the
            // format takes one string.
            unsafe {
                log(
                    logger.as_ptr(),
                    XTL_ERROR,
                    -1,
                    context,
                    format,
                    line.as_ptr(),
                )
            };
        }
        _ => {
            // One write and no lock of Rust's, which a thread could hold while another one forks.
            let _ = rustix::io::write(rustix::stdio::stderr(), format!("{line}\n").as_bytes());
        }
    }
}

/// `errno` of this thread.
fn errno() -> c_int {
    // SAFETY: the function has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: it points to a variable that lives as long as the thread.
    unsafe { errno.read() }
}

fn set_errno(number: c_int) {
    // SAFETY: the function has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: it points to a variable that lives as long as the thread, and no reference to it is
    // ever made.
    unsafe { errno.write(number) };
}
