//! `Server`: what one member says about itself.

use std::time::Duration;

use etcd_client::Client;
use userdata_pool::EngineError;

use crate::cluster::{Cluster, Repeat};
use crate::error::NotEtcd;

/// The first version with all that a pool needs.
const OLDEST: (u64, u64) = (3, 4);

/// What one member says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Its version, as `3.5.16`.
    pub version: String,
    /// The size of its database file in bytes.
    pub db_size: u64,
    /// How much of it is in use.
    pub db_size_in_use: u64,
    /// How many changes the cluster has made.
    pub revision: u64,
}

impl Server {
    pub(crate) async fn ask(cluster: &Cluster, timeout: Duration) -> Result<Self, EngineError> {
        let request = |mut client: Client| async move { client.status().await };
        let status = cluster.ask(timeout, Repeat::Yes, request).await?;
        let found = status.version();
        if !is_new_enough(found) {
            let found = found.to_owned();
            return Err(EngineError::Failed(NotEtcd::TooOld { found }.into()));
        }
        let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        Ok(Self {
            version: found.to_owned(),
            db_size: size(status.db_size()),
            db_size_in_use: size(status.raft_used_db_size()),
            revision: size(status.header().map_or(0, |header| header.revision())),
        })
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn a_version_below_3_4_is_too_old() {
        for version in [
            "3.4.0",
            "3.4.23",
            "3.5.16",
            "3.10.0",
            "4.0.0-rc.1",
            "3.6.0-alpha.0",
        ] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["3.3.25", "2.3.8", "3", "", "latest"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
