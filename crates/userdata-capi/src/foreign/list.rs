//! Lists of values.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::context::{Ctx, call_on};
use super::log::{call, calm};
use super::pointer::{Opaque, array, give, given, live, taken, text};
use crate::code::Code;
use crate::context::Context;
use crate::domain::target;
use crate::failure::Failure;
use crate::list::Listed;

/// `userdata_list`.
#[derive(Debug)]
#[repr(C)]
pub struct List {
    magic: u64,
    listed: Listed,
}

// SAFETY: it has C's layout and begins with a `u64`.
unsafe impl Opaque for List {
    const MAGIC: u64 = 0x7573_6572_6c69_7374;
    const NAME: &'static str = "list";
}

/// Every value of a domain.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_get(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    list_r: *mut *mut List,
) -> c_int {
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(list_r, ptr::null_mut()) };
    let list = |context: &Context, _: &mut _| {
        if list_r.is_null() {
            return Err(Failure::Null("place for the list"));
        }
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        let list = List {
            magic: List::MAGIC,
            listed: context.list(domain)?,
        };
        // SAFETY: it is not null, so it can be written to.
        unsafe { give(list_r, given(list)) };
        Ok(())
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_list_get", ctx, list) }
}

/// How many values are in a list.
///
/// # Safety
///
/// `list` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_count(list: *const List) -> usize {
    // SAFETY: the caller promises it.
    unsafe { of(list, 0, Listed::count) }
}

/// The userid of a value; it is there as long as the list is.
///
/// # Safety
///
/// `list` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_userid(list: *const List, index: usize) -> *const c_char {
    let userid = |listed: &Listed| listed.userid(index).map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the caller promises it.
    unsafe { of(list, ptr::null(), userid) }
}

/// The size of a value in bytes.
///
/// # Safety
///
/// `list` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_size(list: *const List, index: usize) -> u64 {
    // SAFETY: the caller promises it.
    unsafe { of(list, 0, |listed| listed.size(index)) }
}

/// Whether a value can be read.
///
/// # Safety
///
/// `list` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_condition(list: *const List, index: usize) -> c_int {
    let condition = |listed: &Listed| listed.condition(index).number();
    // SAFETY: the caller promises it.
    unsafe { of(list, Code::Inval.number(), condition) }
}

/// The index of a userid.
///
/// # Safety
///
/// Each pointer is null or as the header asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_find(
    list: *const List,
    userid: *const c_char,
    index_r: *mut usize,
) -> c_int {
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(index_r, 0) };
    let mut code = Code::NoData.number();
    let failed = call("userdata_list_find", None, |_| {
        // SAFETY: the caller promises that it is null or a list.
        let list = unsafe { live(list) }?;
        // SAFETY: the caller promises that it is null or a string.
        let userid = unsafe { text(userid) }.ok_or(Failure::Null("userid"))?;
        if let Some(index) = list.listed.find(userid) {
            // SAFETY: the caller promises that it is null or can be written to.
            unsafe { give(index_r, index) };
            code = Code::Ok.number();
        }
        Ok(())
    });
    if failed == Code::Ok.number() {
        code
    } else {
        failed
    }
}

/// Frees a list.
///
/// # Safety
///
/// `list` is null or a list that no thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_list_free(list: *mut List) {
    // SAFETY: the caller promises it.
    calm(|| drop(unsafe { taken(list) }));
}

/// A fact about a list, or `otherwise` for a null pointer. It looks at memory alone, and has
/// nothing that can panic.
///
/// # Safety
///
/// `list` is null or a list.
unsafe fn of<T>(list: *const List, otherwise: T, fact: impl FnOnce(&Listed) -> T) -> T {
    // SAFETY: the caller promises it.
    match unsafe { live(list) } {
        Ok(list) => fact(&list.listed),
        Err(_) => otherwise,
    }
}
