//! `PoolFile`: the file of `--pool`, which says where the pool is and what this host is called.
//!
//! It is checked whole before anything is sent. A path in it is relative to its own folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;
use userdata::store::{HostName, HostNameError};
use userdata_etcd::{Endpoint, EtcdOptions, Login, NotAnEndpoint, Tls};
use userdata_pool::PoolOptions;

/// A file of a few lines, or a certificate, is never larger than this.
const BYTES_MAX: u64 = 1 << 20;

/// What the file says.
#[derive(Debug)]
pub(crate) struct PoolFile {
    pub(crate) etcd: EtcdOptions,
    pub(crate) host: HostName,
    pub(crate) options: PoolOptions,
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum PoolFileError {
    #[error("cannot read {file}")]
    Unread { file: String, source: io::Error },
    #[error("{file}, line {line}: {reason}")]
    Refused {
        file: String,
        line: usize,
        reason: Reason,
    },
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub(crate) enum Reason {
    #[error("{0}")]
    Toml(String),
    #[error("'{0}' is missing")]
    Missing(&'static str),
    #[error("'endpoints' names no member of the cluster")]
    NoEndpoint,
    #[error("'{text}': {source}")]
    Endpoint { text: String, source: NotAnEndpoint },
    #[error("'{text}': {source}")]
    Host { text: String, source: HostNameError },
    #[error("'{0}' does not end with '/'")]
    Prefix(String),
    #[error("'{0}' is not above 0")]
    Zero(&'static str),
    #[error("'{given}' needs '{missing}' as well")]
    Alone {
        given: &'static str,
        missing: &'static str,
    },
    #[error("cannot read {file}: {source}")]
    Unread { file: String, source: io::Error },
    #[error("{file} can be read or written by others; its mode must be 0600 or 0640")]
    Exposed { file: String },
    #[error("{file} is empty")]
    Empty { file: String },
}

/// The keys of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    endpoints: Option<Spanned<Vec<Spanned<String>>>>,
    host: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    ca: Option<Spanned<PathBuf>>,
    cert: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    user: Option<Spanned<String>>,
    password_file: Option<Spanned<PathBuf>>,
    max_ops: Option<Spanned<usize>>,
    max_bytes: Option<Spanned<usize>>,
}

/// The text and the folder of the file that is read.
struct Reader<'a> {
    text: &'a str,
    folder: &'a Path,
}

/// A place in the text, and what is wrong there.
type Wrong = (usize, Reason);

impl PoolFile {
    pub(crate) fn read(path: &Path) -> Result<Self, PoolFileError> {
        let file = path.display().to_string();
        let text = match read_short(path).and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        }) {
            Ok(text) => text,
            Err(source) => return Err(PoolFileError::Unread { file, source }),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let reader = Reader {
            text: &text,
            folder,
        };
        reader.parse().map_err(|(at, reason)| {
            let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
            PoolFileError::Refused { file, line, reason }
        })
    }
}

impl Reader<'_> {
    fn parse(&self) -> Result<PoolFile, Wrong> {
        let keys: Keys = toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (at, Reason::Toml(error.message().to_owned()))
        })?;
        let (endpoints, tls_at) = endpoints(keys.endpoints.as_ref())?;
        let host = keys.host.as_ref().ok_or((0, Reason::Missing("host")))?;
        let name = host.get_ref().parse().map_err(|source| {
            let text = host.get_ref().clone();
            (host.span().start, Reason::Host { text, source })
        })?;
        let tls = self.tls(&keys)?;
        if let (Some(at), None) = (tls_at, &tls) {
            let (given, missing) = ("https", "ca");
            return Err((at, Reason::Alone { given, missing }));
        }
        Ok(PoolFile {
            etcd: EtcdOptions {
                endpoints,
                tls,
                login: self.login(&keys)?,
            },
            host: name,
            options: options(&keys)?,
        })
    }

    fn tls(&self, keys: &Keys) -> Result<Option<Tls>, Wrong> {
        let identity = match (&keys.cert, &keys.key) {
            (Some(cert), Some(key)) => Some((self.file(cert)?, self.secret(key)?)),
            (None, None) => None,
            (Some(cert), None) => return Err(alone(cert, "cert", "key")),
            (None, Some(key)) => return Err(alone(key, "key", "cert")),
        };
        match (&keys.ca, &keys.cert) {
            (Some(ca), _) => {
                let ca = self.file(ca)?;
                Ok(Some(Tls { ca, identity }))
            }
            (None, Some(cert)) => Err(alone(cert, "cert", "ca")),
            (None, None) => Ok(None),
        }
    }

    fn login(&self, keys: &Keys) -> Result<Option<Login>, Wrong> {
        match (&keys.user, &keys.password_file) {
            (Some(user), Some(file)) => {
                let bytes = self.secret(file)?;
                let password = String::from_utf8(bytes).map_err(|error| {
                    let source = io::Error::new(io::ErrorKind::InvalidData, error);
                    let file = self.path(file).display().to_string();
                    (
                        file_at(&keys.password_file),
                        Reason::Unread { file, source },
                    )
                })?;
                // An editor ends the line.
                let password = password.trim_end_matches(['\r', '\n']).to_owned();
                if password.is_empty() {
                    let name = self.path(file).display().to_string();
                    return Err((file.span().start, Reason::Empty { file: name }));
                }
                let user = user.get_ref().clone();
                Ok(Some(Login { user, password }))
            }
            (None, None) => Ok(None),
            (Some(user), None) => Err(alone(user, "user", "password-file")),
            (None, Some(file)) => Err(alone(file, "password-file", "user")),
        }
    }

    fn path(&self, path: &Spanned<PathBuf>) -> PathBuf {
        self.folder.join(path.get_ref())
    }

    fn file(&self, path: &Spanned<PathBuf>) -> Result<Vec<u8>, Wrong> {
        let full = self.path(path);
        read_short(&full).map_err(|source| {
            let file = full.display().to_string();
            (path.span().start, Reason::Unread { file, source })
        })
    }

    /// A file that others must not read.
    fn secret(&self, path: &Spanned<PathBuf>) -> Result<Vec<u8>, Wrong> {
        let full = self.path(path);
        let is_exposed =
            fs::metadata(&full).is_ok_and(|found| found.permissions().mode() & 0o7 != 0);
        if is_exposed {
            let file = full.display().to_string();
            return Err((path.span().start, Reason::Exposed { file }));
        }
        self.file(path)
    }
}

