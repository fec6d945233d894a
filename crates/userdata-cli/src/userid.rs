//! How userids are read from the command line and shown.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use thiserror::Error;
use userdata::userid::UseridError;
use userdata::{Userid, WritableUserid};

use crate::failure::Failure;

/// A userid to store under: strict. `libxl-json` only by explicit choice.
pub(crate) fn writable(text: &OsStr, libxl_json: bool) -> Result<WritableUserid, Failure> {
    match WritableUserid::new(text.as_bytes()) {
        Err(UseridError::LibxlJson) if libxl_json => Ok(WritableUserid::libxl_json()),
        Err(UseridError::LibxlJson) => Err(Failure::LibxlJson),
        other => other.map_err(|source| refused(text, source)),
    }
}

/// A userid that some program managed to store: its very bytes, or if `escaped` the form that
/// [`shown`] gives them.
pub(crate) fn existing(text: &OsStr, escaped: bool) -> Result<Userid, Failure> {
    let bytes = if escaped {
        unescape(text.as_bytes()).map_err(|source| Failure::Escape {
            userid: text.as_bytes().escape_ascii().to_string(),
            source,
        })?
    } else {
        text.as_bytes().to_owned()
    };
    Userid::new(bytes).map_err(|source| refused(text, source))
}

fn refused(text: &OsStr, source: UseridError) -> Failure {
    Failure::Userid {
        userid: text.as_bytes().escape_ascii().to_string(),
        source,
    }
}

/// A userid as one word of printable ASCII: other bytes and blanks as `\xNN`, the empty one as
/// `""`.
pub(crate) fn shown(userid: &Userid) -> String {
    match userid.as_bytes() {
        [] => r#""""#.to_owned(),
        bytes => bytes.escape_ascii().to_string().replace(' ', r"\x20"),
    }
}

/// The inverse of [`shown`].
fn unescape(text: &[u8]) -> Result<Vec<u8>, EscapeError> {
    if text == br#""""# {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'\\' {
            escaped(&mut rest)?
        } else {
            byte
        });
    }
    Ok(bytes)
}

/// The byte that is named behind a backslash.
fn escaped(rest: &mut impl Iterator<Item = u8>) -> Result<u8, EscapeError> {
    match rest.next() {
        Some(b'n') => Ok(b'\n'),
        Some(b'r') => Ok(b'\r'),
        Some(b't') => Ok(b'\t'),
        Some(byte @ (b'\\' | b'\'' | b'"')) => Ok(byte),
        Some(b'x') => {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            match (digit(), digit()) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).map_err(|_| EscapeError),
                _ => Err(EscapeError),
            }
        }
        _ => Err(EscapeError),
    }
}

/// Why a text is not an escaped userid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(r#"a backslash stands before n, r, t, \, ', " or x and two hexadecimal digits"#)]
pub(crate) struct EscapeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_shown_reads_back() {
        let every: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        let mut userids: Vec<&[u8]> = every.chunks(100).collect();
        userids.extend([
            &b""[..],
            b"\"\"",
            b"xl",
            b"a b ",
            b"a\\x41",
            b"it's",
            b"\xff\xfe",
        ]);
        for bytes in userids {
            let userid = Userid::new(bytes).unwrap();
            let shown = shown(&userid);
            assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown}");
            assert_eq!(
                existing(OsStr::new(&shown), true).unwrap(),
                userid,
                "{shown}"
            );
        }
    }

    #[test]
    fn a_backslash_that_says_nothing_is_refused() {
        for text in ["\\", "a\\", "\\q", "\\x", "\\x4", "\\x4g", "\\x+1"] {
            let refused = existing(OsStr::new(text), true);
            assert!(matches!(refused, Err(Failure::Escape { .. })), "{text}");
        }
    }

    #[test]
    fn libxl_json_takes_a_choice() {
        let text = OsStr::new("libxl-json");
        assert!(matches!(writable(text, false), Err(Failure::LibxlJson)));
        assert_eq!(writable(text, true).unwrap(), WritableUserid::libxl_json());
        assert!(writable(OsStr::new("a b"), true).is_err());
    }
}
