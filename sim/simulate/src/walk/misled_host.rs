//! `MisledHost`: a hypervisor that answers some questions wrongly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hv_sim::{Call, SimHost, When};
use userdata_core::hypervisor::{BootId, HypervisorError};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor};

use crate::misanswer::Misanswer;

/// A host that answers the questions of some numbers, counted from zero, wrongly. Clones share the
/// count.
#[derive(Clone, Debug)]
pub(crate) struct MisledHost {
    host: SimHost,
    misanswers: Arc<[(u64, Misanswer)]>,
    asked: Arc<AtomicU64>,
}

impl MisledHost {
    pub(crate) fn new(host: SimHost, misanswers: &[(u64, Misanswer)]) -> Self {
        Self {
            host,
            misanswers: misanswers.into(),
            asked: Arc::default(),
        }
    }

    /// How many questions were asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn mislead(&self, call: Call) -> &SimHost {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut due = self.misanswers.iter().filter(|(at, _)| *at == number);
        if let Some((_, misanswer)) = due.next() {
            let fault = misanswer.fault(&self.host.state());
            self.host.script(call, When::Next, fault);
        }
        &self.host
    }
}

impl Hypervisor for MisledHost {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        self.mislead(Call::Domain).domain(domid)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.mislead(Call::Domains).domains()
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.mislead(Call::Leaving).leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.mislead(Call::Boot).boot()
    }
}
