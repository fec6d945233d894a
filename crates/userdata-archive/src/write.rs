//! Writing an archive.

use std::io::{self, Write};

use thiserror::Error;

use crate::member::{self, END};
use crate::{Archive, LimitExceeded, Limits, Part, manifest};

impl Archive {
    /// Writes the archive to `out`, and flushes it. The same archive gives the same bytes.
    ///
    /// The call writes to `out` twice for each value, so `out` needs no buffer. The call syncs no
    /// file. A power cut may leave a part of one that is not synced, which [`read`](Archive::read)
    /// refuses.
    ///
    /// ```
    /// use userdata_archive::{Archive, Limits};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
    /// let mut file = Vec::new();
    /// Archive::new(domain, None, [])?.write(&mut file, &Limits::new(1 << 20))?;
    /// assert!(file.starts_with(b"userdata.json\0"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`WriteError::Limit`] if the archive could not be read back within `limits`; nothing is
    /// written. [`WriteError::Io`] if `out` failed; `read` refuses the bytes that were written
    /// before.
    pub fn write(&self, mut out: impl Write, limits: &Limits) -> Result<(), WriteError> {
        let first = Part::member(member::MANIFEST);
        let members: Vec<String> = self.values.iter().map(|(id, _)| member::name(id)).collect();
        let sizes = self.values.iter().map(|(_, value)| size(value.as_bytes()));
        limits
            .admit_values(members.iter().map(String::as_str).zip(sizes))
            .map_err(WriteError::Limit)?;
        let manifest = manifest::encode(self).map_err(|error| failed(&first, error.into()))?;
        limits
            .admit_manifest(size(&manifest))
            .map_err(WriteError::Limit)?;

        // The zeros that fill up the last block. They are written together with the next header.
        let mut between = Vec::new();
        let values = self.values.iter().map(|(_, value)| value.as_bytes());
        let all = std::iter::once((member::MANIFEST, &*manifest))
            .chain(members.iter().map(String::as_str).zip(values));
        for (name, data) in all {
            let part = Part::member(name);
            let head = member::head(name, size(data)).map_err(|error| failed(&part, error))?;
            between.extend(head);
            out.write_all(&between)
                .and_then(|()| out.write_all(data))
                .map_err(|error| failed(&part, error))?;
            between.clear();
            between.resize(member::padding(size(data)), 0);
        }
        between.resize(between.len() + END, 0);
        out.write_all(&between)
            .and_then(|()| out.flush())
            .map_err(|error| failed(&Part::End, error))
    }
}

const fn size(data: &[u8]) -> u64 {
    data.len() as u64
}

fn failed(part: &Part, source: io::Error) -> WriteError {
    WriteError::Io {
        part: part.clone(),
        source,
    }
}

/// Why an archive was not written.
///
/// ```
/// use userdata_archive::{Archive, Limits, Part, WriteError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
/// let mut room = [0; 1024];
/// let error = Archive::new(domain, None, [])?
///     .write(&mut room[..], &Limits::new(1 << 20))
///     .expect_err("the end does not fit");
/// assert!(matches!(error, WriteError::Io { part: Part::End, .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The archive is larger than the limits allow. Nothing was written.
    #[error(transparent)]
    Limit(LimitExceeded),
    /// The writer that the caller passed failed. The bytes that were written are not an archive.
    #[error("cannot write {part} of the archive")]
    Io {
        /// The part that was to be written.
        part: Part,
        /// The error of the writer.
        source: io::Error,
    },
}
