//! The device on platforms without hypervisor calls: it can't be opened, and the error says so.

use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};

use super::hypercall::{Hypercall, Refusal};
use crate::abi::{domctl, sysctl};

/// A device that can't be opened, so no value of this type exists.
#[derive(Debug)]
pub(super) enum Device {}

impl Device {
    pub(super) fn open() -> Result<Self, HypervisorError> {
        let what = "calls of Xen on a platform other than 64-bit Linux on x86 or Arm".to_owned();
        let kind = HypervisorErrorKind::Unsupported { what };
        Err(HypervisorError::new("open the hypervisor's device", kind))
    }
}

impl Hypercall for Device {
    fn xen_version(&self) -> Result<u32, Refusal> {
        match *self {}
    }

    fn domctl(&self, _: &domctl::Request) -> Result<[u8; domctl::SIZE], Refusal> {
        match *self {}
    }

    fn sysctl(&self, _: &sysctl::Request) -> Result<sysctl::Answer, Refusal> {
        match *self {}
    }
}
