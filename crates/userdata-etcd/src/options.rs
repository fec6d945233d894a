//! `EtcdOptions`: where the cluster is, and what it is told about the caller.

use std::fmt;

use crate::endpoint::Endpoint;

/// Where the members of a cluster are, and how they know the caller.
#[derive(Clone, Debug, Default)]
pub struct EtcdOptions {
    /// The members' client URLs. They are asked in this order, beginning with the one that
    /// answered last.
    pub endpoints: Vec<Endpoint>,
    /// The certificates; `https` endpoints need them.
    pub tls: Option<Tls>,
    /// The user, where the cluster asks for a password.
    pub login: Option<Login>,
}

/// The certificates of a connection.
#[derive(Clone)]
pub struct Tls {
    /// The certificates of the authorities that the members' certificates are signed by, in PEM.
    pub ca: Vec<u8>,
    /// The caller's own certificate and its key, both in PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

/// A user of etcd and its password.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
