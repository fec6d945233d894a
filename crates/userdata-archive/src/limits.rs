//! `Limits`: how much an archive may hold.

use std::fmt;

use thiserror::Error;

use crate::Part;

/// How much an archive may hold, both to be written and to be read.
///
/// [`Archive::write`](crate::Archive::write) refuses an archive that
/// [`Archive::read`](crate::Archive::read) would refuse, before it writes the first byte. So the
/// error comes while the domain still has its data.
///
/// ```
/// use userdata_archive::Limits;
///
/// let limits = Limits::new(1 << 20).with_values(10);
/// assert_eq!(limits, Limits::new(1 << 20).with_values(10).with_total(64 << 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    value: u64,
    values: u64,
    total: u64,
    manifest: u64,
}

impl Limits {
    /// At most `value` bytes in one value, 1 024 values, 64 MiB in all values together, and 1 MiB
    /// in the manifest.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self {
            value,
            values: 1024,
            total: 64 << 20,
            manifest: 1 << 20,
        }
    }

    /// At most this many values.
    #[must_use]
    pub const fn with_values(mut self, values: u64) -> Self {
        self.values = values;
        self
    }

    /// At most this many bytes in all values together.
    #[must_use]
    pub const fn with_total(mut self, total: u64) -> Self {
        self.total = total;
        self
    }

    /// At most this many bytes in `userdata.json`. It is read into memory before anything in it is
    /// verified.
    #[must_use]
    pub const fn with_manifest(mut self, manifest: u64) -> Self {
        self.manifest = manifest;
        self
    }

    pub(crate) fn admit_manifest(&self, size: u64) -> Result<(), LimitExceeded> {
        LimitExceeded::unless(size <= self.manifest, Limit::Manifest, self.manifest, size)
    }

    pub(crate) fn admit_values<'v>(
        &self,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> Result<(), LimitExceeded> {
        let (mut count, mut total) = (0, 0_u64);
        for (member, size) in values {
            let limit = || Limit::Value(Part::member(member));
            if size > self.value {
                return LimitExceeded::unless(false, limit(), self.value, size);
            }
            count += 1;
            total = total.saturating_add(size);
        }
        LimitExceeded::unless(count <= self.values, Limit::Values, self.values, count)?;
        LimitExceeded::unless(total <= self.total, Limit::Total, self.total, total)
    }
}

/// One of the [`Limits`], as [`LimitExceeded`] names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The number of values.
    Values,
    /// The bytes of all values together.
    Total,
    /// The bytes of `userdata.json`.
    Manifest,
    /// The bytes of this value.
    Value(Part),
}

/// An archive is larger than the limits allow.
///
/// ```
/// use userdata_archive::{Archive, Limit, LimitExceeded, Limits, WriteError};
/// use userdata_core::{Userid, Value};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
/// let value = (Userid::new("xl")?, Value::new(b"12345".to_vec()));
/// let archive = Archive::new(domain, None, [value])?;
/// let error = archive.write(Vec::new(), &Limits::new(4)).expect_err("5 bytes");
/// assert_eq!(error.to_string(), "values/xl has 5 bytes and the limit is 4");
/// assert!(matches!(
///     error,
///     WriteError::Limit(LimitExceeded { limit: Limit::Value(_), allowed: 4, found: 5, .. })
/// ));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct LimitExceeded {
    /// Which limit it is.
    pub limit: Limit,
    /// How much is allowed.
    pub allowed: u64,
    /// How much the archive has, or says that it has.
    pub found: u64,
}

impl LimitExceeded {
    fn unless(kept: bool, limit: Limit, allowed: u64, found: u64) -> Result<(), Self> {
        if kept {
            return Ok(());
        }
        Err(Self {
            limit,
            allowed,
            found,
        })
    }

    fn text(&self) -> impl fmt::Display {
        let Self { allowed, found, .. } = self;
        match &self.limit {
            Limit::Values => format!("the archive has {found} values and the limit is {allowed}"),
            Limit::Total => format!(
                "the values of the archive have {found} bytes together and the limit is {allowed}"
            ),
            Limit::Manifest => {
                format!("userdata.json has {found} bytes and the limit is {allowed}")
            }
            Limit::Value(part) => format!("{part} has {found} bytes and the limit is {allowed}"),
        }
    }
}
