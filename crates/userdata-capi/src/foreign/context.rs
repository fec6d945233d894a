//! Opening and closing a context, and what needs none.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use super::log::{Log, LogFn, call, calm};
use super::pointer::{Opaque, give, given, live, string, taken};
use super::sized::{BySize, sized};
use crate::code;
use crate::context::{Context, Warnings};
use crate::failure::Failure;
use crate::options::{API, Given};

/// `userdata_ctx`.
#[derive(Debug)]
#[repr(C)]
pub struct Ctx {
    magic: u64,
    pub(super) context: Arc<Context>,
    pub(super) log: Option<Log>,
}

// SAFETY: it has C's layout and begins with a `u64`.
unsafe impl Opaque for Ctx {
    const MAGIC: u64 = 0x7573_6572_6461_7461;
    const NAME: &'static str = "context";
}

/// `userdata_options`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RawOptions {
    pub(crate) size: usize,
    pub(crate) hypervisor: *const c_char,
    pub(crate) directory: *const c_char,
    pub(crate) log: Option<LogFn>,
    pub(crate) log_user: *mut c_void,
    pub(crate) deadline_ms: u32,
    pub(crate) durability: u32,
    pub(crate) value_max: u64,
    pub(crate) flags: u64,
}

// SAFETY: it has C's layout, begins with its size, and is numbers and pointers that may be null.
unsafe impl BySize for RawOptions {
    const NAME: &'static str = "options";
}

/// Opens the userdata of the host.
///
/// # Safety
///
/// `ctx_r` is null or can be written to, and `options` is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_ctx_alloc(
    ctx_r: *mut *mut Ctx,
    api: u32,
    options: *const RawOptions,
) -> c_int {
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(ctx_r, ptr::null_mut()) };
    // SAFETY: the caller promises that it is null or a struct of its own size.
    let options = unsafe { sized(options) };
    let log = options.as_ref().ok().copied().flatten().and_then(log_of);
    call("userdata_ctx_alloc", log, |_| {
        if ctx_r.is_null() {
            return Err(Failure::Null("place for the context"));
        }
        if api != API {
            return Err(Failure::Api { asked: api });
        }
        let options = options?;
        let given_options = options.map_or_else(Given::default, |options| Given {
            // SAFETY: the caller promises that it is null or a string.
            hypervisor: unsafe { string(options.hypervisor) },
            // SAFETY: as above.
            directory: unsafe { string(options.directory) },
            deadline_ms: options.deadline_ms,
            durability: options.durability,
            value_max: options.value_max,
            flags: options.flags,
        });
        let context = Context::open(&given_options.check()?)?;
        let ctx = Ctx {
            magic: Ctx::MAGIC,
            context: Arc::new(context),
            log,
        };
        // SAFETY: it is not null, so it can be written to.
        unsafe { give(ctx_r, given(ctx)) };
        Ok(())
    })
}

fn log_of(options: RawOptions) -> Option<Log> {
    let user = options.log_user;
    options.log.map(|function| Log { function, user })
}

/// Frees a context.
///
/// # Safety
///
/// `ctx` is null or a context that no thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_ctx_free(ctx: *mut Ctx) {
    // SAFETY: the caller promises it.
    calm(|| drop(unsafe { taken(ctx) }));
}

/// The version of the library that runs.
#[unsafe(no_mangle)]
pub extern "C" fn userdata_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// A text for a code.
#[unsafe(no_mangle)]
pub extern "C" fn userdata_strerror(code: c_int) -> *const c_char {
    code::text(code).as_ptr()
}

/// Makes a call on a context.
///
/// # Safety
///
/// `ctx` is null or a context that lives until the call returns.
pub(super) unsafe fn call_on(
    function: &str,
    ctx: *const Ctx,
    body: impl FnOnce(&Context, &mut Warnings) -> Result<(), Failure>,
) -> c_int {
    // SAFETY: the caller promises that it is null or lives.
    let ctx = unsafe { live(ctx) };
    let log = ctx.as_ref().ok().and_then(|ctx| ctx.log);
    call(function, log, |warnings| body(&ctx?.context, warnings))
}
