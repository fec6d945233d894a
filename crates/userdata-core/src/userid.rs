//! `Userid`: the name a program stores its data under.

use std::fmt;

use thiserror::Error;

use crate::registry::{LIBXL_JSON, LOCKS, USERDATA_LOCK};

/// Any userid that some program managed to store: what can be listed, retrieved and removed.
///
/// libxl validates nothing, so these are bytes: blanks, control characters, bytes that are no UTF-8
/// and the empty userid all occur. Only a slash and NUL can't be part of a file name. What this
/// library itself writes is narrower, see [`WritableUserid`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Userid(Box<[u8]>);

impl Userid {
    /// The length in bytes beyond which no userid fits into a file name, whatever the domain and
    /// the name format (libxl's format takes 5 to 9 bytes more than the seed's).
    pub const LEN_MAX: usize = 207;

    /// The userid with these bytes.
    ///
    /// # Errors
    ///
    /// [`UseridError::Slash`], [`UseridError::Nul`], [`UseridError::TooLong`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, UseridError> {
        let bytes = bytes.as_ref();
        if bytes.contains(&b'/') {
            Err(UseridError::Slash)
        } else if bytes.contains(&0) {
            Err(UseridError::Nul)
        } else if bytes.len() > Self::LEN_MAX {
            Err(UseridError::TooLong {
                length: bytes.len(),
                limit: Self::LEN_MAX,
            })
        } else {
            Ok(Self(bytes.into()))
        }
    }

    /// What follows the uuid in a file name, which is a userid whatever it holds.
    pub(crate) fn of_file_name(rest: &[u8]) -> Self {
        Self(rest.into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is libxl's own record of the domain.
    #[must_use]
    pub fn is_libxl_json(&self) -> bool {
        *self.0 == *LIBXL_JSON.as_bytes()
    }
}

impl fmt::Display for Userid {
    /// The bytes as ASCII; those that are not printable as `\xNN`, a backslash as `\\`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape(&self.0))
    }
}

impl fmt::Debug for Userid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Userid(\"{self}\")")
    }
}

/// Bytes that may be anything, made fit for one line of a terminal.
pub(crate) fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A userid that this library writes under: 1 to 128 printable ASCII characters (0x21 to 0x7e)
/// without a slash, neither `.` nor `..`, no name of a libxl lock or one that contains
/// `domain-userdata-lock`, and not `libxl-json`.
///
/// That is libxl's "short printable ASCII string" taken at its word. A reference to one serves
/// wherever a [`Userid`] is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WritableUserid(Userid);

impl WritableUserid {
    /// The length in bytes of the longest userid that is written.
    pub const LEN_MAX: usize = 128;

    /// The userid with this text.
    ///
    /// # Errors
    ///
    /// A [`UseridError`] that says which rule it breaks.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, UseridError> {
        let bytes = text.as_ref();
        if bytes.is_empty() {
            return Err(UseridError::Empty);
        }
        if bytes.len() > Self::LEN_MAX {
            return Err(UseridError::TooLong {
                length: bytes.len(),
                limit: Self::LEN_MAX,
            });
        }
        let userid = Userid::new(bytes)?;
        if !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(UseridError::NotPrintable);
        }
        if matches!(bytes, b"." | b"..") {
            return Err(UseridError::Dots);
        }
        if userid.is_libxl_json() {
            return Err(UseridError::LibxlJson);
        }
        Self::unless_lock(userid)
    }

    /// `libxl-json`, libxl's own record of the domain. Asking for it by this name is the explicit
    /// consent that writing it takes: a wrong one makes the domain unmanageable for `xl`.
    #[must_use]
    pub fn libxl_json() -> Self {
        Self(Userid(LIBXL_JSON.as_bytes().into()))
    }

    /// Any userid that libxl itself would store under, for programs written against libxl, except
    /// the names of locks.
    ///
    /// # Errors
    ///
    /// [`UseridError::Lock`], and those of [`Userid::new`].
    pub fn as_libxl_accepts(bytes: impl AsRef<[u8]>) -> Result<Self, UseridError> {
        Userid::new(bytes).and_then(Self::unless_lock)
    }

    fn unless_lock(userid: Userid) -> Result<Self, UseridError> {
        let bytes = userid.as_bytes();
        let word = USERDATA_LOCK.as_bytes();
        if LOCKS.iter().any(|lock| lock.as_bytes() == bytes)
            || bytes.windows(word.len()).any(|part| part == word)
        {
            Err(UseridError::Lock)
        } else {
            Ok(Self(userid))
        }
    }
}

