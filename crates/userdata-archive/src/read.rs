//! Reading an archive: all of it is verified before any of it is returned.

use std::io::Read;

use tar::EntryType;
use userdata_core::Value;

use crate::input::{Head, Input, all_zero};
use crate::manifest::{self, Entry};
use crate::member::{self, BLOCK, END, MANIFEST, VALUES};
use crate::{Archive, Damage, Limits, Part, ReadError};

/// The number of zero bytes that may follow after the end of an archive: one record of plain `tar`.
///
/// ```
/// use userdata_archive::{Archive, Limits, PADDING};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = Limits::new(1 << 20);
/// let mut file = Vec::new();
/// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
/// Archive::new(domain, None, [])?.write(&mut file, &limits)?;
/// file.resize(file.len() + PADDING, 0);
/// assert!(Archive::read(&file[..], &limits).is_ok());
/// file.push(0);
/// assert!(Archive::read(&file[..], &limits).is_err());
/// # Ok(())
/// # }
/// ```
pub const PADDING: usize = 20 * BLOCK;

impl Archive {
    /// Reads an archive from `input`, to its end, and verifies all of it.
    ///
    /// Nothing is returned before the last byte was read and verified, so that no value of a
    /// damaged archive can be stored. The call needs memory for all values, the manifest and a
    /// buffer. It reads 64 KiB at a time, and reads again after
    /// [`Interrupted`](std::io::ErrorKind::Interrupted).
    ///
    /// ```
    /// use userdata_archive::{Archive, Limits};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
    /// # let mut file = Vec::new();
    /// # Archive::new(domain, None, [])?.write(&mut file, &Limits::new(1 << 20))?;
    /// let archive = Archive::read(&file[..], &Limits::new(1 << 20))?;
    /// for (userid, value) in archive.into_values() {
    ///     println!("{userid}: {} bytes", value.as_bytes().len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`], which names the part of the archive that is wrong.
    pub fn read(input: impl Read, limits: &Limits) -> Result<Self, ReadError> {
        let mut input = Input::new(input);
        let manifest = manifest::decode(&read_manifest(&mut input, limits)?)?;
        let sizes = manifest.entries.iter().map(|e| (&*e.member, e.size));
        limits.admit_values(sizes).map_err(ReadError::Limit)?;
        let mut values = Vec::new();
        for (at, entry) in manifest.entries.iter().enumerate() {
            let value = read_value(&mut input, &manifest.entries, at, entry)?;
            values.push((entry.userid.clone(), value));
        }
        read_end(&mut input, &manifest.entries)?;
        Ok(Self {
            domain: manifest.domain,
            name: manifest.name,
            values,
        })
    }
}

fn read_manifest(input: &mut Input<impl Read>, limits: &Limits) -> Result<Vec<u8>, ReadError> {
    let part = Part::member(MANIFEST);
    let Some(head) = input.head(&part)? else {
        return Err(ReadError::damaged(part, Damage::Missing));
    };
    check_kind(&head)?;
    if head.member != MANIFEST.as_bytes() {
        return Err(ReadError::damaged(
            Part::member(head.member),
            Damage::NotFirst,
        ));
    }
    limits.admit_manifest(head.size).map_err(ReadError::Limit)?;
    check_bytes(&head, MANIFEST, &part)?;
    let bytes = input.bytes(head.size, &part)?;
    input.zeros(member::padding(head.size), &part)?;
    Ok(bytes)
}

/// Reads the value of `entry`, which has the place `at` in `entries`.
fn read_value(
    input: &mut Input<impl Read>,
    entries: &[Entry],
    at: usize,
    entry: &Entry,
) -> Result<Value, ReadError> {
    let part = Part::member(&entry.member);
    let Some(head) = input.head(&part)? else {
        return Err(ReadError::damaged(part, Damage::Missing));
    };
    check_kind(&head)?;
    if head.member != entry.member.as_bytes() {
        return Err(unexpected(&head, entries, at));
    }
    if head.size != entry.size {
        let damage = Damage::Size {
            listed: entry.size,
            found: head.size,
        };
        return Err(ReadError::damaged(part, damage));
    }
    check_bytes(&head, &entry.member, &part)?;
    let value = Value::new(input.bytes(entry.size, &part)?);
    let found = value.version();
    if found != entry.version {
        let listed = entry.version;
        return Err(ReadError::damaged(part, Damage::Version { listed, found }));
    }
    input.zeros(member::padding(entry.size), &part)?;
    Ok(value)
}

fn read_end(input: &mut Input<impl Read>, entries: &[Entry]) -> Result<(), ReadError> {
    // The first of the two blocks is where another member would begin.
    if let Some(head) = input.head(&Part::End)? {
        check_kind(&head)?;
        return Err(unexpected(&head, entries, entries.len()));
    }
    input.zeros(END - BLOCK, &Part::End)?;
    let rest = input.up_to(PADDING as u64 + 1, &Part::End)?;
    if rest.len() > PADDING || !all_zero(&rest) {
        return Err(ReadError::damaged(Part::End, Damage::Trailing));
    }
    Ok(())
}

fn check_kind(head: &Head) -> Result<(), ReadError> {
    if head.kind == EntryType::Regular {
        return Ok(());
    }
    let damage = Damage::NotRegular(head.kind.as_byte());
    Err(ReadError::damaged(Part::member(&head.member), damage))
}

/// Checks that this crate would write exactly these header bytes.
fn check_bytes(head: &Head, member: &str, part: &Part) -> Result<(), ReadError> {
    match member::head(member, head.size) {
        Ok(written) if written == head.bytes => Ok(()),
        Ok(_) => Err(ReadError::damaged(part.clone(), Damage::Header)),
        Err(source) => Err(ReadError::Io {
            part: part.clone(),
            source,
        }),
    }
}

/// The error for a member that is not the one at the place `at` of `entries`.
fn unexpected(head: &Head, entries: &[Entry], at: usize) -> ReadError {
    let found = head.member.as_slice();
    let place = entries.iter().position(|e| e.member.as_bytes() == found);
    let is_path = || {
        let name = found.strip_prefix(VALUES.as_bytes()).unwrap_or(b"..");
        name.contains(&b'/') || matches!(name, b"" | b"." | b"..")
    };
    let damage = match (place, entries.get(at)) {
        _ if found == MANIFEST.as_bytes() => Damage::Twice,
        (Some(place), _) if place < at => Damage::Twice,
        (Some(_), Some(missing)) => {
            return ReadError::damaged(Part::member(&missing.member), Damage::Missing);
        }
        _ if is_path() => Damage::Path,
        _ => Damage::NotListed,
    };
    ReadError::damaged(Part::member(found), damage)
}
