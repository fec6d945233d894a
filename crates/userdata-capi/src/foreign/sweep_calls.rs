//! `userdata_sweep`, called from Rust: see `calls`.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};

use super::calls::At;
use super::sweep::{
    RawSightings, RawSweepOptions, RawSwept, RawTotals, userdata_sightings_alloc,
    userdata_sightings_free, userdata_sweep,
};

/// What sweeps have seen; freed when it is dropped.
#[derive(Debug)]
pub struct Sightings(NonNull<RawSightings>);

impl Sightings {
    /// `userdata_sightings_alloc`.
    #[must_use]
    pub fn alloc() -> Option<Self> {
        let mut sightings = ptr::null_mut();
        // SAFETY: the pointer can be written to.
        let code = unsafe { userdata_sightings_alloc(&raw mut sightings) };
        assert_eq!(code, 0);
        NonNull::new(sightings).map(Self)
    }
}

impl Drop for Sightings {
    fn drop(&mut self) {
        // SAFETY: they were allocated, and nothing else has them.
        unsafe { userdata_sightings_free(self.0.as_ptr()) };
    }
}

/// `userdata_sweep_options`.
#[derive(Clone, Copy, Debug)]
pub struct SweepOptions<'a> {
    /// What `size` says. A struct that is larger is refused here as there.
    pub size: usize,
    /// The member of this name.
    pub grace_ms: u64,
    /// The member of this name.
    pub settle_ms: u64,
    /// The member of this name.
    pub flags: u64,
    /// The member of this name.
    pub sightings: Option<&'a Sightings>,
}

impl SweepOptions<'_> {
    /// The size of the struct.
    pub const SIZE: usize = size_of::<RawSweepOptions>();
}

/// What a sweep returned, and what it told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// What it returned.
    pub code: i32,
    /// `removed` and `failed` of the totals.
    pub totals: [u64; 2],
    /// The domids and userids of `USERDATA_SWEPT_REMOVED` and `USERDATA_SWEPT_WOULD_GO`, in order.
    pub going: Vec<(u32, Vec<u8>)>,
}

unsafe extern "C" fn tell(user: *mut c_void, swept: *const RawSwept) {
    // SAFETY: it is there during the call.
    let swept = unsafe { &*swept };
    assert_eq!(swept.size, size_of::<RawSwept>());
    for text in [swept.verdict, swept.line] {
        // SAFETY: both are strings during the call.
        let text = unsafe { CStr::from_ptr(text) }.to_bytes();
        assert!(!text.is_empty() && !text.contains(&b'\n'));
    }
    // REMOVED and WOULD_GO.
    if matches!(swept.what, 2 | 4) {
        assert!(!swept.userid.is_null());
        // SAFETY: it is a string during the call.
        let userid = unsafe { CStr::from_ptr(swept.userid) }.to_bytes();
        // SAFETY: the pointer is the one that the call got.
        let going: &mut Vec<(u32, Vec<u8>)> = unsafe { &mut *user.cast() };
        going.push((swept.domid, userid.to_vec()));
    }
}

/// `userdata_sweep`, with totals that say this size, or none.
pub fn sweep(at: At<'_>, options: Option<&SweepOptions<'_>>, totals: Option<usize>) -> Swept {
    let mut going = Vec::new();
    let raw = options.map(|options| RawSweepOptions {
        // The struct ends after SIZE bytes, so a larger size is one that the library refuses.
        size: match options.size {
            size if size > SweepOptions::SIZE => usize::MAX,
            size => size,
        },
        grace_ms: options.grace_ms,
        settle_ms: options.settle_ms,
        flags: options.flags,
        sightings: options.sightings.map_or(ptr::null_mut(), |s| s.0.as_ptr()),
        each: Some(tell),
        each_user: (&raw mut going).cast(),
    });
    let options = raw.as_ref().map_or(ptr::null(), ptr::from_ref);
    let garbage = u64::MAX;
    let mut told = RawTotals {
        size: totals.unwrap_or_default(),
        domains: garbage,
        records: garbage,
        orphans: garbage,
        removed: garbage,
        failed: garbage,
        reclaimed: garbage,
    };
    let totals_r = if totals.is_some() {
        &raw mut told
    } else {
        ptr::null_mut()
    };
    // SAFETY: the pointers are as the header asks for, or null.
    let code: c_int = at.call(|ctx| unsafe { userdata_sweep(ctx, options, totals_r) });
    Swept {
        code,
        totals: [told.removed, told.failed],
        going,
    }
}
