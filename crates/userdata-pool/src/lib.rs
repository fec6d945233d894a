//! The userdata of the domains of several hosts, in one replicated key-value engine.
//!
//! The crate does no I/O. [`Engine`] is what it needs of a database such as etcd; [`PoolStore`] is
//! a [`Store`](userdata_core::Store) over it, with the calls of a pool beside. It makes three
//! promises:
//!
//! * One home for each uuid: a value is stored by the host that is the home, and by no other. The
//!   commit itself compares the home, so a host that has been declared dead, or that has lost a
//!   domain to another host, cannot store, however late its commit arrives.
//! * No lease and no time prove a death: data is removed on the answer of its home's hypervisor or,
//!   once released, of the destination's; because its home has booted again; or by `discard`.
//! * A change whose answer is lost is told truly: made, not made and never to be made, or unknown.
//!
//! # Records
//!
//! Under the prefix and `1/`, the format of the keys: `host/HOST`, `turn/UUID` (the home, and
//! the numbers of the last changes), `mark/UUID` (the closing mark, on a lease), `meta/UUID/USERID`
//! (size, digest, time), `data/UUID/USERID` (the bytes), `grave/XX` (made before the first turn,
//! and moved on by every removal of one; XX is the last byte of the uuid), `grave/host/HOST` (the
//! same for the record of the host). Each record but `data` begins with its own format.

mod basis;
mod commit;
mod deadline;
mod effect;
mod engine;
mod first_graves;
mod freed;
mod host_write;
mod keys;
mod mark;
mod members;
mod moves;
mod options;
mod outcome;
mod pages;
mod record;
mod roster;
mod standing;
mod store;
mod unclaimed;

pub use engine::{
    Answer, Compare, Engine, EngineError, Lease, Page, Pair, Request, Revision, Span, Txn,
};
pub use members::Joined;
pub use moves::Finished;
pub use options::{Identity, PoolOptions};
pub use outcome::Settled;
pub use roster::{Member, Placed, Roster};
pub use store::PoolStore;
pub use unclaimed::{Fate, Unclaimed};
