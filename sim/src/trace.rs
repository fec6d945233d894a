//! `Trace`: records every call and its answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use userdata_fs::Errno;

use crate::call::{Answer, Call, CallKind};
use crate::interceptor::Interceptor;

/// The calls of directories, in order. Clones are the same trace. Two runs of one seed give the
/// same trace, to the byte.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<Traced>>>);

/// One call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The process that made it.
    pub process: u32,
    /// The method that it called.
    pub kind: CallKind,
    /// The call with its arguments.
    pub call: String,
    /// The answer.
    pub answer: Result<String, Errno>,
}

impl Trace {
    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Traced> {
        self.noted().clone()
    }

    fn noted(&self) -> MutexGuard<'_, Vec<Traced>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Trace {
    fn after(&self, process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        let traced = Traced {
            process,
            kind: call.kind(),
            call: call.to_string(),
            answer: answer.map(|answer| answer.to_string()),
        };
        self.noted().push(traced);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.noted()
            .iter()
            .try_for_each(|traced| writeln!(f, "{traced}"))
    }
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} = ", self.process, self.call)?;
        match &self.answer {
            Ok(answer) => f.write_str(answer),
            Err(errno) => write!(f, "{errno:?}"),
        }
    }
}
