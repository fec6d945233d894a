//! `Log`: the caller's function for messages, and the frame of every call.

use std::ffi::{c_char, c_int, c_void};

use super::pointer::{errno, set_errno};
use crate::code::Code;
use crate::context::Warnings;
use crate::failure::Failure;
use crate::panics::caught;
use crate::sweep::one_line;

/// `userdata_log_fn`.
pub type LogFn = unsafe extern "C" fn(user: *mut c_void, level: c_int, line: *const c_char);

/// `USERDATA_LOG_ERROR`.
const ERROR: c_int = 1;
/// `USERDATA_LOG_WARNING`.
const WARNING: c_int = 2;

/// Where messages go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    pub(super) function: LogFn,
    pub(super) user: *mut c_void,
}

impl Log {
    fn write(self, level: c_int, line: &str) {
        let line = one_line(line);
        // SAFETY: the header says what the function gets, and that it returns; the user's pointer
        // is the one that came with it.
        unsafe { (self.function)(self.user, level, line.as_ptr()) };
    }
}

/// Makes a call: keeps a panic from C, and `errno` as it was. Messages go to the log when the call
/// is over, so that no lock is held.
pub(super) fn call(
    function: &str,
    log: Option<Log>,
    call: impl FnOnce(&mut Warnings) -> Result<(), Failure>,
) -> c_int {
    let before = errno();
    let mut warnings = Warnings::new();
    let failed = caught(|| call(&mut warnings)).err();
    if let Some(log) = log {
        // If the line cannot be written, the failure of the call is still returned.
        let _ = caught(|| {
            for warning in &warnings {
                log.write(WARNING, &format!("{function}: {warning}"));
            }
            if let Some(failure) = &failed {
                log.write(ERROR, &format!("{function}: {}", failure.line()));
            }
            Ok(())
        });
    }
    let code = failed.as_ref().map_or(Code::Ok, Failure::code);
    set_errno(before);
    code.number()
}

/// Makes a call that cannot fail: a panic gives the default result.
pub(super) fn calm<T: Default>(call: impl FnOnce() -> T) -> T {
    let before = errno();
    let result = caught(|| Ok(call())).unwrap_or_default();
    set_errno(before);
    result
}
