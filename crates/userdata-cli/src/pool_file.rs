//! `PoolFile`: the file of `--pool`, which says where the pool is and what this host is called.
//!
//! It is checked whole before anything is sent. A path in it is relative to its own folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use userdata::store::{HostName, HostNameError};
use userdata_etcd::{Endpoint, EtcdOptions, Login, NotAnEndpoint, Tls, TlsFault};
use userdata_pool::PoolOptions;

/// A file of a few lines, or a certificate, is never larger than this.
const BYTES_MAX: u64 = 1 << 20;

/// Every key of the file.
const KEYS: [&str; 10] = [
    "endpoints",
    "host",
    "prefix",
    "ca",
    "cert",
    "key",
    "user",
    "password-file",
    "max-ops",
    "max-bytes",
];

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
    #[error("cannot read {file}, the file of the pool")]
    Unread { file: String, source: Unread },
    #[error("{file}, line {line}")]
    Refused {
        file: String,
        line: usize,
        #[source]
        reason: Reason,
    },
}

/// Why a file was not read.
#[derive(Debug, Error)]
pub(crate) enum Unread {
    #[error(transparent)]
    Io(io::Error),
    #[error("it is a directory")]
    Directory,
    #[error("it is larger than 1 MiB")]
    TooLarge,
    #[error("it is not text in UTF-8")]
    NotText,
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub(crate) enum Reason {
    #[error("{0}")]
    Toml(String),
    #[error("'{0}' is not a key of this file; the keys are {keys}", keys = KEYS.join(", "))]
    UnknownKey(String),
    #[error("'{key}' is not {wanted}")]
    Type {
        key: &'static str,
        wanted: &'static str,
    },
    #[error("'{0}' is missing")]
    Missing(&'static str),
    #[error("'{0}' is an empty text")]
    Nothing(&'static str),
    #[error("'endpoints' names no member of the cluster")]
    NoEndpoint,
    #[error("'{text}'")]
    Endpoint { text: String, source: NotAnEndpoint },
    #[error("'{text}'")]
    Host { text: String, source: HostNameError },
    #[error("'{0}' does not end with '/'")]
    Prefix(String),
    #[error("'{given}' needs '{missing}' as well")]
    Alone {
        given: &'static str,
        missing: &'static str,
    },
    #[error("cannot read {file}")]
    Unread { file: String, source: Unread },
    #[error("{file} can be read or written by others; its mode must be 0600 or 0640")]
    Exposed { file: String },
    #[error("{file} is empty")]
    Empty { file: String },
    #[error("{file}")]
    Tls { file: String, source: TlsFault },
}

/// The keys of the file.
struct Keys<'a> {
    endpoints: Option<Spanned<Vec<Spanned<&'a str>>>>,
    host: Option<Spanned<&'a str>>,
    prefix: Option<Spanned<&'a str>>,
    ca: Option<Spanned<&'a str>>,
    cert: Option<Spanned<&'a str>>,
    key: Option<Spanned<&'a str>>,
    user: Option<Spanned<&'a str>>,
    password_file: Option<Spanned<&'a str>>,
    max_ops: Option<usize>,
    max_bytes: Option<usize>,
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
        let text = read_short(path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| Unread::NotText));
        let text = match text {
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

impl<'a> Keys<'a> {
    fn of(table: &'a DeTable<'_>) -> Result<Self, Wrong> {
        let unknown = table.keys().find(|key| !KEYS.contains(&&**key.get_ref()));
        if let Some(key) = unknown {
            let name = key.get_ref().clone().into_owned();
            return Err((key.span().start, Reason::UnknownKey(name)));
        }
        Ok(Self {
            endpoints: list(table, "endpoints")?,
            host: text(table, "host")?,
            prefix: text(table, "prefix")?,
            ca: text(table, "ca")?,
            cert: text(table, "cert")?,
            key: text(table, "key")?,
            user: text(table, "user")?,
            password_file: text(table, "password-file")?,
            max_ops: number(table, "max-ops")?,
            max_bytes: number(table, "max-bytes")?,
        })
    }
}

/// The text of a key. No key has a meaning with an empty one.
fn text<'a>(table: &'a DeTable<'_>, key: &'static str) -> Result<Option<Spanned<&'a str>>, Wrong> {
    let value = table.get(key);
    value.map(|value| one_text(value, key)).transpose()
}

fn one_text<'a>(
    value: &'a Spanned<DeValue<'_>>,
    key: &'static str,
) -> Result<Spanned<&'a str>, Wrong> {
    let span = value.span();
    match value.get_ref().as_str() {
        Some("") => Err((span.start, Reason::Nothing(key))),
        Some(text) => Ok(Spanned::new(span, text)),
        None => {
            let wanted = "a text in quotation marks";
            Err((span.start, Reason::Type { key, wanted }))
        }
    }
}

fn list<'a>(
    table: &'a DeTable<'_>,
    key: &'static str,
) -> Result<Option<Spanned<Vec<Spanned<&'a str>>>>, Wrong> {
    let Some(value) = table.get(key) else {
        return Ok(None);
    };
    let Some(values) = value.get_ref().as_array() else {
        let wanted = "a list of texts, such as [\"https://192.0.2.1:2379\"]";
        return Err((value.span().start, Reason::Type { key, wanted }));
    };
    let texts = values.iter().map(|value| one_text(value, key));
    let texts = texts.collect::<Result<_, _>>()?;
    Ok(Some(Spanned::new(value.span(), texts)))
}

