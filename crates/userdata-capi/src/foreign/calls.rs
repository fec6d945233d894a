//! The functions of the header, called from Rust with values in place of pointers.
//!
//! For the fuzz target `c_calls`, with the feature `calls`, and never in the shipped file. A
//! pointer is as the header asks for, or wrong in a way for which the header has a code. Every call
//! panics when it breaks a promise that all calls make: the code is one of the header and not that
//! of a bug, `errno` stays, each result is set on every return, and a failure has one line in the
//! log, the last one.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::slice;

use super::archive::{userdata_export, userdata_import};
use super::closing::{
    Pending, userdata_clear, userdata_closing_begin, userdata_closing_end, userdata_destroy,
};
use super::context::{Ctx, RawOptions, userdata_ctx_alloc, userdata_ctx_free};
use super::list::List;
use super::pointer::{Opaque, errno, set_errno};
use super::value::{
    Digest, userdata_digest_of, userdata_free, userdata_remove, userdata_retrieve, userdata_store,
    userdata_store_if,
};

/// What `errno` is before a call.
const ERRNO: c_int = 77;

/// What a result is before a call: a pointer that nothing may be read from, or a length.
pub(super) const NOWHERE: usize = usize::MAX - 7;

/// A context, which is freed when it is dropped.
#[derive(Debug)]
pub struct Context {
    ctx: NonNull<Ctx>,
    log: Rc<RefCell<Log>>,
}

/// The levels of the lines since the call began.
#[derive(Debug, Default)]
pub(super) struct Log(Vec<c_int>);

/// What a call gets as its context.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// One that lives.
    Context(&'a Context),
    /// A null pointer.
    Null,
    /// A pointer to the second byte of one.
    Shifted(&'a Context),
    /// A pointer to 64 bytes that begin with this number.
    Bytes(u64),
}

/// The numbers with which things begin that are not contexts.
pub const OTHER_THINGS: [u64; 2] = [List::MAGIC, Pending::MAGIC];

/// A domain, as a call gets it.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    /// Any number.
    pub domid: u32,
    /// The pointer to it is not aligned.
    pub uuid: Option<[u8; 16]>,
}

/// The bytes of a value, as a store gets them.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Bytes, and how many there are.
    Bytes(&'a [u8]),
    /// A null pointer with this length.
    Null(usize),
    /// A pointer with a length that no value has.
    TooLong,
}

/// `userdata_options`.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What `size` says.
    pub size: usize,
    /// The value of every byte behind the struct.
    pub behind: u8,
    /// Whether the pointer is misaligned.
    pub shifted: bool,
    /// The member of this name.
    pub hypervisor: Option<&'a CStr>,
    /// The member of this name.
    pub directory: Option<&'a CStr>,
    /// The member of this name.
    pub deadline_ms: u32,
    /// The member of this name.
    pub durability: u32,
    /// The member of this name.
    pub value_max: u64,
    /// The member of this name.
    pub flags: u64,
}

impl Options<'_> {
    /// The size of the struct.
    pub const SIZE: usize = size_of::<RawOptions>();
    /// The largest size that a struct has.
    const SIZE_MAX: usize = 4096;
}

/// What a retrieve gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Retrieved {
    /// What it returned.
    pub code: i32,
    /// The value, if there is one and it was asked for.
    pub value: Option<Vec<u8>>,
    /// The length, if it was asked for.
    pub length: usize,
}

/// A domain that is being destroyed. To be ended.
#[derive(Debug)]
#[must_use]
pub struct Closing {
    closing: NonNull<Pending>,
    log: Rc<RefCell<Log>>,
}

/// Makes a call, and checks what all calls promise.
pub(super) fn checked(log: Option<&Rc<RefCell<Log>>>, call: impl FnOnce() -> c_int) -> i32 {
    // A call within a call has a log of its own.
    let outer = log.map(|log| log.take());
    set_errno(ERRNO);
    let code = call();
    assert_eq!(errno(), ERRNO, "errno has changed");
    assert!((-19..=0).contains(&code), "a call returned {code}");
    if let Some((log, outer)) = log.zip(outer) {
        let Log(levels) = log.replace(outer);
        let errors = levels.iter().filter(|&&level| level == 1).count();
        let is_last = levels.last() == Some(&1);
        let expected = (usize::from(code != 0), code != 0);
        assert_eq!(
            (errors, is_last),
            expected,
            "{code} with lines of {levels:?}"
        );
    }
    code
}

