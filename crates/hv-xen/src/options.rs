//! `Options`: how the crate uses xenstore.

use std::time::Duration;

use userdata_core::hypervisor::BootId;

use crate::xenstore::Endpoint;

/// How [`Xen`](crate::Xen) asks xenstore, and the name of the host's boot where Linux does not name
/// it.
///
/// ```
/// use std::time::Duration;
///
/// use hv_xen::Options;
///
/// let options = Options::new()
///     .with_xenstore_timeout(Duration::from_secs(5))
///     .with_check_leaving(false);
/// assert!(!options.check_leaving);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether [`Hypervisor::leaving`](userdata_core::Hypervisor::leaving) asks xenstore. True by
    /// default; see [`with_check_leaving`](Self::with_check_leaving).
    pub check_leaving: bool,
    /// The places where xenstored is looked for, in this order. [`Endpoint::usual`] by default.
    pub endpoints: Vec<Endpoint>,
    /// How long one question to xenstore may take, connecting included. Two seconds by default; see
    /// [`with_xenstore_timeout`](Self::with_xenstore_timeout).
    pub xenstore_timeout: Duration,
    /// The boot of the host that runs now. `None` by default; see [`with_boot`](Self::with_boot).
    pub boot: Option<BootId>,
}

impl Options {
    /// The least time that xenstore is given for one question, whatever
    /// [`xenstore_timeout`](Self::xenstore_timeout) says.
    ///
    /// A healthy xenstored answers within a millisecond, but it answers one client after another,
    /// and pauses while it is updated. A caller that does not want to wait for a lock should not
    /// fail because of such a pause.
    pub const XENSTORE_TIMEOUT_MIN: Duration = Duration::from_secs(1);

    /// The defaults, which fit a host whose toolstack is built on libxl.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether [`Hypervisor::leaving`](userdata_core::Hypervisor::leaving) asks xenstore. If
    /// not, no domain is reported as leaving.
    ///
    /// Turn it off where the toolstack doesn't write `/local/domain/<domid>/vm`, or where there is
    /// no xenstore. Data that is stored while the toolstack destroys the domain may then be left
    /// behind.
    #[must_use]
    pub const fn with_check_leaving(mut self, check_leaving: bool) -> Self {
        self.check_leaving = check_leaving;
        self
    }

    /// Sets the places where xenstored is looked for. The first one that answers is taken.
    ///
    /// ```
    /// use hv_xen::Options;
    /// use hv_xen::xenstore::Endpoint;
    ///
    /// let socket = Endpoint::Socket("/run/xenstored/socket".into());
    /// let options = Options::new().with_endpoints([socket.clone()]);
    /// assert_eq!(options.endpoints, [socket]);
    /// ```
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.endpoints = endpoints.into_iter().collect();
        self
    }

    /// Sets how long one question to xenstore may take, connecting included.
    ///
    /// A shorter time than [`XENSTORE_TIMEOUT_MIN`](Self::XENSTORE_TIMEOUT_MIN) counts as that
    /// minimum. The timeout matters if xenstored hangs. A store asks one question, so it may take
    /// that much longer than its wait for the lock.
    #[must_use]
    pub const fn with_xenstore_timeout(mut self, timeout: Duration) -> Self {
        self.xenstore_timeout = timeout;
        self
    }

    /// Sets the name of the boot of the host that runs now.
    ///
    /// The initial domain needs none: Linux names its boots, and it boots exactly when the host
    /// does; another name is refused there. Another domain that runs the toolstack may restart
    /// while the other domains live on, so it must be told which boot of the host runs.
    #[must_use]
    pub fn with_boot(mut self, boot: BootId) -> Self {
        self.boot = Some(boot);
        self
    }

    /// How long one question may take, at least the minimum.
    pub(crate) fn question_timeout(&self) -> Duration {
        self.xenstore_timeout.max(Self::XENSTORE_TIMEOUT_MIN)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            check_leaving: true,
            endpoints: Endpoint::usual(),
            xenstore_timeout: Duration::from_secs(2),
            boot: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xenstore_gets_its_least_time_whatever_is_asked_for() {
        let timeout = |asked| {
            let options = Options::new().with_xenstore_timeout(asked);
            options.question_timeout()
        };
        assert_eq!(timeout(Duration::ZERO), Options::XENSTORE_TIMEOUT_MIN);
        assert_eq!(timeout(Duration::from_millis(999)), Duration::from_secs(1));
        assert_eq!(timeout(Duration::from_secs(5)), Duration::from_secs(5));
        assert_eq!(Options::new().question_timeout(), Duration::from_secs(2));
    }
}
