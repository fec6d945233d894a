//! `Interceptor`: what stands in front of a directory.

use std::sync::Arc;

use userdata_fs::Errno;

use crate::call::{Answer, Call};

/// Stands in front of a directory: sees every call, may answer it in the directory's place, and
/// sees every answer. Faults, traces, schedules and seeded bugs are interceptors.
pub trait Interceptor: Send + Sync + 'static {
    /// Before a call of a process.
    fn before(&self, process: u32, call: &Call<'_>) -> Verdict {
        let _ = (process, call);
        Verdict::Proceed
    }

    /// After it.
    fn after(&self, process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        let _ = (process, call, answer);
    }
}

/// Lets every call pass.
impl Interceptor for () {}

/// The first one sees calls first and answers last.
impl<A: Interceptor, B: Interceptor> Interceptor for (A, B) {
    fn before(&self, process: u32, call: &Call<'_>) -> Verdict {
        match self.0.before(process, call) {
            Verdict::Proceed => self.1.before(process, call),
            verdict => verdict,
        }
    }

    fn after(&self, process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        self.1.after(process, call, answer);
        self.0.after(process, call, answer);
    }
}

impl<I: Interceptor + ?Sized> Interceptor for Arc<I> {
    fn before(&self, process: u32, call: &Call<'_>) -> Verdict {
        (**self).before(process, call)
    }

    fn after(&self, process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        (**self).after(process, call, answer);
    }
}

/// What an interceptor does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is made.
    Proceed,
    /// It is not made, and returns this error. A sync of a file that fails in this way has lost the
    /// bytes. A close is made nevertheless, and the bytes are lost unless the error is `EINTR`.
    Fail(Errno),
    /// It reads or writes at most this many bytes, or shows this many names and then fails with
    /// `EIO`. For all other calls the same as [`Verdict::Proceed`].
    Short(usize),
    /// It is not made, and returns success. For calls that return a value the same as
    /// [`Verdict::Proceed`].
    Pretend,
}
