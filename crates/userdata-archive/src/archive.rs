//! `Archive`: the values of one domain, checked so that they can be written and read back.

use thiserror::Error;
use userdata_core::userid::UseridError;
use userdata_core::{DomainKey, Userid, Value, WritableUserid};

/// The userdata of one domain, to be taken along.
///
/// All its values can be stored again: every userid may be written, each has one value, and no
/// value is empty. libxl has no call for this: a program that knows the userids copies value by
/// value, with `libxl_userdata_retrieve` and `libxl_userdata_store`.
///
/// ```
/// use userdata_archive::Archive;
/// use userdata_core::{Userid, Value};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
/// let value = (Userid::new("xl")?, Value::new(b"memory = 512\n".to_vec()));
/// let archive = Archive::new(domain, Some("web".to_owned()), [value])?;
/// assert_eq!(archive.domain(), domain);
/// assert_eq!(archive.name(), Some("web"));
/// let (userid, value) = &archive.values()[0];
/// assert_eq!((userid.as_bytes(), value.as_bytes()), (&b"xl"[..], &b"memory = 512\n"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    pub(crate) domain: DomainKey,
    pub(crate) name: Option<String>,
    /// In the order of the userids.
    pub(crate) values: Vec<(WritableUserid, Value)>,
}

impl Archive {
    /// An archive of the values of `domain`, which may be given in any order. `name` is the name of
    /// the domain, if it has one.
    ///
    /// ```
    /// use userdata_archive::Archive;
    /// use userdata_core::{Userid, Value};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
    /// let value = |userid, bytes: &[u8]| (userid, Value::new(bytes.to_vec()));
    /// let values = [value(Userid::new("b")?, b"2"), value(Userid::new("a")?, b"1")];
    /// let archive = Archive::new(domain, None, values)?;
    /// assert_eq!(archive.values()[0].0.as_bytes(), b"a");
    ///
    /// let lock = value(Userid::new("domain-userdata-lock")?, b"1");
    /// assert!(Archive::new(domain, None, [lock]).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ContentsError`], which names the userid.
    pub fn new(
        domain: DomainKey,
        name: Option<String>,
        values: impl IntoIterator<Item = (Userid, Value)>,
    ) -> Result<Self, ContentsError> {
        let mut checked = Vec::new();
        for (userid, value) in values {
            if value.as_bytes().is_empty() {
                return Err(ContentsError::Empty { userid });
            }
            match Self::writable(&userid) {
                Ok(userid) => checked.push((userid, value)),
                Err(source) => return Err(ContentsError::Userid { userid, source }),
            }
        }
        checked.sort_by(|(a, _), (b, _)| a.cmp(b));
        let twice = checked
            .windows(2)
            .find_map(|pair| matches!(pair, [(a, _), (b, _)] if a == b).then(|| pair.first()))
            .flatten();
        if let Some((userid, _)) = twice {
            let userid = userid.as_userid().clone();
            return Err(ContentsError::Twice { userid });
        }
        Ok(Self {
            domain,
            name,
            values: checked,
        })
    }

    /// Checks that an archive can hold a value under this userid: one that may be written, or
    /// `libxl-json`, which goes along only by explicit choice.
    ///
    /// ```
    /// use userdata_archive::Archive;
    /// use userdata_core::Userid;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert!(Archive::writable(&Userid::new("libxl-json")?).is_ok());
    /// assert!(Archive::writable(&Userid::new("with a blank")?).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The [`UseridError`] names the rule that the userid breaks, as with [`WritableUserid::new`].
    pub fn writable(userid: &Userid) -> Result<WritableUserid, UseridError> {
        match WritableUserid::new(userid.as_bytes()) {
            Err(UseridError::LibxlJson) => Ok(WritableUserid::libxl_json()),
            other => other,
        }
    }

    /// The incarnation that had the values.
    #[must_use]
    pub const fn domain(&self) -> DomainKey {
        self.domain
    }

    /// The name that the domain had.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The values, in the order of their userids.
    #[must_use]
    pub fn values(&self) -> &[(WritableUserid, Value)] {
        &self.values
    }

    /// The values, without a copy.
    #[must_use]
    pub fn into_values(self) -> Vec<(WritableUserid, Value)> {
        self.values
    }
}

/// Why values cannot be in an archive.
///
/// ```
/// use userdata_archive::{Archive, ContentsError};
/// use userdata_core::{Userid, Value};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
/// let value = (Userid::new("xl")?, Value::new(Vec::new()));
/// let error = Archive::new(domain, None, [value]).expect_err("no value is empty");
/// assert_eq!(error.to_string(), "the value of 'xl' is empty");
/// assert!(matches!(error, ContentsError::Empty { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// The userid may not be written, so that the archive could not be read back.
    #[error("'{userid}' is not accepted as a userid")]
    Userid {
        /// The userid.
        userid: Userid,
        /// The rule that it breaks.
        source: UseridError,
    },
    /// Two values have the same userid.
    #[error("'{userid}' has two values")]
    Twice {
        /// The userid.
        userid: Userid,
    },
    /// The value is empty: to store no bytes is to remove the value.
    #[error("the value of '{userid}' is empty")]
    Empty {
        /// The userid.
        userid: Userid,
    },
}
