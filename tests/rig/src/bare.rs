//! Domains that a toolstack other than libxl creates, which is faster.

use anyhow::{Context, Result};
use userdata_core::DomainKey;

use crate::program;

/// Domains that exist as long as this value. The hypervisor has them, and xenstore has their names
/// and nodes `vm`. libxl has no record of them, and they never run.
#[derive(Debug)]
pub(crate) struct BareDomains(Vec<DomainKey>);

impl BareDomains {
    pub(crate) fn create(count: usize) -> Result<Self> {
        let text = program::output(&["bare-domains", "create", &count.to_string()])?;
        let keys = text.lines().map(|line| {
            line.parse()
                .with_context(|| format!("bare-domains made {line}"))
        });
        keys.collect::<Result<_>>().map(Self)
    }

    pub(crate) fn keys(&self) -> &[DomainKey] {
        &self.0
    }

    /// Destroys the domains. No program removes their data.
    pub(crate) fn destroy(mut self) -> Result<()> {
        destroy(&std::mem::take(&mut self.0))
    }

    /// Destroys the first `count` of the domains, and returns their keys.
    pub(crate) fn destroy_some(&mut self, count: usize) -> Result<Vec<DomainKey>> {
        let some: Vec<_> = self.0.drain(..count.min(self.0.len())).collect();
        destroy(&some)?;
        Ok(some)
    }
}

impl Drop for BareDomains {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            // This happens after a failure only, which is already reported.
            let _ = destroy(&self.0);
        }
    }
}

/// Removes these domains' directories from xenstore and calls `xc_domain_destroy`, as a toolstack
/// does that knows nothing of userdata.
pub(crate) fn destroy(domains: &[DomainKey]) -> Result<()> {
    let domids = domains.iter().map(|key| key.domid.to_string());
    let words = ["bare-domains".to_owned(), "destroy".to_owned()];
    let words: Vec<_> = words.into_iter().chain(domids).collect();
    program::output(&words).map(drop)
}
