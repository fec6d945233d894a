//! `PoolOptions` and `Identity`: how a pool is used, and by which host.

use std::time::Duration;

use userdata_core::hypervisor::BootId;
use userdata_core::store::HostName;

/// Names one boot of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name that the pool knows it by.
    pub name: HostName,
    /// The text of `/etc/machine-id`.
    pub machine: String,
    /// The product uuid of the firmware, or an empty text.
    pub product: String,
    /// The boot that runs now.
    pub boot: BootId,
}

/// How a pool is used. Made with [`PoolOptions::default`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolOptions {
    /// What every key begins with; it ends with `/`.
    pub prefix: String,
    /// The largest value in bytes.
    pub value_max: u64,
    /// How many requests a transaction may have.
    pub max_ops: usize,
    /// How many bytes a transaction may have.
    pub max_bytes: usize,
    /// The most keys of a span that one answer has; a longer read takes several requests. A key
    /// with its value has less than 1 KiB.
    pub page: usize,
    /// How long a closing mark outlives its process.
    pub lease: Duration,
    /// Whether reads return data whose home is another host.
    pub any_home: bool,
    /// Whether the reads of one value, of a list, of all domains and of the roster may be
    /// [`stale`](crate::Txn::stale). What a change, a mark, a move or a sweep is decided by never
    /// is; only whether the host that a refusal names is told as forgotten may be old there.
    pub stale: bool,
    /// Whether values are stored too whose owners read them from the files of the host: those of
    /// `xl`, `libvirt-xml` and `libxl-json`. For the conformance suite, which uses these userids.
    pub keeps_every_userid: bool,
    /// The timeout of calls that have none of their own.
    pub timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            prefix: "/userdata/".to_owned(),
            value_max: 1 << 20,
            max_ops: 120,
            max_bytes: 1_400_000,
            page: 5_000,
            lease: Duration::from_secs(15),
            any_home: false,
            stale: false,
            keeps_every_userid: false,
            timeout: Duration::from_secs(10),
        }
    }
}