impl At<'_> {
    fn log(&self) -> Option<&Rc<RefCell<Log>>> {
        match self {
            Self::Context(context) => Some(&context.log),
            _ => None,
        }
    }

    pub(super) fn call(&self, call: impl FnOnce(*mut Ctx) -> c_int) -> i32 {
        let mut bytes = [0_u64; 8];
        let ctx: *mut Ctx = match self {
            Self::Context(context) => context.ctx.as_ptr(),
            Self::Null => ptr::null_mut(),
            Self::Shifted(context) => context.ctx.as_ptr().wrapping_byte_add(1),
            Self::Bytes(first) => {
                // Bytes that begin with a context's number would be taken for a context.
                let first = if *first == Ctx::MAGIC { 0 } else { *first };
                bytes.fill(first);
                bytes.as_mut_ptr().cast()
            }
        };
        checked(self.log(), || call(ctx))
    }
}

/// Makes a call with a pointer to the uuid, at an odd address.
pub(super) fn with_uuid<T>(domain: Domain, call: impl FnOnce(*const u8) -> T) -> T {
    let Some(uuid) = domain.uuid else {
        return call(ptr::null());
    };
    let mut bytes = [0_u8; 24];
    let odd = 1 + bytes.as_ptr().addr() % 2;
    let place: &mut [u8] = bytes.get_mut(odd..odd + 16).unwrap_or_default();
    place.copy_from_slice(&uuid);
    call(place.as_ptr())
}

fn or_null(text: Option<&CStr>) -> *const c_char {
    text.map_or(ptr::null(), CStr::as_ptr)
}

unsafe extern "C" fn write_line(user: *mut c_void, level: c_int, line: *const c_char) {
    // SAFETY: a line is a string during the call.
    let line = unsafe { CStr::from_ptr(line) }.to_bytes();
    assert!(!line.is_empty() && !line.contains(&b'\n') && (1..=2).contains(&level));
    // SAFETY: it is the log of a context or of a closing, which is there as long as they are.
    let log: &RefCell<Log> = unsafe { &*user.cast() };
    log.borrow_mut().0.push(level);
}

/// `userdata_ctx_alloc`. Without `place` the pointer for the result is null.
pub fn alloc(api: u32, options: Option<&Options<'_>>, place: bool) -> (i32, Option<Context>) {
    let log = Rc::new(RefCell::new(Log::default()));
    let mut memory = vec![0_u64; (Options::SIZE_MAX + 16) / 8];
    let start: *mut u8 = memory.as_mut_ptr().cast();
    let pointer = options.map_or(ptr::null_mut(), |options| {
        let raw = RawOptions {
            size: options.size,
            hypervisor: or_null(options.hypervisor),
            directory: or_null(options.directory),
            log: Some(write_line),
            log_user: Rc::as_ptr(&log).cast_mut().cast(),
            deadline_ms: options.deadline_ms,
            durability: options.durability,
            value_max: options.value_max,
            flags: options.flags,
        };
        // SAFETY: the memory is longer than the largest struct.
        unsafe { start.write_bytes(options.behind, Options::SIZE_MAX) };
        let pointer: *mut RawOptions = start.wrapping_add(usize::from(options.shifted)).cast();
        // SAFETY: as above.
        unsafe { pointer.write_unaligned(raw) };
        pointer
    });
    // The log of options that are refused as a whole is not known.
    let is_read = options.is_some_and(|options| {
        let fits = (Options::SIZE..=Options::SIZE_MAX).contains(&options.size);
        let is_known = options.size == Options::SIZE || options.behind == 0;
        fits && is_known && !options.shifted
    });
    let mut ctx = ptr::without_provenance_mut(NOWHERE);
    let ctx_r = if place { &raw mut ctx } else { ptr::null_mut() };
    let code = checked(is_read.then_some(&log), || {
        // SAFETY: the options are null or begin with their size, for which there is memory.
        unsafe { userdata_ctx_alloc(ctx_r, api, pointer) }
    });
    if !place {
        return (code, None);
    }
    let ctx = NonNull::new(ctx);
    assert_eq!(ctx.is_some(), code == 0, "a context with {code}");
    (code, ctx.map(|ctx| Context { ctx, log }))
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context was allocated, and nothing else has it.
        let free = || unsafe { userdata_ctx_free(self.ctx.as_ptr()) };
        // It returns nothing; that `errno` is kept is checked all the same.
        checked(None, || {
            free();
            0
        });
    }
}