fn file_at(path: &Option<Spanned<PathBuf>>) -> usize {
    path.as_ref().map_or(0, |path| path.span().start)
}

fn alone<T>(key: &Spanned<T>, given: &'static str, missing: &'static str) -> Wrong {
    (key.span().start, Reason::Alone { given, missing })
}

/// The members, and the place of one that is reached by TLS.
fn endpoints(
    texts: Option<&Spanned<Vec<Spanned<String>>>>,
) -> Result<(Vec<Endpoint>, Option<usize>), Wrong> {
    let texts = texts.ok_or((0, Reason::Missing("endpoints")))?;
    if texts.get_ref().is_empty() {
        return Err((texts.span().start, Reason::NoEndpoint));
    }
    let (mut all, mut tls_at) = (Vec::new(), None);
    for text in texts.get_ref() {
        let at = text.span().start;
        let endpoint: Endpoint = text.get_ref().parse().map_err(|source| {
            let text = text.get_ref().clone();
            (at, Reason::Endpoint { text, source })
        })?;
        if endpoint.is_tls() {
            tls_at.get_or_insert(at);
        }
        all.push(endpoint);
    }
    Ok((all, tls_at))
}

fn options(keys: &Keys) -> Result<PoolOptions, Wrong> {
    let mut options = PoolOptions::default();
    if let Some(prefix) = &keys.prefix {
        let text = prefix.get_ref();
        if !text.ends_with('/') {
            return Err((prefix.span().start, Reason::Prefix(text.clone())));
        }
        options.prefix.clone_from(text);
    }
    let above_zero = |number: &Spanned<usize>, name| match *number.get_ref() {
        0 => Err((number.span().start, Reason::Zero(name))),
        number => Ok(number),
    };
    if let Some(number) = &keys.max_ops {
        options.max_ops = above_zero(number, "max-ops")?;
    }
    if let Some(number) = &keys.max_bytes {
        options.max_bytes = above_zero(number, "max-bytes")?;
    }
    Ok(options)
}

fn read_short(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(BYTES_MAX + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
