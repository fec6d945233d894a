//! `Domid`: the number by which Xen knows a domain that exists.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The number of a domain, `domid_t` in Xen's headers: 0 for the control domain, 1 to
/// [`Domid::MAX`] for guests.
///
/// A domid names a domain only while that domain exists; Xen gives it to another domain later. A
/// [`DomainKey`](crate::DomainKey) names one incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u32", into = "u32"))]
pub struct Domid(u16);

impl Domid {
    /// Domain 0, the control domain, which every host has.
    pub const ZERO: Self = Self(0);
    /// The highest domid of a guest: one below Xen's `DOMID_FIRST_RESERVED` (0x7FF0).
    pub const MAX: Self = Self(0x7fef);

    /// The domid with this number.
    ///
    /// # Errors
    ///
    /// [`DomidError::Reserved`] above [`Domid::MAX`].
    pub const fn new(number: u16) -> Result<Self, DomidError> {
        if number <= Self::MAX.0 {
            Ok(Self(number))
        } else {
            Err(DomidError::Reserved)
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Parses the form that file names use: decimal, without sign, padding or blanks.
    ///
    /// # Errors
    ///
    /// [`DomidError::NotCanonical`] for every other form, [`DomidError::Reserved`] for a number
    /// above [`Domid::MAX`].
    pub fn parse_ascii(digits: &[u8]) -> Result<Self, DomidError> {
        let canonical = match digits {
            [] => false,
            [b'0', rest @ ..] => rest.is_empty(),
            all => all.iter().all(u8::is_ascii_digit),
        };
        if !canonical {
            return Err(DomidError::NotCanonical);
        }
        digits
            .iter()
            .try_fold(0_u16, |number, digit| {
                number.checked_mul(10)?.checked_add(u16::from(digit - b'0'))
            })
            .ok_or(DomidError::Reserved)
            .and_then(Self::new)
    }
}

impl fmt::Display for Domid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Domid {
    type Err = DomidError;

    fn from_str(text: &str) -> Result<Self, DomidError> {
        Self::parse_ascii(text.as_bytes())
    }
}

impl TryFrom<u16> for Domid {
    type Error = DomidError;

    fn try_from(number: u16) -> Result<Self, DomidError> {
        Self::new(number)
    }
}

impl TryFrom<&str> for Domid {
    type Error = DomidError;

    fn try_from(text: &str) -> Result<Self, DomidError> {
        text.parse()
    }
}

impl From<Domid> for u16 {
    fn from(domid: Domid) -> Self {
        domid.0
    }
}

impl From<Domid> for u32 {
    fn from(domid: Domid) -> Self {
        domid.0.into()
    }
}

impl TryFrom<u32> for Domid {
    type Error = DomidError;

    fn try_from(number: u32) -> Result<Self, DomidError> {
        u16::try_from(number)
            .map_err(|_| DomidError::Reserved)
            .and_then(Self::new)
    }
}

/// Why a number or a text is not a domid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DomidError {
    /// Not a decimal number without sign and padding.
    #[error("a domid is a decimal number without sign or padding")]
    NotCanonical,
    /// Above the highest domid of a guest.
    #[error("no domain can have a domid above {}", Domid::MAX)]
    Reserved,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_canonical_form_parses() {
        for text in [
            "", "007", "00", "+5", "-1", " 5", "5 ", "5\n", "0x5", "\u{665}", "5.",
        ] {
            assert_eq!(
                text.parse::<Domid>(),
                Err(DomidError::NotCanonical),
                "{text:?}"
            );
        }
        for text in [
            "32752",
            "65535",
            "65536",
            "4294967295",
            "99999999999999999999999",
        ] {
            assert_eq!(text.parse::<Domid>(), Err(DomidError::Reserved), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parse_is_the_inverse_of_display(number in 0..=Domid::MAX.get()) {
            let domid = Domid::new(number).unwrap();
            prop_assert_eq!(domid.to_string().parse(), Ok(domid));
        }

        #[test]
        fn whatever_parses_formats_back_to_itself(text in "[0-9 +-]{0,6}") {
            if let Ok(domid) = text.parse::<Domid>() {
                prop_assert_eq!(domid.to_string(), text);
            }
        }
    }
}
