//! `Durability`: what a change survives.

use std::fmt;

/// What a change survives once the call has returned, from the least to the most. A store reports
/// the level that it reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Durability {
    /// The change survives the end of the calling process, however it ends, and not a power cut.
    /// libxl does no more.
    Process,
    /// After a power cut there is the whole old value or the whole new one.
    File,
    /// After a power cut there is the new value.
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
