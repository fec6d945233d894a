//! `Member`: one member of the cluster, and the channel to it.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions, Error};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::endpoint::Endpoint;
use crate::error::{EtcdError, TlsFault};
use crate::failure::{Failure, Kind, chain};
use crate::options::{EtcdOptions, Login, Tls};
use crate::probe::{Seen, probe};

/// After so long without a frame a member is asked whether it is there, while it has a request.
const PING_AFTER: Duration = Duration::from_secs(1);

/// How long past the deadline a server that broke off the connection may be probed.
const LOOK: Duration = Duration::from_millis(80);

/// One member.
#[derive(Clone)]
pub(crate) struct Member {
    endpoint: Endpoint,
    channel: tonic::transport::Endpoint,
    login: Option<Login>,
    /// A member that knows of no leader refuses at once.
    require_leader: bool,
    open: std::sync::Arc<Mutex<Open>>,
}

/// The channel as it is now.
#[derive(Default)]
struct Open {
    client: Option<Client>,
    /// How many channels there were.
    number: u64,
}

impl Member {
    pub(crate) fn new(endpoint: &Endpoint, options: &EtcdOptions) -> Result<Self, EtcdError> {
        let tls = |source| EtcdError::Tls(source);
        let mut channel = tonic::transport::Endpoint::from_shared(endpoint.to_string())
            .map_err(|error| tls(error.into()))?
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_AFTER)
            .keep_alive_while_idle(false);
        if endpoint.is_tls() {
            let certificates = options
                .tls
                .as_ref()
                .ok_or_else(|| tls("an https endpoint needs the certificate of its CA".into()))?;
            channel = channel
                .tls_config(tls_config(endpoint, certificates)?)
                .map_err(|error| tls(error.into()))?;
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            channel,
            login: options.login.clone(),
            require_leader: true,
            open: std::sync::Arc::default(),
        })
    }

    /// The same member, which answers although it knows of no leader.
    pub(crate) fn without_leader(&self) -> Self {
        Self {
            require_leader: false,
            open: std::sync::Arc::default(),
            ..self.clone()
        }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends one request and waits for its answer until `deadline`. A token that has expired is
    /// renewed once.
    pub(crate) async fn ask<T, F>(
        &self,
        deadline: Instant,
        request: &impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let asked = self.ask_once(deadline, request).await;
        match asked {
            Err(failure) if failure.kind == Kind::OldToken && self.login.is_some() => {
                self.ask_once(deadline, request).await
            }
            asked => asked,
        }
    }

    async fn ask_once<T, F>(
        &self,
        deadline: Instant,
        request: &impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let connected = timeout_at(deadline, self.client()).await;
        let (client, number) = match connected {
            Ok(Ok(client)) => client,
            Ok(Err(failure)) => return Err(self.look_at(failure, deadline).await.before_sending()),
            Err(_) => return Err(Failure::silent(false)),
        };
        let failure = match timeout_at(deadline, request(client)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::of(error),
            Err(_) => Failure::silent(true),
        };
        if failure.ends_channel {
            // Another request may connect meanwhile. Then the channel is closed already.
            let _ = timeout_at(deadline, self.close(number)).await;
        }
        Err(self.look_at(failure, deadline).await)
    }

    /// If the member has broken off: whether it is one.
    async fn look_at(&self, failure: Failure, deadline: Instant) -> Failure {
        if !failure.is_broken_off() {
            return failure;
        }
        match timeout_at(deadline + LOOK, probe(&self.endpoint)).await {
            Ok(Some(Seen::Other(other))) => Failure::not_etcd(other),
            Ok(Some(Seen::Closes)) => failure.closed(),
            Ok(None) | Err(_) => failure,
        }
    }

    /// The client of the open channel, or of a new one.
    async fn client(&self) -> Result<(Client, u64), Failure> {
        let mut open = self.open.lock().await;
        if let Some(client) = &open.client {
            return Ok((client.clone(), open.number));
        }
        let channel = self.channel.connect().await.map_err(Failure::connecting)?;
        let mut options = ConnectOptions::new().with_require_leader(self.require_leader);
        if let Some(login) = &self.login {
            options = options.with_user(&login.user, &login.password);
        }
        let client = Client::from_channel(Channel::Tonic(channel), Some(options))
            .await
            .map_err(Failure::of)?;
        open.number += 1;
        open.client = Some(client.clone());
        Ok((client, open.number))
    }

    async fn close(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.number == number {
            open.client = None;
        }
    }
}

fn tls_config(endpoint: &Endpoint, tls: &Tls) -> Result<ClientTlsConfig, EtcdError> {
    tls.check().map_err(|fault| EtcdError::Tls(fault.into()))?;
    let mut config = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&tls.ca))
        .domain_name(endpoint.host());
    if let Some((certificate, key)) = &tls.identity {
        config = config.identity(Identity::from_pem(certificate, key));
    }
    Ok(config)
}

impl Tls {
    /// Whether the certificates and the key are what their names say. Nothing is sent.
    ///
    /// # Errors
    ///
    /// The first that is not.
    pub fn check(&self) -> Result<(), TlsFault> {
        if !is_certificate(&self.ca) {
            return Err(TlsFault::Ca);
        }
        let Some((certificate, key)) = &self.identity else {
            return Ok(());
        };
        if !is_certificate(certificate) {
            return Err(TlsFault::Certificate);
        }
        let identity = Identity::from_pem(certificate, key);
        let Err(error) = connector(ClientTlsConfig::new().identity(identity)) else {
            return Ok(());
        };
        let text = chain(&error);
        Err(if text.contains("invalid peer certificate") {
            TlsFault::Certificate
        } else if text.contains("private key - ") {
            TlsFault::Key
        } else {
            TlsFault::KeyOfAnother
        })
    }
}

/// Whether this is PEM with a certificate in it.
fn is_certificate(pem: &[u8]) -> bool {
    let begin = b"-----BEGIN CERTIFICATE-----";
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
    pem.windows(begin.len()).any(|window| window == begin) && connector(config).is_ok()
}

/// Reads what the configuration has, as for a connection that is never made.
fn connector(config: ClientTlsConfig) -> Result<(), tonic::transport::Error> {
    tonic::transport::Endpoint::from_static("https://localhost:1")
        .tls_config(config)
        .map(drop)
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
