//! `Endpoint`: the client URL of one member.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tonic::transport::Uri;

use crate::error::NotAnEndpoint;

/// The client URL of one member: `https://HOST:PORT`, or `http` where the host is this machine.
///
/// Without TLS every machine on the way could read and change the data, so `http` is refused for
/// another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// With the brackets of an IPv6 address.
    host: String,
    port: u16,
    tls: bool,
}

impl Endpoint {
    /// The host, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        bare(&self.host)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }
}

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let uri: Uri = text.parse().map_err(|_| NotAnEndpoint::NotAUrl)?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(NotAnEndpoint::Scheme),
        };
        let authority = uri.authority().ok_or(NotAnEndpoint::NotAUrl)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(NotAnEndpoint::NotAUrl);
        }
        if uri.path() != "/" {
            return Err(NotAnEndpoint::NotAUrl);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(NotAnEndpoint::NotAUrl);
        }
        let port = authority
            .port_u16()
            .ok_or(match authority.as_str() == host {
                true => NotAnEndpoint::NoPort,
                false => NotAnEndpoint::NotAUrl,
            })?;
        if !tls && !is_loopback(host) {
            return Err(NotAnEndpoint::NotEncrypted);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_loopback(host: &str) -> bool {
    let is_loopback = |address: IpAddr| address.is_loopback();
    host == "localhost" || bare(host).parse().is_ok_and(is_loopback)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_url_with_a_port() {
        for text in [
            "http://127.0.0.1:2379",
            "http://localhost:2379",
            "http://[::1]:2379",
            "https://etcd.example.org:2379",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        let slash: Endpoint = "https://m0:2379/".parse().unwrap();
        assert_eq!(slash.to_string(), "https://m0:2379");
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", NotAnEndpoint::NotAUrl),
            ("m0", NotAnEndpoint::Scheme),
            ("m0:2379", NotAnEndpoint::Scheme),
            ("unix:///run/etcd", NotAnEndpoint::NotAUrl),
            ("ftp://m0:2379", NotAnEndpoint::Scheme),
            ("https://m0", NotAnEndpoint::NoPort),
            ("https://m0:99999", NotAnEndpoint::NotAUrl),
            ("https://m0:2379/v3", NotAnEndpoint::NotAUrl),
            ("https://m0:2379?x", NotAnEndpoint::NotAUrl),
            ("https://user@m0:2379", NotAnEndpoint::NotAUrl),
            ("http://m0:2379", NotAnEndpoint::NotEncrypted),
            ("http://10.0.0.1:2379", NotAnEndpoint::NotEncrypted),
            (
                "http://localhost.example.org:2379",
                NotAnEndpoint::NotEncrypted,
            ),
            (
                "http://127.0.0.1.example.org:2379",
                NotAnEndpoint::NotEncrypted,
            ),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(reason), "{text}");
        }
    }
}