/// `userdata_store`, or with `expect` `userdata_store_if`, for which no digest is a null pointer.
pub fn store(
    at: At<'_>,
    domain: Domain,
    userid: Option<&CStr>,
    data: Data<'_>,
    expect: Option<Option<[u8; 32]>>,
) -> i32 {
    let (data, length): (*const c_void, usize) = match data {
        Data::Bytes(bytes) => (bytes.as_ptr().cast(), bytes.len()),
        Data::Null(length) => (ptr::null(), length),
        Data::TooLong => (c"".as_ptr().cast(), isize::MAX.unsigned_abs() + 1),
    };
    let (domid, userid) = (domain.domid, or_null(userid));
    let store = |ctx, uuid| match expect {
        // SAFETY: the pointers are as the header asks for, or null.
        None => unsafe { userdata_store(ctx, domid, uuid, userid, data, length) },
        Some(digest) => {
            let digest = digest.map(|bytes| Digest { bytes });
            let expect = digest.as_ref().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: as above.
            unsafe { userdata_store_if(ctx, domid, uuid, userid, data, length, expect) }
        }
    };
    with_uuid(domain, |uuid| at.call(|ctx| store(ctx, uuid)))
}

/// `userdata_digest_of`.
#[must_use]
pub fn digest_of(data: &[u8]) -> [u8; 32] {
    let mut digest = Digest { bytes: [0; 32] };
    // SAFETY: the bytes are there.
    unsafe { userdata_digest_of(data.as_ptr().cast(), data.len(), &raw mut digest) };
    digest.bytes
}

/// `userdata_retrieve`. Without `value` or without `length` their pointer is null.
pub fn retrieve(
    at: At<'_>,
    domain: Domain,
    userid: Option<&CStr>,
    value: bool,
    length: bool,
) -> Retrieved {
    let (mut data, mut len) = (ptr::without_provenance_mut(NOWHERE), NOWHERE);
    let data_r = if value {
        &raw mut data
    } else {
        ptr::null_mut()
    };
    let len_r = if length {
        &raw mut len
    } else {
        ptr::null_mut()
    };
    let (domid, userid) = (domain.domid, or_null(userid));
    let code = with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_retrieve(ctx, domid, uuid, userid, data_r, len_r) })
    });
    assert!(
        !value || data.addr() != NOWHERE,
        "no value is set with {code}"
    );
    assert!(!length || len != NOWHERE, "no length is set with {code}");
    if code != 0 {
        assert!(!value || data.is_null(), "a value with {code}");
        assert!(!length || len == 0, "a length with {code}");
    }
    let found = value.then(|| NonNull::new(data)).flatten();
    let value = found.filter(|_| length).map(|data| {
        // SAFETY: the value has this length, and a NUL behind it.
        let bytes = unsafe { slice::from_raw_parts(data.as_ptr().cast::<u8>(), len + 1) };
        let (end, bytes) = bytes.split_last().unwrap_or((&1, &[]));
        assert_eq!(*end, 0, "what is behind the value is not a NUL");
        bytes.to_vec()
    });
    if let Some(data) = found {
        // SAFETY: it is a value of a retrieve, and not used again.
        unsafe { userdata_free(data.as_ptr()) };
    }
    let length = if length { len } else { 0 };
    Retrieved {
        code,
        value,
        length,
    }
}

/// `userdata_remove`.
pub fn remove(at: At<'_>, domain: Domain, userid: Option<&CStr>) -> i32 {
    let (domid, userid) = (domain.domid, or_null(userid));
    with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_remove(ctx, domid, uuid, userid) })
    })
}

