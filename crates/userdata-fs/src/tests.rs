//! Unit tests of the store: the order of calls of each protocol, and the clean-up after a failure
//! at each single call, pinned on a mock of the directory.

mod clearing;
mod clearing_many;
mod host;
mod lining_up;
mod locking;
mod mock;
mod moving;
mod promises;
mod putting_all;
mod putting_each;
mod reading;
mod snapshots;
mod storing;
mod transferring;
