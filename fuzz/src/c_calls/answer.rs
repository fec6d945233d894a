//! `Answer`: what a call returns, and the results behind its pointers.

use userdata_archive::Archive;
use userdata_capi::called::{Item, Retrieved, Swept};
use userdata_core::DomainKey;

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Code(i32),
    Retrieved(Retrieved),
    Listed(i32, Option<Vec<Item>>),
    /// The code, what the caller's function returned, and what it got if it was called.
    Destroyed(i32, i32, Option<DomainKey>),
    Swept(Swept),
    /// The code, and what is in the file.
    Exported(i32, Option<Archive>),
}

impl Answer {
    pub(super) fn code(&self) -> i32 {
        match self {
            Self::Code(code)
            | Self::Listed(code, _)
            | Self::Destroyed(code, ..)
            | Self::Exported(code, _) => *code,
            Self::Retrieved(retrieved) => retrieved.code,
            Self::Swept(swept) => swept.code,
        }
    }
}
