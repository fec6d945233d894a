//! `EtcdError`: why there is no engine.

use thiserror::Error;
use userdata_core::Source;

/// Why a text is not the URL of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotAnEndpoint {
    /// The text does not have the form of a URL of a host and a port.
    #[error("not a URL of the form https://HOST:PORT")]
    NotAUrl,
    /// The URL is for something else.
    #[error("the URL begins with neither https:// nor http://")]
    Scheme,
    /// The URL has no port.
    #[error("the URL has no port (etcd's is 2379)")]
    NoPort,
    /// `http` to another machine.
    #[error("http is for a member on this machine; use https")]
    NotEncrypted,
}

/// Why there is no engine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EtcdError {
    /// The options name no member.
    #[error("there is no endpoint")]
    NoEndpoint,
    /// A certificate or a key is not what its name says, or `https` has no certificates.
    #[error("the certificates cannot be used")]
    Tls(#[source] Source),
    /// The thread of the engine was not started.
    #[error("the thread of the engine was not started")]
    Thread(#[source] std::io::Error),
}
