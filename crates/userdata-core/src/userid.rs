//! `Userid`: the name under which a program stores its data.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::registry::{LIBXL_JSON, LOCKS, USERDATA_LOCK};

/// Any userid that a program may have used. A value under it can be listed, retrieved and removed.
///
/// libxl does not check userids, so a userid is a string of bytes: blanks, control characters,
/// bytes that are not UTF-8 and the empty userid are all possible. Only slash and NUL are not,
/// since they cannot be part of a file name. To store, this library accepts fewer userids, see
/// [`WritableUserid`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Userid(Box<[u8]>);

impl Userid {
    /// The length in bytes of the longest userid that fits into a file name of any format (in
    /// libxl's format it is 2 to 6 bytes less, for the domid and its dot).
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

    /// The part of a file name after the uuid. Every byte of a file name is one that a userid may
    /// have.
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
    /// The userid in ASCII: a byte that is not printable as `\xNN`, a backslash as `\\`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape(&self.0))
    }
}

impl fmt::Debug for Userid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Userid(\"{self}\")")
    }
}

impl Userid {
    /// Parses the form in which `Display` shows a userid: `\xNN` is a byte, `\n`, `\r` and `\t` are
    /// control characters, and a backslash before a backslash or a quote stands for that character.
    ///
    /// # Errors
    ///
    /// [`UseridError::Escape`], and those of [`Userid::new`].
    pub fn from_escaped(text: &str) -> Result<Self, UseridError> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'\\' => unescape(&mut rest).ok_or(UseridError::Escape)?,
                byte => byte,
            });
        }
        Self::new(bytes)
    }
}

/// The byte that the escape after a backslash stands for.
fn unescape(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    match rest.next()? {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        byte @ (b'\\' | b'\'' | b'"') => Some(byte),
        b'x' => {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()
        }
        _ => None,
    }
}

impl FromStr for Userid {
    type Err = UseridError;

    /// The userid with the bytes of this text, verbatim; see also [`Userid::from_escaped`].
    fn from_str(text: &str) -> Result<Self, UseridError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Userid {
    type Error = UseridError;

    fn try_from(text: &str) -> Result<Self, UseridError> {
        Self::new(text)
    }
}

impl TryFrom<&[u8]> for Userid {
    type Error = UseridError;

    fn try_from(bytes: &[u8]) -> Result<Self, UseridError> {
        Self::new(bytes)
    }
}

impl AsRef<[u8]> for Userid {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<Self> for Userid {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Any bytes, escaped so that they fit on one line of a terminal.
pub(crate) fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A userid under which this library stores: 1 to 128 printable ASCII characters (0x21 to 0x7e)
/// without a slash. It is not `.`, `..`, `libxl-json` or the name of a libxl lock, and does not
/// contain `domain-userdata-lock`.
///
/// libxl's header asks for "a short printable ASCII string".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WritableUserid(Userid);

impl WritableUserid {
    /// The length in bytes of the longest userid that is written.
    pub const LEN_MAX: usize = 128;

    /// The userid with this text.
    ///
    /// # Errors
    ///
    /// The [`UseridError`] of the rule that it breaks.
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

    /// `libxl-json`, libxl's own record of the domain. It has a constructor of its own because a
    /// wrong record makes the domain unmanageable for `xl`.
    #[must_use]
    pub fn libxl_json() -> Self {
        Self(Userid(LIBXL_JSON.as_bytes().into()))
    }

    /// Any userid that libxl accepts, except the names of locks: for programs that were written for
    /// libxl.
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

impl WritableUserid {
    /// The same userid, as the calls that read and remove take it.
    #[must_use]
    pub const fn as_userid(&self) -> &Userid {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AsRef<Userid> for WritableUserid {
    fn as_ref(&self) -> &Userid {
        &self.0
    }
}

impl AsRef<[u8]> for WritableUserid {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for WritableUserid {
    type Err = UseridError;

    fn from_str(text: &str) -> Result<Self, UseridError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for WritableUserid {
    type Error = UseridError;

    fn try_from(text: &str) -> Result<Self, UseridError> {
        Self::new(text)
    }
}

impl TryFrom<Userid> for WritableUserid {
    type Error = UseridError;

    fn try_from(userid: Userid) -> Result<Self, UseridError> {
        Self::new(userid.as_bytes())
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

/// The rule that a userid breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UseridError {
    /// It is empty.
    #[error("a userid must not be empty")]
    Empty,
    /// It is `.` or `..`.
    #[error("a userid must not be '.' or '..'")]
    Dots,
    /// It contains a slash.
    #[error("a userid must not contain a slash")]
    Slash,
    /// It contains a NUL byte.
    #[error("a userid must not contain a NUL byte")]
    Nul,
    /// It contains a blank, a control character or a byte beyond ASCII.
    #[error("a userid must consist of printable ASCII characters without blanks")]
    NotPrintable,
    /// It is too long.
    #[error("a userid may have at most {limit} bytes, and this one has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It is the name of a libxl lock, or contains `domain-userdata-lock`. libxl would never remove
    /// a value whose userid contains the latter.
    #[error("it is the name of a libxl lock or contains domain-userdata-lock")]
    Lock,
    /// A backslash does not begin an escape.
    #[error(r#"a backslash must be followed by n, r, t, \, ', " or x and two hex digits"#)]
    Escape,
    /// It is libxl's own record of the domain.
    #[error(
        "libxl-json is libxl's own record of the domain, and is changed only by explicit request"
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
