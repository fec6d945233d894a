//! `EtcdError`: why an engine cannot be made.

use thiserror::Error;
use tonic::Code;
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

/// Why an engine cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EtcdError {
    /// The options name no member.
    #[error("no endpoint is named")]
    NoEndpoint,
    /// A certificate or a key is not what its name says, or `https` has no certificates.
    #[error("the certificates cannot be used")]
    Tls(#[source] Source),
    /// The thread of the engine was not started.
    #[error("cannot start the thread that talks to the cluster")]
    Thread(#[source] std::io::Error),
}

/// What is wrong with the certificates of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The authorities' file is not PEM, or has no certificate.
    #[error("this is not a certificate in PEM, which an authority's file has to be")]
    Ca,
    /// The same of the caller's own certificate.
    #[error("this is not a certificate in PEM, which the host's own has to be")]
    Certificate,
    /// The key is not PEM, or is encrypted.
    #[error("this is not a private key in PEM without a passphrase")]
    Key,
    /// The key is another certificate's, or of a kind that TLS cannot use.
    #[error("this private key does not belong to the certificate, or is of a kind that TLS lacks")]
    KeyOfAnother,
}

/// Why a cluster does not serve this client.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The member's certificate is not signed by the CA, is for another host, or has run out.
    #[error(
        "the member's certificate is not accepted: it must be signed by 'ca', be for this \
         address, and not have run out: {0}"
    )]
    MemberCertificate(String),
    /// The member wants a certificate, or another one.
    #[error(
        "the member does not accept this host's certificate, or asks for one: see 'cert' and \
         'key': {0}"
    )]
    OwnCertificate(String),
    /// The cluster does not have the user, or the password is wrong.
    #[error("wrong user or password: see 'user' and 'password-file': {0}")]
    Login(String),
    /// The role of the user does not have these keys.
    #[error(
        "the user has no right on these keys: grant its role 'readwrite' on the prefix of the \
         pool: {0}"
    )]
    Keys(String),
    /// The request names no user, or the cluster does not accept its token.
    #[error(
        "the cluster does not know the user: it wants a password or a certificate of a user: {0}"
    )]
    User(String),
}

impl Refusal {
    /// The refusal that a broken channel tells.
    pub(crate) fn of_certificate(text: &str) -> Option<Self> {
        // The text of rustls; an alert is what the other side has sent.
        if text.contains("received fatal alert") {
            return Some(Self::OwnCertificate(text.to_owned()));
        }
        let refused = text.contains("invalid peer certificate");
        refused.then(|| Self::MemberCertificate(text.to_owned()))
    }

    /// The refusal that etcd answers.
    pub(crate) fn of_answer(text: String) -> Self {
        if text.contains("authentication failed") {
            Self::Login(text)
        } else if text.contains("permission denied") {
            Self::Keys(text)
        } else {
            Self::User(text)
        }
    }
}

/// An endpoint is not a member that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotEtcd {
    /// It is something else; the text is what it answers.
    #[error("the server is not etcd: {0}")]
    OtherServer(String),
    /// It does not speak TLS.
    #[error("the server does not speak TLS: {0}")]
    NotEncrypted(String),
    /// It is an etcd that lacks what a pool needs.
    #[error("the server is etcd {found}; a pool needs 3.4 or later")]
    TooOld {
        /// Its version.
        found: String,
    },
}

impl NotEtcd {
    /// What a broken channel tells about the server.
    pub(crate) fn of_channel(text: &str) -> Option<Self> {
        if text.contains("received corrupt message") {
            return Some(Self::NotEncrypted(text.to_owned()));
        }
        let other = text.contains("HTTP/2 was not negotiated");
        other.then(|| Self::OtherServer(text.to_owned()))
    }

    /// What a status tells that no etcd sends.
    pub(crate) fn of_answer(code: Code, text: &str) -> Option<Self> {
        let other = code == Code::Unimplemented || text.contains("mapped from HTTP status code");
        other.then(|| Self::OtherServer(text.to_owned()))
    }
}
