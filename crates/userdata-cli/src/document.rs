//! The JSON documents. Their form is part of the interface, and `docs/json.md` describes it. A
//! change that is not a compatible addition needs a new number in the schema.

#[cfg(feature = "pool")]
mod pool;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use userdata::{DomainKey, Userid, store};

use crate::chain::chain;
use crate::userid::shown;

#[cfg(feature = "pool")]
pub(crate) use pool::{Change, Home, Member, Placed, Status as PoolStatus};

/// Bytes as JSON holds them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// One incarnation of a domain.
#[derive(Serialize)]
pub(crate) struct Domain {
    domid: u16,
    uuid: String,
}

impl From<DomainKey> for Domain {
    fn from(key: DomainKey) -> Self {
        Self {
            domid: key.domid.get(),
            uuid: key.uuid.to_string(),
        }
    }
}

/// A userid: as text for people and, since it may be any bytes, in base64 for programs.
#[derive(Serialize)]
pub(crate) struct Name {
    userid: String,
    userid_base64: String,
}

impl From<&Userid> for Name {
    fn from(userid: &Userid) -> Self {
        Self {
            userid: shown(userid),
            userid_base64: base64(userid.as_bytes()),
        }
    }
}

/// `retrieve`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/value/1")]
pub(crate) struct Value {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    #[serde(flatten)]
    pub(crate) userid: Name,
    pub(crate) size: usize,
    pub(crate) version: String,
    pub(crate) value: String,
    /// The home of the data; only of a pool.
    #[cfg(feature = "pool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<Home>,
    /// Whether one member answered without a quorum, so that this may be old; absent if not.
    #[cfg(feature = "pool")]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stale: bool,
}

/// `store` and `remove`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/outcome/1")]
pub(crate) struct Outcome {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    #[serde(flatten)]
    pub(crate) userid: Name,
    pub(crate) outcome: &'static str,
    /// The durability of the change; null if there was nothing to change.
    pub(crate) durability: Option<String>,
    /// The type of the file that was replaced, such as `symbolic link`; absent if it was a regular
    /// file or there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) displaced: Option<String>,
    /// The version of the value after the change; null if there is none.
    pub(crate) version: Option<String>,
}

/// `list`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/list/1")]
pub(crate) struct List<V> {
    /// A sequence of [`Listed`].
    pub(crate) values: V,
    /// Whether one member answered without a quorum, so that this may be old; absent if not.
    #[cfg(feature = "pool")]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stale: bool,
}

/// One value in a list.
#[derive(Serialize)]
pub(crate) struct Listed {
    /// Null in the seed layout, whose file names have no domid.
    pub(crate) domid: Option<u16>,
    pub(crate) uuid: String,
    pub(crate) name: Option<String>,
    pub(crate) domain: &'static str,
    #[serde(flatten)]
    pub(crate) userid: Name,
    pub(crate) size: u64,
    pub(crate) modified: Option<String>,
    pub(crate) state: String,
    /// The home of the data; only of a pool.
    #[cfg(feature = "pool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<Home>,
}

/// `clear`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/cleared/1")]
pub(crate) struct Cleared {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    #[serde(flatten)]
    pub(crate) cleared: Removed,
    /// The values that a living domain keeps.
    pub(crate) kept: Vec<Name>,
}

/// The data of a domain that was removed.
#[derive(Serialize)]
pub(crate) struct Removed {
    removed: Vec<Name>,
    others: usize,
    durability: String,
    failed: Vec<String>,
}

impl From<&store::Cleared> for Removed {
    fn from(cleared: &store::Cleared) -> Self {
        Self {
            removed: cleared.removed.iter().map(Name::from).collect(),
            others: cleared.others.len(),
            durability: cleared.durability.to_string(),
            failed: cleared.failed.iter().map(|error| chain(error)).collect(),
        }
    }
}

/// `destroy`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/destroyed/1")]
pub(crate) struct Destroyed {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    /// The data that was removed; null if the data stays.
    pub(crate) cleared: Option<Removed>,
    /// Errors about the data. The domain is destroyed all the same.
    pub(crate) problems: Vec<String>,
    /// The error of the command that was run; null if it succeeded.
    pub(crate) command_error: Option<String>,
    /// The archive with the domain's values; absent without `--export`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<Contents>,
}

/// `export`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/exported/1")]
pub(crate) struct Exported {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    /// Null if it is not known.
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) contents: Contents,
}

/// The contents of an archive.
#[derive(Serialize)]
pub(crate) struct Contents {
    pub(crate) file: String,
    pub(crate) values: Vec<Archived>,
}

/// One value in an archive.
#[derive(Serialize)]
pub(crate) struct Archived {
    #[serde(flatten)]
    pub(crate) userid: Name,
    pub(crate) size: usize,
    pub(crate) version: String,
}

/// `import`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/imported/1")]
pub(crate) struct Imported {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    /// The domain that was exported.
    pub(crate) from: Domain,
    /// The name of that domain; null if it was not known.
    pub(crate) from_name: Option<String>,
    pub(crate) stored: Vec<Name>,
    /// The values that the domain already had, with the same bytes.
    pub(crate) unchanged: Vec<Name>,
    /// The userids under which the domain keeps another value.
    pub(crate) kept: Vec<Name>,
    /// The userids of the archive that the options left behind.
    pub(crate) left_out: Vec<Name>,
    /// What the change survives; null if there was nothing to change.
    pub(crate) durability: Option<String>,
}

