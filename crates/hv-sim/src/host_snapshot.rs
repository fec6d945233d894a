//! `HostSnapshot`: a host kept in a file, as it was at one moment.

use std::collections::BTreeMap;

use userdata_core::hypervisor::{BootId, DomainNames, HypervisorError};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor};

use crate::HostState;

/// The host of a [`HostFile`](crate::HostFile) as it was at one moment: the file is read once, and
/// all answers are about that moment. As in the file, a domain has its name until it is gone.
///
/// If a change depends on an answer, ask the `HostFile` again.
#[derive(Clone, Debug)]
pub struct HostSnapshot {
    state: HostState,
    names: BTreeMap<Domid, String>,
}

impl HostSnapshot {
    pub(crate) fn new(state: HostState) -> Self {
        let names = state.last_names();
        let names = names
            .into_iter()
            .map(|(domid, name)| (domid, name.to_owned()))
            .collect();
        Self { state, names }
    }

    /// The state at that moment.
    #[must_use]
    pub const fn state(&self) -> &HostState {
        &self.state
    }
}

impl Hypervisor for HostSnapshot {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        self.state.domain(domid)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.state.domains()
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.state.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.state.boot()
    }
}

impl DomainNames for HostSnapshot {
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        Ok(self.names.get(&domid).cloned())
    }
}
