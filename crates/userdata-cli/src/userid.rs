//! How userids are read from the command line and shown.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use thiserror::Error;
use userdata::userid::UseridError;
use userdata::{Userid, WritableUserid};

/// Why an argument is not accepted as a userid.
#[derive(Debug, Error)]
pub(crate) enum UseridRefused {
    #[error("'{userid}' is not accepted as a userid")]
    Invalid { userid: String, source: UseridError },
    #[error("libxl-json is libxl's own record of the domain; --libxl-json permits changes to it")]
    LibxlJson,
}

/// A userid to store under, by the rules for writing. `libxl-json` only if it is permitted.
pub(crate) fn writable(text: &OsStr, libxl_json: bool) -> Result<WritableUserid, UseridRefused> {
    match WritableUserid::new(text.as_bytes()) {
        Err(UseridError::LibxlJson) if libxl_json => Ok(WritableUserid::libxl_json()),
        Err(UseridError::LibxlJson) => Err(UseridRefused::LibxlJson),
        other => other.map_err(|source| refused(text, source)),
    }
}

/// A userid that any program may have used: the bytes of the argument or, if `escaped`, the userid
/// that [`shown`] shows as this argument.
pub(crate) fn existing(text: &OsStr, escaped: bool) -> Result<Userid, UseridRefused> {
    let userid = match text.to_str() {
        _ if !escaped => Userid::new(text.as_bytes()),
        Some(EMPTY) => Userid::new(""),
        Some(text) => Userid::from_escaped(text),
        // The escaped form is ASCII, so it has no such bytes.
        None => Err(UseridError::Escape),
    };
    userid.map_err(|source| refused(text, source))
}

fn refused(text: &OsStr, source: UseridError) -> UseridRefused {
    UseridRefused::Invalid {
        userid: text.as_bytes().escape_ascii().to_string(),
        source,
    }
}

/// How the empty userid is shown.
const EMPTY: &str = r#""""#;

/// A userid as one word of printable ASCII: other bytes and blanks as `\xNN`, the empty one as
/// `""`.
pub(crate) fn shown(userid: &Userid) -> String {
    match userid.as_bytes() {
        [] => EMPTY.to_owned(),
        _ => userid.to_string().replace(' ', r"\x20"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_shown_reads_back() {
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
    fn a_backslash_without_meaning_is_refused() {
        for text in ["\\", "a\\", "\\q", "\\x", "\\x4", "\\x4g", "\\x+1"] {
            let refused = existing(OsStr::new(text), true);
            let source = UseridError::Escape;
            assert!(
                matches!(refused, Err(UseridRefused::Invalid { source: s, .. }) if s == source),
                "{text}"
            );
        }
    }

    #[test]
    fn libxl_json_has_to_be_permitted() {
        let text = OsStr::new("libxl-json");
        let refused = writable(text, false);
        assert!(matches!(refused, Err(UseridRefused::LibxlJson)));
        assert_eq!(writable(text, true).unwrap(), WritableUserid::libxl_json());
        assert!(writable(OsStr::new("a b"), true).is_err());
    }
}
