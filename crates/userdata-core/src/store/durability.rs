//! `Durability`: what a change survives.

use std::fmt;

/// What a change that has returned survives, from the least to the most. A store reports the level
/// that it reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Durability {
    /// The end of the calling process, however it ends; not a power cut. What libxl does.
    Process,
    /// A power cut never shows a mixture: afterwards there is the old value or the new one.
    File,
    /// A power cut does not lose the new value.
    #[default]
    Full,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Full => "full",
        })
    }
}
