//! `Failure`: why one member did not do what it was asked, and what that says about the request.

use std::error::Error as StdError;
use std::fmt;

use etcd_client::Error;
use thiserror::Error as ThisError;
use tonic::{Code, Status};
use userdata_core::Source;
use userdata_pool::EngineError;

use crate::cluster::Repeat;
use crate::endpoint::Endpoint;
use crate::error::{NotEtcd, Refusal};

/// What a failure says about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has changed nothing, and never will; another member may do it.
    NotSent,
    /// It may have been made, or may be made later.
    Lost,
    /// The cluster takes no more data. The request was made or never is: etcd looks at the quota
    /// before it proposes a request, and again when it has carried one out that was proposed.
    NoSpace,
    /// The cluster does not allow it.
    NotPermitted,
    /// The cluster does not know the token (any more). Nothing was changed.
    OldToken,
    /// The cluster has compacted the revision away, or the member does not know it yet.
    NoRevision,
    /// The cluster's answer: it is wrong.
    Failed,
    /// The member and this client do not accept each other's certificate. Another member may.
    Certificate,
    /// The server at this endpoint is not etcd. Another member may answer.
    NotEtcd,
    /// The same, or it stands before a member, which may make what was asked.
    Gateway,
}

/// One request to one member has failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// Whether the channel cannot be used any more.
    pub(crate) ends_channel: bool,
}

/// A member closes every connection.
#[derive(Debug, ThisError)]
#[error("the server closes the connection; if it wants TLS, its URL begins with https://")]
struct Closed;

/// The quota of the cluster is full.
#[derive(Debug, ThisError)]
#[error("{0}: compact and defragment the cluster, then end its alarm ('A full quota' in pool.md)")]
struct Full(String);

/// A member did not answer.
#[derive(Debug, ThisError)]
#[error("no answer in time")]
pub(crate) struct Silent;

impl Failure {
    const fn new(kind: Kind, source: Source, ends_channel: bool) -> Self {
        Self {
            kind,
            source,
            ends_channel,
        }
    }

    /// There was no answer; `sent` says whether the request may have reached the member.
    pub(crate) fn silent(sent: bool) -> Self {
        let kind = if sent { Kind::Lost } else { Kind::NotSent };
        Self::new(kind, Silent.into(), true)
    }

    /// The connection was not made.
    pub(crate) fn connecting(error: tonic::transport::Error) -> Self {
        Self::transport(Kind::NotSent, error.into())
    }

    /// The request was sent, if it is not known better.
    pub(crate) fn of(error: Error) -> Self {
        match error {
            Error::GRpcStatus(status) => Self::status(status),
            Error::TransportError(error) => Self::transport(Kind::Lost, error.into()),
            error => Self::new(Kind::Lost, error.into(), true),
        }
    }

    /// The failure of a request that may be repeated, or may not.
    pub(crate) fn of_request(self, repeat: Repeat) -> Self {
        let kind = match (self.kind, repeat) {
            (Kind::Gateway, Repeat::No) => Kind::Lost,
            (Kind::Gateway, Repeat::Yes) => Kind::NotEtcd,
            (kind, _) => kind,
        };
        Self { kind, ..self }
    }

    /// Nothing but the greeting of a new channel was sent.
    pub(crate) fn before_sending(self) -> Self {
        match self.kind {
            Kind::Gateway => Self {
                kind: Kind::NotEtcd,
                ..self
            },
            Kind::Lost => Self {
                kind: Kind::NotSent,
                ..self
            },
            _ => self,
        }
    }

    /// The channel broke.
    fn transport(kind: Kind, source: Source) -> Self {
        let text = chain(&*source).replace("tcp connect error: ", "cannot connect: ");
        if let Some(refusal) = Refusal::of_certificate(&text) {
            return Self::new(Kind::Certificate, refusal.into(), true);
        }
        if let Some(other) = NotEtcd::of_channel(&text) {
            return Self::not_etcd(other);
        }
        let connecting = causes(&*source).any(|cause| cause.is::<tonic::ConnectError>());
        let kind = if connecting { Kind::NotSent } else { kind };
        let broken = Broken {
            text,
            connected: !connecting,
        };
        Self::new(kind, broken.into(), true)
    }

    /// Whether a connection was made and then broken off.
    pub(crate) fn is_broken_off(&self) -> bool {
        let broken = self.source.downcast_ref::<Broken>();
        broken.is_some_and(|broken| broken.connected)
    }

    /// The server closes every connection without a byte.
    pub(crate) fn closed(self) -> Self {
        Self {
            source: Closed.into(),
            ..self
        }
    }

    /// There is something else at the endpoint, so nothing was changed.
    pub(crate) fn not_etcd(other: NotEtcd) -> Self {
        Self::new(Kind::NotEtcd, other.into(), true)
    }

