//! `HostOptions`: the properties of a simulated host.

/// The properties of a simulated host, which never change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostOptions {
    /// The seed of uuids, boot ids and spurious events.
    pub seed: u64,
    /// One in how many events, on average, fires `@releaseDomain` without a reason; 0 for none.
    /// Default: 8.
    pub spurious_one_in: u32,
    /// Whether the hypervisor distinguishes *dying* from *alive* and numbers its incarnations, as
    /// Xen 4.21 and later do. If not, it reports as Xen 4.20 and earlier do: a domain is alive
    /// until it is dead. Default: true.
    pub reports_dying: bool,
}

impl HostOptions {
    /// The defaults, with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            spurious_one_in: 8,
            reports_dying: true,
        }
    }

    /// The same with one spurious event in `events`, or none at 0.
    #[must_use]
    pub const fn with_spurious_one_in(mut self, events: u32) -> Self {
        self.spurious_one_in = events;
        self
    }

    /// The same with a hypervisor that reports dying domains, or not.
    #[must_use]
    pub const fn with_reports_dying(mut self, reports: bool) -> Self {
        self.reports_dying = reports;
        self
    }
}
