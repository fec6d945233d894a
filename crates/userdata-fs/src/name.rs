//! `Name`: a single path component.

use std::ffi::CStr;
use std::fmt;

use userdata_core::file_name::FileName;

/// One name in a directory: not empty, neither `.` nor `..`, without slash and NUL. Relative to the
/// descriptor of a directory, such a name can't lead out of this directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The name with these bytes, or `None` if they are not a single path component.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Self::without_nul(bytes).filter(|_| !bytes.contains(&0))
    }

    /// The same for an entry of a directory, whose name ends at its NUL.
    pub(crate) fn of_entry(name: &'a CStr) -> Option<Self> {
        Self::without_nul(name.to_bytes())
    }

    fn without_nul(bytes: &'a [u8]) -> Option<Self> {
        let single = !matches!(bytes, b"" | b"." | b"..") && !bytes.contains(&b'/');
        single.then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> From<&'a FileName> for Name<'a> {
    fn from(name: &'a FileName) -> Self {
        Self(name.as_bytes())
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name(\"{self}\")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for bytes in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0"] {
            assert_eq!(Name::new(bytes), None);
        }
        for bytes in [&b"a"[..], b"...", b".hid", b"\xff", b" "] {
            assert_eq!(Name::new(bytes).map(Name::as_bytes), Some(bytes));
        }
    }
}
