//! What `EtcdEngine` tells about what is at its endpoints. No etcd is needed.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod listener;
mod lost;
mod options;
mod other;
mod stale;