    /// A status that the member, or the channel, made.
    fn status(status: Status) -> Self {
        if status.source().is_some() {
            return Self::transport(Kind::Lost, status.into());
        }
        let text = status.message().to_owned();
        if let Some(other) = NotEtcd::of_answer(status.code(), &text) {
            let kind = match is_gateway(&text) {
                true => Kind::Gateway,
                false => Kind::NotEtcd,
            };
            return Self::new(kind, other.into(), true);
        }
        let kind = judge(status.code(), &text);
        let source: Source = match kind {
            Kind::NotPermitted | Kind::OldToken => Refusal::of_answer(text).into(),
            Kind::NoSpace => Full(text).into(),
            _ => text.into(),
        };
        Self::new(kind, source, kind == Kind::OldToken)
    }

    /// The same for the pool.
    pub(crate) fn told_by(self, endpoint: &Endpoint) -> EngineError {
        let source = AtMember {
            endpoint: endpoint.clone(),
            source: self.source,
        };
        let source = source.into();
        match self.kind {
            Kind::NotSent => EngineError::NotSent(source),
            Kind::Lost => EngineError::Lost(source),
            Kind::NoSpace => EngineError::NoSpace(source),
            Kind::NotPermitted | Kind::OldToken | Kind::Certificate => {
                EngineError::NotPermitted(source)
            }
            Kind::NoRevision => EngineError::NoRevision(source),
            Kind::Failed | Kind::NotEtcd | Kind::Gateway => EngineError::Failed(source),
        }
    }
}

/// Whether this is the text of tonic for a status of HTTP that a proxy answers where the member
/// behind it fails, or is too slow: 500 and above.
fn is_gateway(text: &str) -> bool {
    text.contains("mapped from HTTP status code 5")
}

/// What etcd's own answer says about a request. etcd tells many things by one code, so its words
/// decide: <https://github.com/etcd-io/etcd/blob/v3.5.16/api/v3rpc/rpctypes/error.go>.
fn judge(code: Code, text: &str) -> Kind {
    let says = |words: &str| text.contains(words);
    match code {
        Code::Unauthenticated => Kind::OldToken,
        Code::PermissionDenied => Kind::NotPermitted,
        // The rights have changed since the token was given.
        Code::InvalidArgument if says("revision of auth store is old") => Kind::OldToken,
        Code::InvalidArgument if says("authentication failed") || says("user name is empty") => {
            Kind::NotPermitted
        }
        Code::FailedPrecondition if says("authentication is not enabled") => Kind::NotPermitted,
        Code::ResourceExhausted if says("database space exceeded") => Kind::NoSpace,
        // Refused before it was proposed.
        Code::ResourceExhausted if says("too many requests") => Kind::NotSent,
        Code::Unavailable if text == "etcdserver: no leader" => Kind::NotSent,
        Code::Unknown if says("raft proposal dropped") => Kind::NotSent,
        Code::OutOfRange if says("required revision") => Kind::NoRevision,
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::AlreadyExists
        | Code::OutOfRange
        | Code::ResourceExhausted
        | Code::DataLoss => Kind::Failed,
        // Among them "request timed out", "server stopped", "leader changed".
        _ => Kind::Lost,
    }
}

/// An error of one member.
#[derive(Debug, ThisError)]
#[error("{endpoint}")]
struct AtMember {
    endpoint: Endpoint,
    #[source]
    source: Source,
}

/// A connection that was not made, or that broke.
#[derive(Debug, ThisError)]
#[error("{text}")]
struct Broken {
    text: String,
    connected: bool,
}

/// The members that were asked in vain, and why.
#[derive(Debug, Default, ThisError)]
pub(crate) struct NoAnswer(Vec<(Endpoint, String)>);

impl NoAnswer {
    /// Keeps why this member was asked in vain, in place of what it said before. A silence that the
    /// deadline has cut short does not replace an answer.
    pub(crate) fn add(&mut self, endpoint: &Endpoint, failure: &Failure, is_cut_short: bool) {
        let why = failure.source.to_string();
        let is_silent = failure.source.is::<Silent>();
        match self.0.iter_mut().find(|(asked, _)| asked == endpoint) {
            Some(_) if is_silent && is_cut_short => {}
            Some((_, before)) => *before = why,
            None => self.0.push((endpoint.clone(), why)),
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (endpoint, why)) in self.0.iter().enumerate() {
            let before = if i == 0 { "" } else { "; " };
            write!(f, "{before}{endpoint}: {why}")?;
        }
        Ok(())
    }
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

/// All causes, without the envelopes, and without those that only repeat what they wrap.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let is_envelope = cause.is::<Status>() || cause.is::<tonic::transport::Error>();
        let cause_text = cause.to_string();
        if (is_envelope && cause.source().is_some()) || text.contains(&cause_text) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause_text);
    }
    text
}
