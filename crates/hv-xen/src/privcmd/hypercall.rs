//! The hypercalls, and the errors for calls that failed.

use std::io;

use rustix::io::Errno;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};

use crate::abi::{Malformed, domctl, sysctl};

/// The three calls of the hypervisor. Requests are copied in, answers are copied out.
pub(crate) trait Hypercall: Send + Sync {
    /// `xen_version(XENVER_version)`.
    fn xen_version(&self) -> Result<u32, Refusal>;

    /// `domctl(request)`.
    fn domctl(&self, request: &domctl::Request) -> Result<[u8; domctl::SIZE], Refusal>;

    /// `sysctl(request)`, with memory for the list in its answer.
    fn sysctl(&self, request: &sysctl::Request) -> Result<sysctl::Answer, Refusal>;
}

/// A call that failed.
#[cfg_attr(
    not(any(
        test,
        all(
            target_os = "linux",
            target_endian = "little",
            target_pointer_width = "64",
            any(target_arch = "x86_64", target_arch = "aarch64")
        )
    )),
    expect(dead_code, reason = "platforms without calls have no failed calls")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The kernel did not provide memory that the hypervisor can reach, so the call was not made.
    Buffer(Errno),
    /// The hypervisor refused the call, or the kernel did so before it reached the hypervisor.
    Hypervisor(Errno),
}

/// The greatest number of attempts for a call whose buffer the hypervisor can't reach.
pub(crate) const ATTEMPTS_MAX: u32 = 5;

/// Repeats a call while the hypervisor can't reach its buffer: the kernel may have moved a page
/// meanwhile, and the hypervisor does not handle page faults.
pub(crate) fn settled<T>(mut call: impl FnMut() -> Result<T, Refusal>) -> Result<T, Refusal> {
    for _ in 1..ATTEMPTS_MAX {
        match call() {
            Err(Refusal::Hypervisor(Errno::FAULT)) => {}
            outcome => return outcome,
        }
    }
    call()
}

impl Refusal {
    /// The error for an operation given as a verb phrase.
    pub(crate) fn into_error(self, operation: &str) -> HypervisorError {
        let kind = match self {
            Self::Buffer(errno) => HypervisorErrorKind::Failed {
                source: Box::new(NoBuffer(errno.into())),
            },
            Self::Hypervisor(errno @ Errno::PERM) => HypervisorErrorKind::NotPermitted {
                what: "the hypervisor answers only the control domain".to_owned(),
                source: Some(Box::new(io::Error::from(errno))),
            },
            Self::Hypervisor(errno @ Errno::ACCESS) => HypervisorErrorKind::NotPermitted {
                what: "the hypervisor's security policy denies this call".to_owned(),
                source: Some(Box::new(io::Error::from(errno))),
            },
            Self::Hypervisor(errno) => HypervisorErrorKind::Failed {
                source: Box::new(io::Error::from(errno)),
            },
        };
        HypervisorError::new(operation, kind)
    }
}

/// The error for an answer that can't be read.
pub(crate) fn malformed(operation: &str, malformed: &Malformed) -> HypervisorError {
    let what = malformed.to_string();
    HypervisorError::new(operation, HypervisorErrorKind::Malformed { what })
}

#[derive(Debug, thiserror::Error)]
#[error("no locked memory for the call")]
struct NoBuffer(#[source] io::Error);
