//! Certificates, by the command `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// An authority that signs certificates.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: PathBuf,
    pub(crate) certificate: PathBuf,
    key: PathBuf,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// A new authority; its files are in a folder of its own.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (certificate, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        let args = ["req", "-x509", "-newkey", "ec", "-days", "2", "-nodes"];
        let mut command = openssl(&args);
        command.args([
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-subj",
            "/CN=ca",
        ]);
        command
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key);
        succeed(command)?;
        Ok(Self {
            folder: folder.to_owned(),
            certificate,
            key,
        })
    }

    /// A certificate for a server at 127.0.0.1 that only a server may use.
    pub(crate) fn server(&self) -> Result<Certificate> {
        self.issue(
            "server",
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        )
    }

    /// A certificate for a client whose common name is this.
    pub(crate) fn client(&self, name: &str) -> Result<Certificate> {
        self.issue(name, "extendedKeyUsage=clientAuth\n")
    }

    fn issue(&self, name: &str, extensions: &str) -> Result<Certificate> {
        let file = |suffix: &str| self.folder.join(format!("{name}.{suffix}"));
        let (request, key, certificate) = (file("csr"), file("key"), file("pem"));
        let mut command = openssl(&["req", "-newkey", "ec", "-nodes"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        command.arg("-subj").arg(format!("/CN={name}"));
        command.arg("-out").arg(&request).arg("-keyout").arg(&key);
        succeed(command)?;
        fs::write(file("ext"), extensions)?;
        let mut command = openssl(&["x509", "-req", "-days", "2", "-CAcreateserial"]);
        command
            .arg("-CA")
            .arg(&self.certificate)
            .arg("-CAkey")
            .arg(&self.key);
        command
            .arg("-in")
            .arg(&request)
            .arg("-extfile")
            .arg(file("ext"));
        command.arg("-out").arg(&certificate);
        succeed(command)?;
        Ok(Certificate { certificate, key })
    }
}

fn openssl(args: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::null());
    command
}

fn succeed(mut command: Command) -> Result<()> {
    let told = command.output().context("cannot run openssl")?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{command:?}: {errors}");
    Ok(())
}
