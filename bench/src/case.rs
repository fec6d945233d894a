//! `Case`: what is measured.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use userdata_core::store::Durability;

/// How many values a domain has that is listed or whose data is destroyed.
pub const VALUES: u32 = 5;

/// One operation that is measured. Values are 4 KiB and differ each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// open, fstat, read, close.
    BareRetrieve,
    /// `Store::get` of the file store.
    Retrieve,
    /// `Userdata::retrieve` by domid, with a simulated host.
    UserdataRetrieve,
    /// lock-open, flock, fstat, stat, open, write, close, rename, stat, unlink, close.
    BareStore,
    /// `Store::change` of the file store at `Process`.
    Store,
    /// `Userdata::store` by domid at `Process`, with a simulated host.
    UserdataStore,
    /// The bare store with an fdatasync of the file.
    BareStoreFile,
    /// `Store::change` at `File`.
    StoreFile,
    /// The bare store with both syncs.
    BareStoreFull,
    /// `Store::change` at `Full`.
    StoreFull,
    /// `Store::list` of a domain with five values.
    List,
    /// `Store::change` that clears a domain with five values, at `Process`.
    DestroyAll,
}

impl Case {
    /// All of them; a bare sequence stands before what is held against it.
    pub const ALL: [Self; 12] = [
        Self::BareRetrieve,
        Self::Retrieve,
        Self::UserdataRetrieve,
        Self::BareStore,
        Self::Store,
        Self::UserdataStore,
        Self::BareStoreFile,
        Self::StoreFile,
        Self::BareStoreFull,
        Self::StoreFull,
        Self::List,
        Self::DestroyAll,
    ];

    /// The bare sequence that does the same.
    #[must_use]
    pub const fn bare(self) -> Option<Self> {
        match self {
            Self::Retrieve | Self::UserdataRetrieve => Some(Self::BareRetrieve),
            Self::Store | Self::UserdataStore => Some(Self::BareStore),
            Self::StoreFile => Some(Self::BareStoreFile),
            Self::StoreFull => Some(Self::BareStoreFull),
            _ => None,
        }
    }

    /// What has to be done before each time, how often, and is no part of the case.
    #[must_use]
    pub const fn preparation(self) -> Option<(Self, u32)> {
        match self {
            Self::DestroyAll => Some((Self::Store, VALUES)),
            _ => None,
        }
    }

    /// In one of how many rounds this is done. What is held against a bare sequence is done in
    /// all; the rest takes long among many files.
    #[must_use]
    pub const fn one_round_in(self) -> usize {
        match self {
            Self::List | Self::DestroyAll => 20,
            _ => 1,
        }
    }

    /// What a store of this case survives; nothing for the other cases.
    #[must_use]
    pub const fn durability(self) -> Option<Durability> {
        match self {
            Self::BareStore | Self::Store | Self::UserdataStore => Some(Durability::Process),
            Self::BareStoreFile | Self::StoreFile => Some(Durability::File),
            Self::BareStoreFull | Self::StoreFull => Some(Durability::Full),
            _ => None,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BareRetrieve => "bare retrieve",
            Self::Retrieve => "retrieve",
            Self::UserdataRetrieve => "retrieve, by Userdata",
            Self::BareStore => "bare store",
            Self::Store => "store",
            Self::UserdataStore => "store, by Userdata",
            Self::BareStoreFile => "bare store, file synced",
            Self::StoreFile => "store at File",
            Self::BareStoreFull => "bare store, both synced",
            Self::StoreFull => "store at Full",
            Self::List => "list",
            Self::DestroyAll => "destroy all",
        })
    }
}