/// `carry`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/carried/1")]
pub(crate) struct Carried {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    /// The domain that had the values.
    pub(crate) from: Domain,
    pub(crate) moved: Vec<Name>,
    /// What the change survives; null if there was nothing to change.
    pub(crate) durability: Option<String>,
}

/// The beginning of the document of `sweep`. It is written piece by piece, since there may be any
/// number of files: this, each [`SweptFile`] with commas between them, and [`SWEEP_FILES_END`] with
/// the fields of [`SweepEnd`].
pub(crate) const SWEEP_HEAD: &[u8] = br#"{"schema":"userdata/sweep/1","files":["#;
/// The text between the last file and the fields after the files.
pub(crate) const SWEEP_FILES_END: &[u8] = b"],";

/// `sweep`: one file.
#[derive(Serialize)]
pub(crate) struct SweptFile {
    /// `removed`, `would_remove` or `kept`.
    pub(crate) action: &'static str,
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) domain: Domain,
    pub(crate) kind: char,
    #[serde(flatten)]
    pub(crate) userid: Name,
    pub(crate) verdict: &'static str,
    pub(crate) reason: String,
    /// Null if this is unknown, or if the file is not a value.
    pub(crate) older_than_boot: Option<bool>,
}

/// `sweep`: the fields after the files.
#[derive(Serialize)]
pub(crate) struct SweepEnd {
    pub(crate) dry_run: bool,
    /// Domains that need attention.
    pub(crate) domains: Vec<SweptDomain>,
    /// A message for each file that could not be removed.
    pub(crate) failed: Vec<String>,
    /// In a pool, with `--explain`: the homes that do not just stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) homes: Vec<SweptHome>,
    pub(crate) totals: SweepTotals,
    /// Why the sweep ended early; null if it went through all domains.
    pub(crate) error: Option<String>,
}

/// `sweep`: a domain that could not be judged, or whose destruction was interrupted.
#[derive(Serialize)]
pub(crate) struct SweptDomain {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    pub(crate) verdict: &'static str,
    pub(crate) reason: String,
}

/// `sweep`: the home of the data of one domain of a pool.
#[derive(Serialize)]
pub(crate) struct SweptHome {
    /// `removed`, `would_remove`, `released`, `would_release` or `kept`.
    pub(crate) action: &'static str,
    #[serde(flatten)]
    pub(crate) domain: Domain,
    /// The host that the domain moves to; null if it does not move.
    pub(crate) to: Option<String>,
    pub(crate) verdict: &'static str,
    pub(crate) reason: String,
}

/// `sweep`: the numbers.
#[derive(Serialize)]
pub(crate) struct SweepTotals {
    domains: u64,
    orphans: u64,
    files: u64,
    removed: u64,
    failed: u64,
    reclaimed: u64,
}

impl From<userdata::sweep::SweepTotals> for SweepTotals {
    fn from(totals: userdata::sweep::SweepTotals) -> Self {
        Self {
            domains: totals.domains,
            orphans: totals.orphans,
            files: totals.records,
            removed: totals.removed,
            failed: totals.failed,
            reclaimed: totals.reclaimed,
        }
    }
}

/// `registry`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/registry/1")]
pub(crate) struct Registry {
    pub(crate) userids: Vec<Registered>,
}

/// One userid in the registry.
#[derive(Serialize)]
pub(crate) struct Registered {
    pub(crate) userid: &'static str,
    pub(crate) kind: String,
    pub(crate) owner: &'static str,
    pub(crate) format: &'static str,
    pub(crate) since: &'static str,
    /// Whether it stays behind when a domain's data follows it, unless it is asked for.
    pub(crate) stays_behind: bool,
}

/// `demo`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/demo/1")]
pub(crate) struct Demo {
    pub(crate) steps: Vec<Step>,
}

/// One step of the demo, verified.
#[derive(Serialize)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    pub(crate) shown: Vec<String>,
}

/// `sim` with an event.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/sim-event/1")]
pub(crate) struct SimEvent {
    pub(crate) event: &'static str,
    /// The domain that was created or changed; null if the event is one of the whole host.
    pub(crate) domain: Option<Domain>,
}

/// `sim list`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/sim-list/1")]
pub(crate) struct SimList {
    pub(crate) host: String,
    pub(crate) boots: u64,
    pub(crate) domains: Vec<SimDomain>,
}

/// One domain of a simulated host.
#[derive(Serialize)]
pub(crate) struct SimDomain {
    #[serde(flatten)]
    pub(crate) domain: Domain,
    pub(crate) name: Option<String>,
    pub(crate) phase: String,
    pub(crate) paused: bool,
}

/// A failure.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/error/1")]
pub(crate) struct Error {
    pub(crate) status: u8,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// Whether the change is in place although there was a failure.
    pub(crate) changed: bool,
    /// Present only if a precondition failed: the version of the value that was found, null if
    /// there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Option<String>>,
}
