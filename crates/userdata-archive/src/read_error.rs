//! `ReadError`: what is wrong with an archive, and with which part of it.

use std::fmt::{self, Write as _};
use std::io;

use thiserror::Error;
use userdata_core::userid::UseridError;
use userdata_core::{Source, Version};

use crate::{LimitExceeded, Part};

/// Why an archive was not read. Nothing of it was returned.
///
/// ```
/// use userdata_archive::{Archive, Damage, Limits, Part, ReadError};
///
/// let error = Archive::read(&b""[..], &Limits::new(1 << 20)).expect_err("there is no archive");
/// assert!(matches!(
///     error,
///     ReadError::Damaged { part: Part::Member(name), damage: Damage::CutOff, .. }
///         if *name == *b"userdata.json"
/// ));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The archive is not as it was written, or is not an archive of userdata.
    #[error("{part} in the archive is damaged")]
    Damaged {
        /// The part that is not as it was written.
        part: Part,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
    /// The archive is larger than the limits allow.
    #[error(transparent)]
    Limit(LimitExceeded),
    /// A later release of this crate wrote the archive, in a form that this release does not know.
    #[error(
        "the archive has the form userdata/archive/{found}, and this program understands \
         userdata/archive/{understood}"
    )]
    NewerSchema {
        /// The number of its form.
        found: u64,
        /// The newest form that this release knows.
        understood: u64,
    },
    /// The archive is not damaged, but no value may be stored under this userid.
    #[error("'{}' in the archive is not accepted as a userid", Shown(.userid))]
    Userid {
        /// The userid as the manifest has it, in the escaped form of
        /// [`Userid`](userdata_core::Userid).
        userid: String,
        /// The rule that it breaks.
        source: UseridError,
    },
    /// There is not enough memory for a part of the archive.
    #[error("out of memory for {part} of {size} bytes")]
    OutOfMemory {
        /// The part.
        part: Part,
        /// Its size in bytes.
        size: u64,
    },
    /// The reader that the caller passed failed.
    #[error("cannot read {part} of the archive")]
    Io {
        /// The part that was to be read.
        part: Part,
        /// The error of the reader.
        source: io::Error,
    },
}

impl ReadError {
    pub(crate) const fn damaged(part: Part, damage: Damage) -> Self {
        Self::Damaged { part, damage }
    }
}

/// What is wrong with a part of an archive. It is the source of [`ReadError::Damaged`], so that a
/// printed chain names the part and says what is wrong with it.
///
/// ```
/// use userdata_archive::Damage;
///
/// let damage = Damage::Size { listed: 3, found: 4 };
/// assert_eq!(damage.to_string(), "it has 4 bytes, and userdata.json says 3");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The archive ends inside this part, or before it.
    #[error("the archive is cut off there")]
    CutOff,
    /// The checksum of its header is wrong, or the header is one that this crate does not write.
    #[error("its header is not as it was written")]
    Header,
    /// The member is a link, a directory, a device or the like. The byte is its type in tar.
    #[error("it is not a regular file, but of the tar type '{}'", .0.escape_ascii())]
    NotRegular(u8),
    /// The name is not that of a value: it leads elsewhere, with `/` or `..`.
    #[error("its name is not values/ and one name without a slash")]
    Path,
    /// The first member is not `userdata.json`.
    #[error("it is the first member, and that has to be userdata.json")]
    NotFirst,
    /// The member is not in the manifest.
    #[error("it is not listed in userdata.json")]
    NotListed,
    /// The manifest lists the member, and it is not in the archive, or not in its place.
    #[error("it is missing, or not in its place")]
    Missing,
    /// The archive has the member twice.
    #[error("it is there twice")]
    Twice,
    /// The manifest lists the member twice.
    #[error("it is listed twice in userdata.json")]
    ListedTwice,
    /// The manifest lists the member after a greater userid.
    #[error("it is not listed in the order of userids in userdata.json")]
    Order,
    /// The manifest says that the value is empty.
    #[error("userdata.json says that it is empty, and a value has at least one byte")]
    Empty,
    /// The value is longer or shorter than the manifest says.
    #[error("it has {found} bytes, and userdata.json says {listed}")]
    Size {
        /// Its size in the manifest.
        listed: u64,
        /// Its size in the archive.
        found: u64,
    },
    /// The value has another version than the manifest says.
    #[error("it has version {found}, and userdata.json says {listed}")]
    Version {
        /// The version in the manifest.
        listed: Version,
        /// The version of the bytes in the archive.
        found: Version,
    },
    /// The bytes that fill up the last block of the member, or the blocks at the end, are not zero.
    #[error("bytes that have to be zero are not")]
    Padding,
    /// More bytes follow after the end.
    #[error("something follows after the archive")]
    Trailing,
    /// The manifest is not JSON, or does not have the fields that it has to have.
    #[error("it is not the manifest of an archive of userdata")]
    NotAManifest(#[source] Source),
    /// The manifest names a form that does not exist.
    #[error("'{}' is not a form of the manifest", Shown(.0))]
    UnknownSchema(String),
    /// The checksum in the manifest is not that of its text.
    #[error("its text and its checksum differ")]
    Checksum,
    /// The manifest has this userid escaped in a way that this crate does not use.
    #[error("'{}' is not the form in which a userid is written", Shown(.0))]
    Escape(String),
}

/// Text of an archive, on one line of printable ASCII.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|shown| {
            if matches!(shown, ' '..='~') {
                f.write_char(shown)
            } else {
                shown.escape_default().fmt(f)
            }
        })
    }
}
