//! `Changes`: hints that domains may have ended.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use userdata_core::hypervisor::HypervisorError;

use crate::xenstore::{Xenstore, XenstoreError};

/// The path whose watch xenstored fires when a domain ends, and at some other times.
const RELEASE_DOMAIN: &str = "@releaseDomain";

/// Hints that it is time to look at the domains again.
///
/// They are only hints. The first wait always returns one, a hint may come although nothing has
/// changed, one hint may stand for several domains, and no hint comes when a domain that was dead
/// already disappears. So watch first, then look at the domains, and look from time to time even
/// without a hint.
#[derive(Debug)]
pub struct Changes {
    xenstore: Xenstore,
}

impl Changes {
    pub(crate) fn over(mut xenstore: Xenstore) -> Result<Self, XenstoreError> {
        xenstore.watch(RELEASE_DOMAIN, "")?;
        Ok(Self { xenstore })
    }

    /// Waits for a hint, at most for `timeout`, and returns whether one came. All hints since the
    /// last wait count as one.
    ///
    /// ```no_run
    /// # use userdata_core::hypervisor::HypervisorError;
    /// # fn example(mut changes: hv_xen::Changes) -> Result<(), HypervisorError> {
    /// use std::time::Duration;
    ///
    /// if changes.wait(Duration::from_secs(60))? {
    ///     println!("a domain may have ended");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// xenstored has closed the connection, or has sent bytes that are not of its protocol. No more
    /// hints will come.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, HypervisorError> {
        self.xenstore
            .event(timeout)
            .map(|event| event.is_some())
            .map_err(|error| HypervisorError::new("wait for domains to end", error.into()))
    }
}

/// The descriptor is readable when a hint may have come. Call [`wait`](Changes::wait) with a
/// timeout of zero then, until it returns `false`.
impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.xenstore.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xenstore::Endpoint;
    use crate::xenstore::fake::{FakeXenstored, LONG};

    #[test]
    fn hints_come_at_once_and_when_a_domain_ends_only() {
        let xenstored = FakeXenstored::start(&[]);
        let endpoints = [Endpoint::Socket(xenstored.socket())];
        let xenstore = Xenstore::open(&endpoints, LONG).unwrap();
        let mut changes = Changes::over(xenstore).unwrap();
        assert!(changes.wait(LONG).unwrap());
        assert!(!changes.wait(Duration::ZERO).unwrap());
        xenstored.fire();
        assert!(changes.wait(LONG).unwrap());
        assert!(!changes.wait(Duration::ZERO).unwrap());
    }
}
