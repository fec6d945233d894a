//! The documents of a pool.

use serde::Serialize;
use userdata::store::{self, Stage};

/// The home of the data of a domain.
#[derive(Serialize)]
pub(crate) struct Home {
    pub(crate) host: String,
    pub(crate) domid: u16,
    /// `settled`, `moving`, `released` or `freed`.
    pub(crate) stage: &'static str,
    /// The host that the domain moves to; null unless `moving` or `released`.
    pub(crate) to: Option<String>,
}

impl From<&store::Home> for Home {
    fn from(home: &store::Home) -> Self {
        let (stage, to) = match &home.stage {
            Stage::Settled => ("settled", None),
            Stage::Moving(to) => ("moving", Some(to.to_string())),
            Stage::Released(to) => ("released", Some(to.to_string())),
            Stage::Freed(_) => ("freed", None),
            _ => ("unknown", None),
        };
        Self {
            host: home.host.to_string(),
            domid: home.domid.get(),
            stage,
            to,
        }
    }
}

/// `pool` with a change.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/pool/1")]
pub(crate) struct Change {
    pub(crate) change: &'static str,
    pub(crate) outcome: &'static str,
    /// The domain that was named; null if the change is one of a host.
    pub(crate) domain: Option<super::Domain>,
    /// How many values were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) removed: Option<usize>,
    /// Of how many domains the data is free, because its host is not a member any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) freed: Option<usize>,
}

/// `pool status`.
#[derive(Serialize)]
#[serde(tag = "schema", rename = "userdata/pool-status/1")]
pub(crate) struct Status {
    pub(crate) members: Vec<Member>,
    pub(crate) domains: Vec<Placed>,
}

/// One member.
#[derive(Serialize)]
pub(crate) struct Member {
    pub(crate) host: String,
    /// Null if the record is damaged.
    pub(crate) machine: Option<String>,
    pub(crate) boot: Option<String>,
}

/// The data of one domain.
#[derive(Serialize)]
pub(crate) struct Placed {
    pub(crate) uuid: String,
    /// Null if the record is damaged.
    pub(crate) home: Option<Home>,
    pub(crate) values: u64,
}
