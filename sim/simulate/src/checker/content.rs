//! `Content` and `Need`: what stands under the name of a value, and what an operation needs there.

use std::fmt;

use userdata_core::Version;
use userdata_core::store::{Condition, Entry, FileType, StoreErrorKind};

use userdata_sim::Plant;
use userdata_sim::crash::TreeEntry;

/// The largest value that a store reads unless it is told otherwise.
const VALUE_MAX: u64 = 1 << 20;

/// What stands under the name of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Nothing,
    Value(Vec<u8>),
    /// A file without bytes.
    Empty,
    /// A file that can't be read as a value; if it is a regular file, it is too large.
    Strange(FileType),
}

/// What must be there for an operation to return what it returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Any,
    Is(Content),
    /// There is something, of any kind.
    Something,
    /// None of the values of a domain that came back with the same key; with `something`, a value.
    NoneOf {
        newer: Vec<Content>,
        something: bool,
    },
    /// What can be read, or nothing.
    Readable,
    Version(Version),
    /// As a listing shows it.
    Listed(Listed),
}

/// What a listing shows of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    size: u64,
    condition: Condition,
}

impl Content {
    /// What these bytes are as a file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Empty,
            _ => Self::Value(bytes.to_vec()),
        }
    }

    /// What storing these bytes leaves: none remove.
    pub(crate) fn stored(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Nothing,
            _ => Self::Value(bytes.to_vec()),
        }
    }

    pub(crate) fn planted(plant: &Plant) -> Self {
        match plant {
            Plant::File(bytes) => Self::of(bytes),
            Plant::Zeros(size) => Self::padded(&[], *size),
            other => Self::Strange(other.file_type()),
        }
    }

    pub(crate) fn found(entry: Option<&TreeEntry>) -> Self {
        let Some(entry) = entry else {
            return Self::Nothing;
        };
        match entry.bytes() {
            Some(bytes) => Self::padded(bytes, entry.size()),
            None => Self::Strange(entry.file_type()),
        }
    }

    /// What a file of this size is that begins with these bytes and holds zeros behind them.
    fn padded(head: &[u8], size: u64) -> Self {
        match usize::try_from(size) {
            Ok(length) if size <= VALUE_MAX => {
                let mut bytes = head.to_vec();
                bytes.resize(length, 0);
                Self::of(&bytes)
            }
            _ => Self::Strange(FileType::Regular),
        }
    }

    /// What a failed read says of it, if it says anything.
    pub(crate) fn refused(kind: &StoreErrorKind) -> Option<Self> {
        match kind {
            StoreErrorKind::Empty => Some(Self::Empty),
            StoreErrorKind::NotRegular(file_type) => Some(Self::Strange(*file_type)),
            StoreErrorKind::LimitExceeded { .. } => Some(Self::Strange(FileType::Regular)),
            _ => None,
        }
    }

    pub(crate) fn version(&self) -> Option<Version> {
        match self {
            Self::Value(bytes) => Some(Version::of(bytes)),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Value(bytes) => Some(bytes),
            Self::Empty => Some(&[]),
            Self::Nothing | Self::Strange(_) => None,
        }
    }
}

impl Listed {
    pub(crate) const fn of(entry: &Entry) -> Self {
        Self {
            size: entry.size,
            condition: entry.condition,
        }
    }
}

impl Need {
    /// What a read of `version`, or of nothing, found.
    pub(crate) fn found(version: Option<Version>) -> Self {
        version.map_or(Self::Is(Content::Nothing), Self::Version)
    }

    pub(crate) fn is_met(&self, content: &Content) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => wanted == content,
            Self::Something => *content != Content::Nothing,
            Self::NoneOf { newer, something } => {
                let is_there = *content != Content::Nothing;
                !newer.contains(content) && (is_there || !*something)
            }
            Self::Readable => matches!(content, Content::Nothing | Content::Value(_)),
            Self::Version(version) => content.version() == Some(*version),
            Self::Listed(Listed { size, condition }) => match (condition, content) {
                (Condition::Whole, Content::Value(bytes)) => bytes.len() as u64 == *size,
                (Condition::Whole, Content::Strange(FileType::Regular)) => *size > VALUE_MAX,
                (Condition::Empty, Content::Empty) => true,
                (Condition::NotRegular(listed), Content::Strange(found)) => listed == found,
                _ => false,
            },
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no value"),
            Self::Value(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Empty => f.write_str("an empty value"),
            Self::Strange(FileType::Regular) => f.write_str("a file that is too large"),
            Self::Strange(other) => write!(f, "a {other}"),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Is(content) => content.fmt(f),
            Self::Something => f.write_str("something to remove"),
            Self::NoneOf { .. } => f.write_str("a value of the domain that is gone"),
            Self::Readable => f.write_str("a value or none"),
            Self::Version(version) => write!(f, "version {:.8}", version.to_string()),
            Self::Listed(Listed { size, condition }) => match condition {
                Condition::NotRegular(file_type) => write!(f, "a {file_type}"),
                _ => write!(f, "a value of {size} bytes"),
            },
        }
    }
}
