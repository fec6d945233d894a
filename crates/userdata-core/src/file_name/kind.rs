//! `Kind`: the purpose of a file, by the letter in its name; and what stands around the letter.

use std::fmt;

use crate::file_name::{NameFormat, PREFIX};
use crate::registry::USERDATA_LOCK;

/// The purpose of a file: the one letter after `userdata-`, in a tree the first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `d`: a value, raw bytes and nothing else.
    Data,
    /// `n`: libxl's temporary file. This library removes it and never writes it.
    New,
    /// `l`: a lock file.
    Lock,
    /// `t`: this library's temporary file, with a random part in place of the userid.
    Temporary,
    /// `c`: this library's closing mark, see the [glossary](crate::glossary).
    Closing,
    /// Any other ASCII letter: a file of another program. It is removed with the domain and
    /// counted, and never read.
    Foreign(u8),
}

impl Kind {
    /// The kind that a letter names; `None` if the byte is not an ASCII letter.
    #[must_use]
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'd' => Some(Self::Data),
            b'n' => Some(Self::New),
            b'l' => Some(Self::Lock),
            b't' => Some(Self::Temporary),
            b'c' => Some(Self::Closing),
            other if other.is_ascii_alphabetic() => Some(Self::Foreign(other)),
            _ => None,
        }
    }

    /// The letter that names this kind.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Data => b'd',
            Self::New => b'n',
            Self::Lock => b'l',
            Self::Temporary => b't',
            Self::Closing => b'c',
            Self::Foreign(letter) => letter,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Data => "data",
            Self::New => "libxl temporary",
            Self::Lock => "lock",
            Self::Temporary => "temporary",
            Self::Closing => "closing mark",
            Self::Foreign(_) => "foreign",
        })
    }
}

impl NameFormat {
    /// The bytes before the letter of the kind.
    pub(super) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Libxl | Self::Seed => PREFIX,
            Self::Tree => b"",
        }
    }

    /// The rest of the name of the closing mark.
    pub(super) const fn closing(self) -> &'static [u8] {
        match self {
            Self::Libxl | Self::Seed => USERDATA_LOCK.as_bytes(),
            Self::Tree => b"closing",
        }
    }
}
