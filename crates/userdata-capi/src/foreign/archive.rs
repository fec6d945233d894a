//! Export and import.

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::BorrowedFd;

use super::context::{Ctx, call_on};
use super::pointer::array;
use crate::context::Context;
use crate::domain::target;
use crate::failure::Failure;
use crate::follow::{export_flags, import_flags};

/// Writes the values of a domain to a descriptor.
///
/// # Safety
///
/// Each pointer is null or as the header asks for, and `fd` stays as it is until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_export(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    fd: c_int,
    flags: u32,
) -> c_int {
    let export = |context: &Context, _: &mut _| {
        let which = export_flags(flags)?;
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        context.export(domain, file(fd)?, &which)
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_export", ctx, export) }
}

/// Stores the values of an archive that is read from a descriptor.
///
/// # Safety
///
/// Each pointer is null or as the header asks for, and `fd` stays as it is until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_import(
    ctx: *mut Ctx,
    domid: u32,
    uuid: *const u8,
    fd: c_int,
    flags: u32,
) -> c_int {
    let import = |context: &Context, warnings: &mut _| {
        let how = import_flags(flags)?;
        // SAFETY: the caller promises that it is null or a uuid.
        let domain = target(domid, unsafe { array(uuid) })?;
        context.import(domain, file(fd)?, how, warnings)
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_import", ctx, import) }
}

/// A descriptor of our own for the caller's file. A number that is not a descriptor is refused.
fn file(fd: c_int) -> Result<File, Failure> {
    if fd < 0 {
        return Err(Failure::Unknown("descriptor"));
    }
    // SAFETY: it is not -1. The system refuses to copy what is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    match borrowed.try_clone_to_owned() {
        Ok(owned) => Ok(File::from(owned)),
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => {
            Err(Failure::Unknown("descriptor"))
        }
        Err(source) => Err(Failure::Io {
            operation: "copy the descriptor",
            source,
        }),
    }
}
