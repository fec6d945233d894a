//! `Engine`: what a pool needs of a replicated key-value database.

use std::fmt;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use userdata_core::Source;

/// The number of the last change of a key, counted over all keys; 0 for an absent key.
pub type Revision = i64;

/// A database with transactions on revisions, and leases. etcd is one.
///
/// A read sees every transaction that was answered before it began (linearizability), unless it is
/// [`Txn::stale`]. An engine repeats only transactions that change nothing.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Makes the requests, all of them or none: if a key does not have the revision that it is
    /// compared with, none is made, and [`Answer::made`] is false.
    ///
    /// # Errors
    ///
    /// [`EngineError::Lost`] if it is not known whether the requests were made, or will be;
    /// [`EngineError::NoSpace`] if they were made or never will be, and the next read tells which.
    /// With any other error they were not made, and never will be.
    fn txn(&self, txn: &Txn, timeout: Duration) -> Result<Answer, EngineError>;

    /// A new lease. It runs out after `ttl` unless it is kept alive.
    ///
    /// # Errors
    ///
    /// If there is none. A lease whose grant was lost runs out by itself.
    fn grant(&self, ttl: Duration, timeout: Duration) -> Result<Lease, EngineError>;

    /// Keeps a lease alive from now on until it is revoked or this process ends. Returns at once.
    fn keep_alive(&self, lease: Lease);

    /// Ends a lease, and removes the keys that are attached to it. If the engine does not answer
    /// in time, the lease runs out by itself.
    fn revoke(&self, lease: Lease, timeout: Duration);

    /// A monotonic clock, the same for all processes until the host reboots.
    fn now(&self) -> Duration;

    /// The time of day.
    fn today(&self) -> SystemTime;

    /// A random number that is not 0.
    fn number(&self) -> u64;
}

/// A lease of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub i64);

/// One transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// The revision of the database that is read, in a transaction that only reads; the newest if
    /// `None`.
    pub at: Option<Revision>,
    /// Whether any one member may answer with what it knows, which may be old. Works without a
    /// quorum. Never set in a transaction that changes something.
    pub stale: bool,
    /// The conditions.
    pub compares: Vec<Compare>,
    /// What is read or changed. No key is changed twice.
    pub requests: Vec<Request>,
}

impl Txn {
    /// Reads these spans at one revision.
    #[must_use]
    pub fn read(spans: impl IntoIterator<Item = Span>) -> Self {
        let range = |span| Request::Range {
            span,
            values: true,
            limit: None,
        };
        Self {
            requests: spans.into_iter().map(range).collect(),
            ..Self::default()
        }
    }
}

/// A key and the revision that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: Vec<u8>,
    /// Its revision; 0 if it must be absent.
    pub revision: Revision,
}

/// One part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Reads the keys of a span, in order.
    Range {
        /// The span.
        span: Span,
        /// Whether the values are read, too.
        values: bool,
        /// How many keys are read, the first ones; all if `None`.
        limit: Option<usize>,
    },
    /// Writes a key.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
        /// The lease that it ends with.
        lease: Option<Lease>,
    },
    /// Removes the keys of a span.
    Delete {
        /// The span.
        span: Span,
    },
}

/// One key, or all keys from one to before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first key.
    pub from: Vec<u8>,
    /// The key behind the last one; `None` for the one key `from`.
    pub to: Option<Vec<u8>>,
}

impl Span {
    /// One key.
    #[must_use]
    pub const fn key(key: Vec<u8>) -> Self {
        Self {
            from: key,
            to: None,
        }
    }

    /// All keys from `from` to before `to`.
    #[must_use]
    pub const fn range(from: Vec<u8>, to: Vec<u8>) -> Self {
        Self { from, to: Some(to) }
    }

    /// All keys that begin with `prefix`, which ends with `/`.
    #[must_use]
    pub fn under(prefix: Vec<u8>) -> Self {
        let mut to = prefix.clone();
        to.pop();
        // The byte behind '/'.
        to.push(b'0');
        Self::range(prefix, to)
    }
}

/// The answer to a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The revision of the database.
    pub revision: Revision,
    /// Whether all compares held, so that the requests were made.
    pub made: bool,
    /// What each [`Request::Range`] found, in order of the requests.
    pub found: Vec<Page>,
}

impl Answer {
    /// All keys that were found.
    pub fn into_pairs(self) -> impl Iterator<Item = Pair> {
        self.found.into_iter().flat_map(|page| page.pairs)
    }
}

/// The keys that a [`Request::Range`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, in order.
    pub pairs: Vec<Pair>,
    /// Whether the span has more keys behind these, which the limit left out.
    pub more: bool,
}

/// A key that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: Vec<u8>,
    /// Its value; empty if it was not asked for.
    pub value: Vec<u8>,
    /// The number of its last change.
    pub revision: Revision,
    /// Whether it ends with a lease.
    pub leased: bool,
}

/// Why a transaction has no answer.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The engine was not reached, and nothing was changed.
    #[error("no member of the cluster took the request")]
    NotSent(#[source] Source),
    /// There was no answer: the transaction may have been made, or may be made later.
    #[error("the cluster's answer is lost: the request may have been carried out")]
    Lost(#[source] Source),
    /// The engine takes no more data. The answer is final, but the transaction may have been made:
    /// etcd also gives it to the one that fills the quota.
    #[error("the cluster has no space left")]
    NoSpace(#[source] Source),
    /// The engine refuses the caller.
    #[error("the cluster refuses this host")]
    NotPermitted(#[source] Source),
    /// The revision that is to be read was compacted away, or the member does not know it yet.
    #[error("the cluster does not have the state that was to be read, or has it no more")]
    NoRevision(#[source] Source),
    /// Any other failure; nothing was changed.
    #[error("the cluster did not carry out the request")]
    Failed(#[source] Source),
}
