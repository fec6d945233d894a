//! The members of the archive: their names, and the bytes that stand before the data of each.

use std::fmt;
use std::io;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use tar::{Builder, EntryType, Header};
use userdata_core::WritableUserid;

/// The name of the first member.
pub(crate) const MANIFEST: &str = "userdata.json";

/// The beginning of the name of every other member.
pub(crate) const VALUES: &str = "values/";

/// The size of a tar block in bytes.
pub(crate) const BLOCK: usize = 512;

/// The longest name that fits into a header.
const NAME: usize = 100;

/// All but the unreserved characters of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The name of the member that holds the value of `userid`. Extracted, it is a file in the folder
/// `values`, and not a hidden one.
pub(crate) fn name(userid: &WritableUserid) -> String {
    let (dot, rest) = match userid.as_bytes() {
        [b'.', rest @ ..] => ("%2E", rest),
        all => ("", all),
    };
    format!("{VALUES}{dot}{}", percent_encode(rest, &RESERVED))
}

/// The bytes before the data of the regular file `member`: a pax header if the name is long, then
/// its own header.
pub(crate) fn head(member: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    let short = match member.get(..NAME) {
        Some(short) if short.len() < member.len() => {
            tar.append_pax_extensions([("path", member.as_bytes())])?;
            short
        }
        _ => member,
    };
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_path(short)?;
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    // `append` takes the size from the header, and writes no data, because it gets none.
    tar.append(&header, io::empty())?;
    let mut head = tar.into_inner()?;
    // The two blocks of zeros that end a tar.
    head.truncate(head.len() - END);
    Ok(head)
}

/// The bytes of the two blocks that end a tar.
pub(crate) const END: usize = 2 * BLOCK;

/// The number of zeros that fill up the last block of `size` bytes.
pub(crate) fn padding(size: u64) -> usize {
    let used = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    (BLOCK - used) % BLOCK
}

/// A part of an archive, as errors name it. `Display` escapes what is not printable ASCII.
///
/// ```
/// use userdata_archive::Part;
///
/// let part = Part::Member(b"values/a\nb"[..].into());
/// assert_eq!(part.to_string(), r"values/a\nb");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The member that has, or should have, this name.
    Member(Box<[u8]>),
    /// The bytes after the last member.
    End,
}

impl Part {
    pub(crate) fn member(name: impl AsRef<[u8]>) -> Self {
        Self::Member(name.as_ref().into())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => name.escape_ascii().fmt(f),
            Self::End => f.pad("the end"),
        }
    }
}