fn number(table: &DeTable<'_>, key: &'static str) -> Result<Option<usize>, Wrong> {
    let Some(value) = table.get(key) else {
        return Ok(None);
    };
    let number = value.get_ref().as_integer();
    let number =
        number.and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok());
    match number {
        None | Some(0) => {
            let wanted = "a whole number above 0 that this machine can count to";
            Err((value.span().start, Reason::Type { key, wanted }))
        }
        number => Ok(number),
    }
}

impl Reader<'_> {
    fn parse(&self) -> Result<PoolFile, Wrong> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (at, Reason::Toml(error.message().to_owned()))
        })?;
        let keys = Keys::of(table.get_ref())?;
        let (endpoints, tls_at) = endpoints(keys.endpoints.as_ref())?;
        let host = keys.host.as_ref().ok_or((0, Reason::Missing("host")))?;
        let name = host.get_ref().parse().map_err(|source| {
            let text = (*host.get_ref()).to_owned();
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

    fn tls(&self, keys: &Keys<'_>) -> Result<Option<Tls>, Wrong> {
        let identity = match (&keys.cert, &keys.key) {
            (Some(cert), Some(key)) => Some((self.file(cert)?, self.secret(key)?)),
            (None, None) => None,
            (Some(cert), None) => return Err(alone(cert, "cert", "key")),
            (None, Some(key)) => return Err(alone(key, "key", "cert")),
        };
        let tls = match (&keys.ca, &keys.cert) {
            (Some(ca), _) => Tls {
                ca: self.file(ca)?,
                identity,
            },
            (None, Some(cert)) => return Err(alone(cert, "cert", "ca")),
            (None, None) => return Ok(None),
        };
        tls.check().map_err(|source| {
            let named = match source {
                TlsFault::Ca => &keys.ca,
                TlsFault::Certificate => &keys.cert,
                _ => &keys.key,
            };
            let at = named.as_ref().map_or(0, |path| path.span().start);
            let path = named.as_ref().map(|path| self.path(path));
            let file = path.unwrap_or_default().display().to_string();
            (at, Reason::Tls { file, source })
        })?;
        Ok(Some(tls))
    }

    fn login(&self, keys: &Keys<'_>) -> Result<Option<Login>, Wrong> {
        match (&keys.user, &keys.password_file) {
            (Some(user), Some(file)) => {
                let bytes = self.secret(file)?;
                let at = file.span().start;
                let name = || self.path(file).display().to_string();
                let password = String::from_utf8(bytes).map_err(|_| {
                    let (file, source) = (name(), Unread::NotText);
                    (at, Reason::Unread { file, source })
                })?;
                // An editor ends the line.
                let password = password.trim_end_matches(['\r', '\n']).to_owned();
                if password.is_empty() {
                    return Err((at, Reason::Empty { file: name() }));
                }
                let user = (*user.get_ref()).to_owned();
                Ok(Some(Login { user, password }))
            }
            (None, None) => Ok(None),
            (Some(user), None) => Err(alone(user, "user", "password-file")),
            (None, Some(file)) => Err(alone(file, "password-file", "user")),
        }
    }

    fn path(&self, path: &Spanned<&str>) -> PathBuf {
        self.folder.join(path.get_ref())
    }

    fn file(&self, path: &Spanned<&str>) -> Result<Vec<u8>, Wrong> {
        let full = self.path(path);
        read_short(&full).map_err(|source| {
            let file = full.display().to_string();
            (path.span().start, Reason::Unread { file, source })
        })
    }

    /// A file that others must not read.
    fn secret(&self, path: &Spanned<&str>) -> Result<Vec<u8>, Wrong> {
        let full = self.path(path);
        let is_exposed = fs::metadata(&full)
            .is_ok_and(|found| !found.is_dir() && found.permissions().mode() & 0o7 != 0);
        if is_exposed {
            let file = full.display().to_string();
            return Err((path.span().start, Reason::Exposed { file }));
        }
        self.file(path)
    }
}

fn alone<T>(key: &Spanned<T>, given: &'static str, missing: &'static str) -> Wrong {
    (key.span().start, Reason::Alone { given, missing })
}

/// The members, and the place of one that is reached by TLS.
fn endpoints(
    texts: Option<&Spanned<Vec<Spanned<&str>>>>,
) -> Result<(Vec<Endpoint>, Option<usize>), Wrong> {
    let texts = texts.ok_or((0, Reason::Missing("endpoints")))?;
    if texts.get_ref().is_empty() {
        return Err((texts.span().start, Reason::NoEndpoint));
    }
    let (mut all, mut tls_at) = (Vec::new(), None);
    for text in texts.get_ref() {
        let at = text.span().start;
        let endpoint: Endpoint = text.get_ref().parse().map_err(|source| {
            let text = (*text.get_ref()).to_owned();
            (at, Reason::Endpoint { text, source })
        })?;
        if endpoint.is_tls() {
            tls_at.get_or_insert(at);
        }
        all.push(endpoint);
    }
    Ok((all, tls_at))
}

fn options(keys: &Keys<'_>) -> Result<PoolOptions, Wrong> {
    let mut options = PoolOptions::default();
    if let Some(prefix) = &keys.prefix {
        let text = (*prefix.get_ref()).to_owned();
        if !text.ends_with('/') {
            return Err((prefix.span().start, Reason::Prefix(text)));
        }
        options.prefix = text;
    }
    options.max_ops = keys.max_ops.unwrap_or(options.max_ops);
    options.max_bytes = keys.max_bytes.unwrap_or(options.max_bytes);
    Ok(options)
}

fn read_short(path: &Path) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(Unread::Io)?.take(BYTES_MAX + 1);
    file.read_to_end(&mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => Unread::Directory,
            _ => Unread::Io(error),
        })?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Unread::TooLarge);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
