//! `Secured`: a cluster with TLS and users.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use userdata_etcd::{EtcdEngine, EtcdOptions, Login, Tls};

use super::certificates::{Authority, Certificate};
use crate::cluster::Cluster;
use crate::programs::Programs;

/// A cluster that asks for certificates and knows users. `xen` and `agent` have the role for
/// `/userdata/`, `other` has one for `/other/`; `agent` and `other` have the password `password`.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) cluster: Cluster,
    pub(crate) authority: Authority,
}

impl Secured {
    /// Starts it; the members' certificates are good for a server only.
    pub(crate) fn start(programs: &Programs, folder: &Path, options: &[&str]) -> Result<Self> {
        let authority = Authority::new(&folder.join("tls"))?;
        let (server, root) = (authority.server()?, authority.client("root")?);
        let text = |path: &Path| path.display().to_string();
        let ca = text(&authority.certificate);
        let (certificate, key) = (text(&server.certificate), text(&server.key));
        let mut all = vec![
            "--client-cert-auth",
            "--trusted-ca-file",
            &ca,
            "--cert-file",
            &certificate,
            "--key-file",
            &key,
        ];
        all.extend(options);
        let mut programs = programs.clone();
        programs.ctl_options = vec![
            format!("--cacert={ca}"),
            format!("--cert={}", text(&root.certificate)),
            format!("--key={}", text(&root.key)),
        ];
        let cluster = Cluster::start(&programs, folder, &all)?;
        for line in [
            "user add root --no-password",
            "role add root",
            "user grant-role root root",
            "role add userdata",
            "role grant-permission userdata readwrite --prefix=true /userdata/",
            "role add other",
            "role grant-permission other readwrite --prefix=true /other/",
            "user add xen --no-password",
            "user grant-role xen userdata",
            "user add agent:password",
            "user grant-role agent userdata",
            "user add other:password",
            "user grant-role other other",
            "auth enable",
        ] {
            let args: Vec<&str> = line.split(' ').collect();
            cluster.ctl(&args)?;
        }
        Ok(Self { cluster, authority })
    }

    /// The options of a client with this certificate and this user.
    pub(crate) fn options(
        &self,
        certificate: Option<&Certificate>,
        login: Option<(&str, &str)>,
    ) -> Result<EtcdOptions> {
        options(&self.cluster, &self.authority, certificate, login)
    }

    /// A client with this certificate and this user.
    pub(crate) fn engine(
        &self,
        certificate: Option<&Certificate>,
        login: Option<(&str, &str)>,
    ) -> Result<EtcdEngine> {
        Ok(EtcdEngine::new(self.options(certificate, login)?)?)
    }
}

/// The options of a client of this cluster, with this certificate and this user.
pub(crate) fn options(
    cluster: &Cluster,
    authority: &Authority,
    certificate: Option<&Certificate>,
    login: Option<(&str, &str)>,
) -> Result<EtcdOptions> {
    let read = |path: &Path| {
        let read = fs::read(path);
        read.with_context(|| format!("cannot read {}", path.display()))
    };
    let identity = certificate
        .map(|one| anyhow::Ok((read(&one.certificate)?, read(&one.key)?)))
        .transpose()?;
    let endpoints = cluster.endpoints();
    let endpoints = endpoints.iter().map(|endpoint| endpoint.parse());
    Ok(EtcdOptions {
        endpoints: endpoints.collect::<Result<_, _>>()?,
        tls: Some(Tls {
            ca: read(&authority.certificate)?,
            identity,
        }),
        login: login.map(|(user, password)| Login {
            user: user.to_owned(),
            password: password.to_owned(),
        }),
    })
}