/// `userdata_clear`.
pub fn clear(at: At<'_>, domain: Domain, flags: u32) -> i32 {
    with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_clear(ctx, domain.domid, uuid, flags) })
    })
}

/// The caller's function that destroys a domain.
pub type Destroy<'a> = &'a mut dyn FnMut(u32, [u8; 16]) -> i32;

unsafe extern "C" fn call_destroy(user: *mut c_void, domid: u32, uuid: *const u8) -> c_int {
    // SAFETY: the pointer is the one that the call got.
    let destroy: &mut Destroy<'_> = unsafe { &mut *user.cast() };
    // SAFETY: a uuid is 16 bytes.
    let uuid: [u8; 16] = unsafe { uuid.cast::<[u8; 16]>().read() };
    let code = destroy(domid, uuid);
    set_errno(ERRNO);
    code
}

/// `userdata_destroy`. The second number is what `*rc_r` is.
pub fn destroy(at: At<'_>, domain: Domain, destroy: Option<Destroy<'_>>) -> (i32, i32) {
    let mut rc = ERRNO;
    let mut destroy = destroy;
    let function = destroy.is_some().then_some(call_destroy as _);
    let user = destroy.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let code = with_uuid(domain, |uuid| {
        at.call(|ctx| {
            let (domid, user) = (domain.domid, user.cast());
            // SAFETY: the pointers are as the header asks for, or null.
            unsafe { userdata_destroy(ctx, domid, uuid, function, user, &raw mut rc) }
        })
    });
    (code, rc)
}

/// `userdata_closing_begin`.
pub fn begin(at: At<'_>, domain: Domain, place: bool) -> (i32, Option<Closing>) {
    let mut closing = ptr::without_provenance_mut(NOWHERE);
    let closing_r = if place {
        &raw mut closing
    } else {
        ptr::null_mut()
    };
    let code = with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_closing_begin(ctx, domain.domid, uuid, closing_r) })
    });
    if !place {
        return (code, None);
    }
    let closing = NonNull::new(closing);
    assert_eq!(closing.is_some(), code == 0, "a closing with {code}");
    let log = at.log().map(Rc::clone);
    (
        code,
        closing
            .zip(log)
            .map(|(closing, log)| Closing { closing, log }),
    )
}

impl Closing {
    /// `userdata_closing_end`.
    pub fn end(self, destroyed: i32) -> i32 {
        let Self { closing, log } = self;
        // SAFETY: the closing was begun, and is not used again.
        checked(Some(&log), || unsafe {
            userdata_closing_end(closing.as_ptr(), destroyed)
        })
    }
}

/// `userdata_export`.
pub fn export(at: At<'_>, domain: Domain, fd: c_int, flags: u32) -> i32 {
    with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_export(ctx, domain.domid, uuid, fd, flags) })
    })
}

/// `userdata_import`.
pub fn import(at: At<'_>, domain: Domain, fd: c_int, flags: u32) -> i32 {
    with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_import(ctx, domain.domid, uuid, fd, flags) })
    })
}

/// The exit status of a child in which a check failed.
const CHECK_FAILED: u8 = 254;

/// Forks, and returns the exit status of the child, which calls this function and ends. If a signal
/// killed the child, its number with another sign.
pub fn in_child(child: impl FnOnce() -> u8) -> i32 {
    // SAFETY: the C library makes malloc usable in the child, which calls this function and ends.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "no process can be made");
    if id == 0 {
        // A panic must not lead to what the parent does next.
        let status = catch_unwind(AssertUnwindSafe(child)).unwrap_or(CHECK_FAILED);
        // SAFETY: it ends the process, without what the parent wants to be done at its end.
        unsafe { libc::_exit(status.into()) };
    }
    let mut status = 0;
    loop {
        // SAFETY: the status can be written to.
        let ended = unsafe { libc::waitpid(id, &raw mut status, 0) };
        if ended == id {
            break;
        }
        // A fuzzer has a timer.
        assert_eq!(errno(), libc::EINTR, "the child is lost");
    }
    match libc::WIFEXITED(status) {
        true => libc::WEXITSTATUS(status),
        false => -libc::WTERMSIG(status),
    }
}
