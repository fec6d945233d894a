//! `XenVersion`: a hypervisor's version.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A hypervisor's version, such as 4.17, without the number of its stable update.
///
/// ```
/// use hv_xen::XenVersion;
///
/// let version: XenVersion = "4.17".parse()?;
/// assert_eq!(version, XenVersion::new(4, 17));
/// assert!(version < XenVersion::new(4, 21));
/// assert_eq!(version.to_string(), "4.17");
/// # Ok::<(), hv_xen::XenVersionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XenVersion {
    /// The 4 of 4.17.
    pub major: u16,
    /// The 17 of 4.17.
    pub minor: u16,
}

impl XenVersion {
    /// The version `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads the answer to `XENVER_version`: the major number is in the upper half.
    ///
    /// ```
    /// use hv_xen::XenVersion;
    ///
    /// assert_eq!(XenVersion::decode(0x0004_0011), XenVersion::new(4, 17));
    /// ```
    #[must_use]
    pub const fn decode(answer: u32) -> Self {
        let [a, b, c, d] = answer.to_be_bytes();
        Self::new(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }
}

impl fmt::Display for XenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Reads `MAJOR.MINOR`, in decimal digits and nothing else.
impl FromStr for XenVersion {
    type Err = XenVersionError;

    fn from_str(text: &str) -> Result<Self, XenVersionError> {
        let number = |text: &str| {
            let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_decimal)
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self::new(number(major)?, number(minor)?)))
            .ok_or_else(|| XenVersionError(text.into()))
    }
}

/// A text that is not the version of a hypervisor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a version of Xen such as 4.17")]
pub struct XenVersionError(Box<str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_decoded_from_both_halves() {
        assert_eq!(XenVersion::decode(0x0004_0011), XenVersion::new(4, 17));
        let greatest = XenVersion::new(0xffff, 0xffff);
        assert_eq!(XenVersion::decode(u32::MAX), greatest);
        assert_eq!(greatest.to_string().parse(), Ok(greatest));
    }

    #[test]
    fn text_that_is_not_a_version_is_refused() {
        for text in [
            "", "4", "4.", ".17", "4.17.1", "+4.17", "4.-1", "4.65536", " 4.17", "4,17",
        ] {
            let error = text.parse::<XenVersion>().unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("{text:?}")),
                "{text}"
            );
        }
    }
}
