//! `rig churn DOMID.UUID`: changes values of a domain until it is killed.

use anyhow::Result;
use userdata_core::DomainKey;

use crate::ours;

/// Stores and removes a value of 64 KiB in turn, so that a kill finds a temporary file, a lock or
/// neither.
pub(crate) fn until_killed(key: &str) -> Result<bool> {
    let key: DomainKey = key.parse()?;
    let (userdata, userid) = (ours::library(ours::xen()?)?, ours::userid()?);
    let value = vec![b'v'; 1 << 16];
    loop {
        userdata.store(key, &userid, &value)?;
        userdata.remove(key, &userid)?;
    }
}
