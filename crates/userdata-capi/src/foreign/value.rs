//! Single values: store, retrieve and remove.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use userdata::Version;
use userdata::store::Expect;

use super::context::{Ctx, call_on};
use super::log::calm;
use super::pointer::{allocated, array, data, give, text};
use crate::context::{Retrieved, expected};
use crate::domain::{existing, target, writable};
use crate::failure::Failure;

/// `userdata_digest`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Digest {
    pub(crate) bytes: [u8; 32],
}

/// Replaces the value, or creates it; no bytes remove it.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_store(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    userid: *const c_char,
    data: *const c_void,
    len: usize,
) -> c_int {
    let value = Given {
        domid,
        uuid,
        userid,
        data,
        len,
    };
    // SAFETY: the caller promises the same.
    unsafe { value.store("userdata_store", ctx, Expect::Any) }
}

/// The same, only if the expected value is there.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_store_if(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    userid: *const c_char,
    data: *const c_void,
    len: usize,
    expect: *const Digest,
) -> c_int {
    let value = Given {
        domid,
        uuid,
        userid,
        data,
        len,
    };
    // SAFETY: the caller promises that it is null or a digest.
    let expect = expected(unsafe { array(expect.cast()) });
    // SAFETY: the caller promises the same.
    unsafe { value.store("userdata_store_if", ctx, expect) }
}

/// What a store gets from C.
struct Given {
    domid: u32,
    uuid: *const u8,
    userid: *const c_char,
    data: *const c_void,
    len: usize,
}

impl Given {
    /// # Safety
    ///
    /// Each pointer is null or as the header asks for.
    unsafe fn store(self, function: &str, ctx: *const Ctx, expect: Expect) -> c_int {
        let store = |context: &crate::context::Context, warnings: &mut _| {
            // SAFETY: the caller promises that it is null or a uuid.
            let domain = target(self.domid, unsafe { array(self.uuid) })?;
            // SAFETY: the caller promises that it is null or a string.
            let userid = writable(unsafe { text(self.userid) })?;
            // SAFETY: the caller promises that the bytes can be read.
            let data = unsafe { data(self.data, self.len) }?;
            context.store(domain, &userid, data, expect, warnings)
        };
        // SAFETY: the caller promises that it is null or a context.
        unsafe { call_on(function, ctx, store) }
    }
}

/// The SHA-256 of a value.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_digest_of(
    data: *const c_void,
    len: usize,
    digest_r: *mut Digest,
) {
    // SAFETY: the caller promises that the bytes can be read.
    let data = unsafe { self::data(data, len) }.unwrap_or_default();
    let bytes = calm(|| Version::of(data).to_bytes());
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(digest_r, Digest { bytes }) };
}

/// The value as it was stored.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_retrieve(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    userid: *const c_char,
    data_r: *mut *mut c_void,
    len_r: *mut usize,
) -> c_int {
    let give_both = |data: *mut c_void, length: usize| {
        // SAFETY: the caller promises that it is null or can be written to.
        unsafe { give(data_r, data) };
        // SAFETY: as above.
        unsafe { give(len_r, length) };
    };
    give_both(ptr::null_mut(), 0);
    let retrieve = |context: &crate::context::Context, _: &mut _| {
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        // SAFETY: the caller promises that it is null or a string.
        let userid = existing(unsafe { text(userid) })?;
        match context.retrieve(domain, &userid, data_r.is_null())? {
            Retrieved::Nothing => {}
            Retrieved::Size(size) => {
                give_both(ptr::null_mut(), usize::try_from(size).unwrap_or(usize::MAX));
            }
            Retrieved::Value(value) => {
                let bytes = value.as_bytes();
                give_both(allocated(bytes)?.as_ptr(), bytes.len());
            }
        }
        Ok::<_, Failure>(())
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_retrieve", ctx, retrieve) }
}

/// Frees a value.
///
/// # Safety
///
/// `data` is null or a value of `userdata_retrieve`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_free(data: *mut c_void) {
    // SAFETY: the caller promises that it is null or memory of `malloc`.
    unsafe { libc::free(data) };
}

/// Removes the value.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_remove(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    userid: *const c_char,
) -> c_int {
    let remove = |context: &crate::context::Context, warnings: &mut _| {
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        // SAFETY: the caller promises that it is null or a string.
        let userid = existing(unsafe { text(userid) })?;
        context.remove(domain, &userid, warnings)
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_remove", ctx, remove) }
}
