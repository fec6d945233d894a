//! Sweeping.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Mutex;

use userdata::sweep::{Sightings, SweepOptions, SweepTotals};

use super::context::{Ctx, call_on};
use super::log::{call, calm};
use super::pointer::{Opaque, give, given, live, taken};
use super::sized::{BySize, sized};
use crate::context::Context;
use crate::failure::Failure;
use crate::sweep::{self, Line};

/// `userdata_sightings`.
#[derive(Debug)]
#[repr(C)]
pub struct RawSightings {
    magic: u64,
    /// Tried and never waited for: a thread of the parent may hold it when a child is forked.
    sightings: Mutex<Sightings>,
}

// SAFETY: it has C's layout and begins with a `u64`.
unsafe impl Opaque for RawSightings {
    const MAGIC: u64 = 0x7573_6572_7369_6768;
    const NAME: &'static str = "sightings";
}

/// `userdata_swept`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RawSwept {
    pub(crate) size: usize,
    pub(crate) domid: u32,
    pub(crate) what: c_int,
    pub(crate) uuid: [u8; 16],
    pub(crate) verdict: *const c_char,
    pub(crate) userid: *const c_char,
    pub(crate) line: *const c_char,
}

/// `userdata_sweep_fn`.
pub type SweepFn = unsafe extern "C" fn(user: *mut c_void, swept: *const RawSwept);

/// `userdata_sweep_options`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RawSweepOptions {
    pub(crate) size: usize,
    pub(crate) grace_ms: u64,
    pub(crate) settle_ms: u64,
    pub(crate) flags: u64,
    pub(crate) sightings: *mut RawSightings,
    pub(crate) each: Option<SweepFn>,
    pub(crate) each_user: *mut c_void,
}

// SAFETY: it has C's layout, begins with its size, and is numbers and pointers that may be null.
unsafe impl BySize for RawSweepOptions {
    const NAME: &'static str = "options";
}

/// `userdata_sweep_totals`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RawTotals {
    pub(crate) size: usize,
    pub(crate) domains: u64,
    pub(crate) records: u64,
    pub(crate) orphans: u64,
    pub(crate) removed: u64,
    pub(crate) failed: u64,
    pub(crate) reclaimed: u64,
}

// SAFETY: it has C's layout, begins with its size, and is numbers.
unsafe impl BySize for RawTotals {
    const NAME: &'static str = "totals";
}

/// Removes the data of every domain that does not exist.
///
/// # Safety
///
/// Each pointer is null or as the header asks for, and `each` can be called with `each_user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_sweep(
    ctx: *mut Ctx,
    options: *const RawSweepOptions,
    totals_r: *mut RawTotals,
) -> c_int {
    // SAFETY: the caller promises that it is null or a struct of its own size. What a newer header
    // has behind it is left as it is, whatever it is.
    let totals = unsafe { size_of_totals(totals_r) };
    let run = |context: &Context, _: &mut _| {
        let size = totals?;
        // SAFETY: the caller promises that it is null or a struct of its own size.
        let options = unsafe { sized(options) }?;
        let checked = match options {
            None => SweepOptions::default(),
            Some(options) => sweep::options(options.grace_ms, options.settle_ms, options.flags)?,
        };
        let sightings = options.map_or(ptr::null_mut(), |options| options.sightings);
        let sightings = if sightings.is_null() {
            None
        } else {
            // SAFETY: the caller promises that it lives.
            let sightings = unsafe { live(sightings.cast_const()) }?;
            Some(&sightings.sightings)
        };
        let each = |line: &Line| {
            if let Some((function, user)) = options.and_then(|o| Some((o.each?, o.each_user))) {
                let swept = raw(line);
                // SAFETY: the header says what the function gets, and that it returns.
                unsafe { function(user, &raw const swept) };
            }
        };
        let (totals, result) = context.sweep(&checked, sightings, each);
        if let Some(size) = size {
            // SAFETY: it is not null, so it can be written to.
            unsafe { give(totals_r, raw_totals(size, totals)) };
        }
        result
    };
    // SAFETY: the caller promises that it is null or a context.
    unsafe { call_on("userdata_sweep", ctx, run) }
}

/// The size that the caller's totals have; they are set to 0. `None` for a null pointer.
///
/// # Safety
///
/// The pointer is null, or points to totals of their own size, which can be written to.
unsafe fn size_of_totals(totals: *mut RawTotals) -> Result<Option<usize>, Failure> {
    if totals.is_null() {
        return Ok(None);
    }
    if !totals.is_aligned() {
        return Err(Failure::Misaligned(RawTotals::NAME));
    }
    // SAFETY: it is aligned, and the totals begin with their size.
    let size = unsafe { totals.cast::<usize>().read() };
    if size < size_of::<RawTotals>() {
        return Err(Failure::NoSize(RawTotals::NAME));
    }
    // SAFETY: the caller promises that it can be written to.
    unsafe { give(totals, raw_totals(size, SweepTotals::default())) };
    Ok(Some(size))
}

fn raw_totals(size: usize, totals: SweepTotals) -> RawTotals {
    RawTotals {
        size,
        domains: totals.domains,
        records: totals.records,
        orphans: totals.orphans,
        removed: totals.removed,
        failed: totals.failed,
        reclaimed: totals.reclaimed,
    }
}

/// What the caller's function gets, for as long as the line is there.
fn raw(line: &Line) -> RawSwept {
    RawSwept {
        size: size_of::<RawSwept>(),
        domid: line.domain.domid.into(),
        what: line.told as c_int,
        uuid: line.domain.uuid.into_bytes(),
        verdict: line.verdict.as_ptr(),
        userid: line.userid.as_deref().map_or(ptr::null(), CStr::as_ptr),
        line: line.line.as_ptr(),
    }
}

/// Sightings of no sweep yet.
///
/// # Safety
///
/// `sightings_r` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_sightings_alloc(sightings_r: *mut *mut RawSightings) -> c_int {
    // SAFETY: the caller promises that it is null or can be written to.
    unsafe { give(sightings_r, ptr::null_mut()) };
    call("userdata_sightings_alloc", None, |_| {
        if sightings_r.is_null() {
            return Err(Failure::Null("place for the sightings"));
        }
        let sightings = RawSightings {
            magic: RawSightings::MAGIC,
            sightings: Mutex::default(),
        };
        // SAFETY: it is not null, so it can be written to.
        unsafe { give(sightings_r, given(sightings)) };
        Ok(())
    })
}

/// Frees sightings.
///
/// # Safety
///
/// `sightings` is null or sightings that no thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userdata_sightings_free(sightings: *mut RawSightings) {
    // SAFETY: the caller promises it.
    calm(|| drop(unsafe { taken(sightings) }));
}
