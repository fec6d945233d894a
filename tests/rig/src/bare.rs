//! Domains that a toolstack other than libxl creates, which is faster.

use anyhow::{Context, Result};
use userdata_core::DomainKey;

use crate::program;

/// Domains that exist as long as this value. The hypervisor has them, and xenstore has their names and
/// nodes `vm`. libxl has no record of them, and they never run.
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

    fn words(&self) -> Vec<String> {
        let domids = self.0.iter().map(|key| key.domid.to_string());
        ["bare-domains".to_owned(), "destroy".to_owned()]
            .into_iter()
            .chain(domids)
            .collect()
    }

    /// Destroys the domains. No program removes their data.
    pub(crate) fn destroy(mut self) -> Result<()> {
        let words = self.words();
        self.0.clear();
        program::output(&words).map(drop)
    }
}

impl Drop for BareDomains {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            // This happens after a failure only, which is already reported.
            let _ = program::run(&self.words(), b"");
        }
    }
}
