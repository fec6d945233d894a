//! `TreeOwner`: the host that a tree belongs to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest owner, in bytes.
const LEN_MAX: usize = 128;

/// The host that a tree belongs to: on Xen the machine-id of the initial domain, as in
/// `/etc/machine-id`, otherwise a name that the caller gives. Where two hosts share a directory, it
/// prevents that one takes the other's domains for dead. The text has 1 to 128 printable ASCII
/// characters (0x21 to 0x7e).
///
/// ```
/// use userdata_core::store::TreeOwner;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let owner: TreeOwner = "0123456789abcdef0123456789abcdef".parse()?;
/// assert!("two words".parse::<TreeOwner>().is_err());
/// # let _ = owner;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeOwner(Box<str>);

impl TreeOwner {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreeOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TreeOwner {
    type Err = TreeOwnerError;

    fn from_str(text: &str) -> Result<Self, TreeOwnerError> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.len() {
            1..=LEN_MAX if is_printable => Ok(Self(text.into())),
            _ => Err(TreeOwnerError),
        }
    }
}

/// The text cannot name the owner of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the owner of a tree is named by 1 to 128 printable ASCII characters without spaces")]
pub struct TreeOwnerError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_fits_on_the_line_of_the_tree_file() {
        for text in ["", "a b", "a\n", "\u{e9}", &"a".repeat(129)] {
            assert_eq!(text.parse::<TreeOwner>(), Err(TreeOwnerError), "{text:?}");
        }
        for text in [
            "0123456789abcdef0123456789abcdef",
            "host-1",
            &"a".repeat(128),
        ] {
            assert_eq!(text.parse::<TreeOwner>().unwrap().as_str(), text);
        }
    }
}