impl std::ops::Deref for WritableUserid {
    type Target = Userid;

    fn deref(&self) -> &Userid {
        &self.0
    }
}

impl fmt::Display for WritableUserid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WritableUserid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WritableUserid(\"{self}\")")
    }
}

impl From<WritableUserid> for Userid {
    fn from(userid: WritableUserid) -> Self {
        userid.0
    }
}

/// Which rule a userid breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UseridError {
    /// It has no byte at all.
    #[error("a userid is written with at least one character")]
    Empty,
    /// It is `.` or `..`.
    #[error("a userid is neither '.' nor '..'")]
    Dots,
    /// It contains a slash.
    #[error("a userid has no slash")]
    Slash,
    /// It contains a NUL byte.
    #[error("a userid has no NUL byte")]
    Nul,
    /// It contains a blank, a control character or a byte beyond ASCII.
    #[error("a userid is written in printable ASCII characters without blanks")]
    NotPrintable,
    /// It is too long.
    #[error("a userid has at most {limit} bytes and this one has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It is the name of a libxl lock, or contains it, so that libxl would never collect the data.
    #[error("the name of a libxl lock is never a userid of data")]
    Lock,
    /// It is libxl's own record of the domain.
    #[error(
        "libxl-json is libxl's own record of the domain and is written only by explicit choice"
    )]
    LibxlJson,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_of_writing_has_its_own_error() {
        let too_long = "x".repeat(129);
        for (text, error) in [
            ("", UseridError::Empty),
            (".", UseridError::Dots),
            ("..", UseridError::Dots),
            ("a/b", UseridError::Slash),
            ("a\0b", UseridError::Nul),
            ("a b", UseridError::NotPrintable),
            ("a\u{7f}", UseridError::NotPrintable),
            ("\u{e9}", UseridError::NotPrintable),
            (
                &*too_long,
                UseridError::TooLong {
                    length: 129,
                    limit: 128,
                },
            ),
            ("domain-userdata-lock", UseridError::Lock),
            ("x-domain-userdata-lock-y", UseridError::Lock),
            ("libxl-device-changes-lock", UseridError::Lock),
            ("qmp-socket-lock", UseridError::Lock),
            ("libxl-json", UseridError::LibxlJson),
        ] {
            assert_eq!(WritableUserid::new(text), Err(error), "{text:?}");
        }
        for text in [
            "xl",
            "libvirt-xml",
            "...",
            ".hid",
            "*",
            "[x]",
            "a.b",
            "my-qmp-socket-lock",
        ] {
            assert_eq!(
                WritableUserid::new(text).unwrap().as_bytes(),
                text.as_bytes()
            );
        }
    }

    #[test]
    fn what_libxl_accepts_is_all_but_locks() {
        for bytes in [&b""[..], b"a b", b"libxl-json", b"\xff", b".."] {
            assert!(WritableUserid::as_libxl_accepts(bytes).is_ok());
        }
        assert_eq!(
            WritableUserid::as_libxl_accepts("qmp-socket-lock"),
            Err(UseridError::Lock)
        );
        assert_eq!(
            WritableUserid::as_libxl_accepts("a/b"),
            Err(UseridError::Slash)
        );
    }

    #[test]
    fn a_hostile_userid_is_shown_on_one_line() {
        let userid = Userid::new(b"a\n\x1b[2J\xff\\").unwrap();
        assert_eq!(userid.to_string(), r"a\n\x1b[2J\xff\\");
    }

    proptest! {
        #[test]
        fn whatever_may_be_written_can_be_read(
            bytes in proptest::collection::vec(0x20_u8.., 0..140),
        ) {
            if let Ok(written) = WritableUserid::new(&bytes) {
                prop_assert_eq!(Userid::new(&bytes), Ok(written.clone().into()));
                prop_assert!((1..=128).contains(&bytes.len()));
                prop_assert!(bytes.iter().all(|b| (0x21..=0x7e).contains(b) && *b != b'/'));
            }
        }
    }
}
