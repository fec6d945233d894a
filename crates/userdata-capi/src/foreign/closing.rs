//! Clearing and destroying.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use userdata::store::Keep;
use userdata::{Closing, DomainKey};

use super::context::{Ctx, call_on};
use super::log::{Log, call};
use super::pointer::{Opaque, array, give, given, live, taken};
use crate::context::Context;
use crate::domain::target;
use crate::failure::Failure;

/// `USERDATA_CLEAR_ALL`.
const CLEAR_ALL: u32 = 1;

/// `userdata_closing`. It keeps what it needs of the context.
#[derive(Debug)]
#[repr(C)]
pub struct Pending {
    magic: u64,
    context: Arc<Context>,
    log: Option<Log>,
    closing: Closing,
}

// SAFETY: it has C's layout and begins with a `u64`.
unsafe impl Opaque for Pending {
    const MAGIC: u64 = 0x7573_6572_636c_6f73;
    const NAME: &'static str = "closing";
}

/// Removes all data of a domain.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_clear(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    flags: u32,
) -> c_int {
    let clear = |context: &Context, warnings: &mut _| {
        let keep = match flags {
            0 => Keep::Essential,
            CLEAR_ALL => Keep::Nothing,
            _ => return Err(Failure::Unknown("flags")),
        };
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        context.clear(domain, keep, warnings)
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_clear", ctx, clear) }
}

/// Destroys a domain with its data, by the caller's function.
///
/// # Safety
///
/// Each pointer is null or as the header asks for, and `destroy` can be called with `user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_destroy(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    // Written out: cbindgen, which a test prints prototypes with, does not look into an alias here.
    destroy: Option<unsafe extern "C" fn(*mut c_void, u32, *const u8) -> c_int>,
    user: *mut c_void,
    rc_r: *mut c_int,
) -> c_int {
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(rc_r, 0) };
    let run = |context: &Context, warnings: &mut _| {
        let function = destroy.ok_or(Failure::Null("function that destroys the domain"))?;
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        let destroy = |key: &DomainKey| {
            let uuid = key.uuid.as_bytes().as_ptr();
            // SAFETY: the header says what the function gets, and that it returns.
            let code = unsafe { function(user, key.domid.into(), uuid) };
            // SAFETY: the caller promises that it is null or can be written to.
            unsafe { give(rc_r, code) };
            code
        };
        context.destroy(domain, destroy, warnings)
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_destroy", ctx, run) }
}

/// Begins to destroy a domain with its data.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_closing_begin(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    closing_r: *mut *mut Pending,
) -> c_int {
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(closing_r, ptr::null_mut()) };
    // SAFETY: the caller promises that it is null or a context.
    let ctx = unsafe { live(ctx.cast_const()) };
    let log = ctx.as_ref().ok().and_then(|ctx| ctx.log);
    call("userdata_closing_begin", log, |warnings| {
        let context = Arc::clone(&ctx?.context);
        if closing_r.is_null() {
            return Err(Failure::Null("place for the closing"));
        }
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        let closing = context.begin_destroy(domain, warnings)?;
        let pending = Pending {
            magic: Pending::MAGIC,
            context,
            log,
            closing,
        };
        // SAFETY: it is not null, so it can be written to.
        unsafe { give(closing_r, given(pending)) };
        Ok(())
    })
}

/// Ends it, and frees `closing`.
///
/// # Safety
///
/// `closing` is null or of `userdata_closing_begin`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_closing_end(closing: *mut Pending, destroyed: c_int) -> c_int {
    // SAFETY: the caller promises it.
    let pending = unsafe { taken(closing) };
    let log = pending.as_ref().and_then(|pending| pending.log);
    call("userdata_closing_end", log, |warnings| {
        let Pending {
            context, closing, ..
        } = *pending.ok_or(Failure::NotOne(Pending::NAME))?;
        context.end_destroy(closing, destroyed != 0, warnings)
    })
}
