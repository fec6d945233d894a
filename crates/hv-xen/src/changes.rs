//! `Changes`: a hint that domains may have ended.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use userdata_core::hypervisor::HypervisorError;

use crate::xenstore::{Xenstore, XenstoreError};

/// What xenstored fires when a domain ends, and at some other times.
const RELEASE_DOMAIN: &str = "@releaseDomain";

/// Tells when it is worth while to look at the domains again.
///
/// A hint and nothing more: it comes at the first wait, and may come although nothing changed; one
/// may stand for several domains; and none comes when a domain that was dead for long disappears at
/// last. So first watch, then look, then act, and look from time to time even without a hint.
#[derive(Debug)]
pub struct Changes {
    xenstore: Xenstore,
}

impl Changes {
    pub(crate) fn over(mut xenstore: Xenstore) -> Result<Self, XenstoreError> {
        xenstore.watch(RELEASE_DOMAIN, "")?;
        Ok(Self { xenstore })
    }

    /// Waits for a hint, at most this long; whether there was one. Hints that came since the last
    /// wait are one.
    ///
    /// # Errors
    ///
    /// Where xenstored has closed the connection or sent nonsense; there will be no more hints.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, HypervisorError> {
        self.xenstore
            .event(timeout)
            .map(|event| event.is_some())
            .map_err(|error| HypervisorError::new("wait for domains to end", error.into()))
    }
}

/// Readable when there may be a hint: then [`wait`](Changes::wait) without waiting until there is
/// none.
impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.xenstore.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xenstore::Endpoint;
    use crate::xenstore::fake::{FakeXenstored, PATIENCE};

    #[test]
    fn a_hint_comes_at_once_and_when_a_domain_ends_and_not_otherwise() {
        let xenstored = FakeXenstored::start(&[]);
        let endpoints = [Endpoint::Socket(xenstored.socket())];
        let xenstore = Xenstore::open(&endpoints, PATIENCE).unwrap();
        let mut changes = Changes::over(xenstore).unwrap();
        assert!(changes.wait(PATIENCE).unwrap());
        assert!(!changes.wait(Duration::ZERO).unwrap());
        xenstored.fire();
        assert!(changes.wait(PATIENCE).unwrap());
        assert!(!changes.wait(Duration::ZERO).unwrap());
    }
}
