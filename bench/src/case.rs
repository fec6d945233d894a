//! `Case`: what is measured.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use userdata_core::store::Durability;

/// How many values a domain has when it is listed or cleared.
pub const VALUES: u32 = 5;

/// One operation that is measured. Values are 4 KiB and differ each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// open, fstat, read, close.
    BareRetrieve,
    /// `Store::get` of the file store.
    Retrieve,
    /// `libxl_userdata_retrieve`.
    LibxlRetrieve,
    /// `Userdata::retrieve` by domid, with a simulated host.
    UserdataRetrieve,
    /// `Userdata::retrieve` of a domain with its uuid, without a question to the hypervisor.
    UuidRetrieve,
    /// `userdata_retrieve` of the C library with a uuid.
    CRetrieve,
    /// `libxl_userdata_retrieve` of the drop-in, whose hypervisor answers at once.
    DropInRetrieve,
    /// lock-open, flock, fstat, stat, open, write, close, rename, stat, unlink, close.
    BareStore,
    /// `Store::change` of the file store at `Process`.
    Store,
    /// `libxl_userdata_store` over a value.
    LibxlStore,
    /// `Userdata::store` by domid at `Process`, with a simulated host.
    UserdataStore,
    /// `Userdata::store` of a domain with its uuid at `Process`, with a simulated host in a file.
    UuidStore,
    /// `userdata_store` of the C library with a uuid at `Process`, with the same host.
    CStore,
    /// `libxl_userdata_store` of the drop-in, at `Full`.
    DropInStore,
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
    /// `glob(3)` for the files of that domain, as libxl calls it before it destroys them: libxl has
    /// no call that lists.
    LibxlGlob,
    /// `Store::change` that clears a domain with five values, at `Process`.
    Clear,
    /// `libxl__userdata_destroyall` of a domain with five values under libxl's lock, as
    /// `libxl_domain_destroy` calls it.
    LibxlDestroyall,
}

impl Case {
    /// All of them, in the order of their turns. A case is beside the one that it is compared with.
    /// Those that sync are together, far from those that read the directory, because the disk still
    /// works for a while after a sync.
    pub const ALL: [Self; 22] = [
        Self::UserdataRetrieve,
        Self::BareRetrieve,
        Self::Retrieve,
        Self::LibxlRetrieve,
        Self::DropInRetrieve,
        Self::CRetrieve,
        Self::UuidRetrieve,
        Self::List,
        Self::LibxlGlob,
        Self::Clear,
        Self::LibxlDestroyall,
        Self::LibxlStore,
        Self::Store,
        Self::BareStore,
        Self::UserdataStore,
        Self::UuidStore,
        Self::CStore,
        Self::BareStoreFile,
        Self::StoreFile,
        Self::BareStoreFull,
        Self::StoreFull,
        Self::DropInStore,
    ];

    /// The case that this one is compared with: for ours it is the bare sequence that does the
    /// same, for libxl's it is ours. Those of the C library are compared with the facade, and those
    /// of the drop-in with libxl.
    #[must_use]
    pub const fn compared_with(self) -> Option<Self> {
        match self {
            Self::Retrieve | Self::UserdataRetrieve | Self::UuidRetrieve => {
                Some(Self::BareRetrieve)
            }
            Self::Store | Self::UserdataStore | Self::UuidStore => Some(Self::BareStore),
            Self::StoreFile => Some(Self::BareStoreFile),
            Self::StoreFull => Some(Self::BareStoreFull),
            Self::CRetrieve => Some(Self::UuidRetrieve),
            Self::CStore => Some(Self::UuidStore),
            Self::DropInRetrieve => Some(Self::LibxlRetrieve),
            Self::DropInStore => Some(Self::LibxlStore),
            Self::LibxlRetrieve => Some(Self::Retrieve),
            Self::LibxlStore => Some(Self::Store),
            Self::LibxlGlob => Some(Self::List),
            Self::LibxlDestroyall => Some(Self::Clear),
            _ => None,
        }
    }

    /// Whether real libxl does this.
    #[must_use]
    pub const fn is_libxls(self) -> bool {
        matches!(
            self,
            Self::LibxlRetrieve | Self::LibxlStore | Self::LibxlGlob | Self::LibxlDestroyall
        )
    }

    /// Whether the C library or the drop-in does this.
    #[must_use]
    pub const fn is_of_library(self) -> bool {
        matches!(
            self,
            Self::CRetrieve | Self::CStore | Self::DropInRetrieve | Self::DropInStore
        )
    }

    /// Whether the process in C does this.
    #[must_use]
    pub const fn is_in_c(self) -> bool {
        self.is_libxls() || self.is_of_library()
    }

    /// The case that has to be done before each time, and how often: it is not timed.
    #[must_use]
    pub const fn preparation(self) -> Option<(Self, u32)> {
        match self {
            Self::Clear => Some((Self::Store, VALUES)),
            _ => None,
        }
    }

    /// The case is timed in one of this many rounds, among this many other files: a case that reads
    /// the whole directory takes long among many. The numbers are odd, because every second round
    /// goes backwards.
    #[must_use]
    pub const fn one_round_in(self, others: u32) -> usize {
        match self {
            Self::List | Self::LibxlGlob | Self::Clear | Self::LibxlDestroyall => {
                if others > 10_000 { 21 } else { 3 }
            }
            _ => 1,
        }
    }

    /// How often a case is done, untimed, before a turn of this many times: the turn before may
    /// have filled the processor's caches with other files. A sync takes far longer than that, so a
    /// case that syncs needs none.
    #[must_use]
    pub const fn early(self, times: u32) -> u32 {
        match self.durability() {
            Some(Durability::File | Durability::Full) => 0,
            _ => 1 + times / 8,
        }
    }

    /// The durability of this case's store; `None` for the other cases.
    #[must_use]
    pub const fn durability(self) -> Option<Durability> {
        match self {
            Self::BareStore
            | Self::Store
            | Self::UserdataStore
            | Self::UuidStore
            | Self::CStore => Some(Durability::Process),
            Self::BareStoreFile | Self::StoreFile => Some(Durability::File),
            Self::BareStoreFull | Self::StoreFull | Self::DropInStore => Some(Durability::Full),
            _ => None,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BareRetrieve => "bare retrieve",
            Self::Retrieve => "retrieve",
            Self::LibxlRetrieve => "libxl: retrieve",
            Self::UserdataRetrieve => "retrieve, by Userdata",
            Self::UuidRetrieve => "retrieve, by uuid",
            Self::CRetrieve => "C: retrieve, by uuid",
            Self::DropInRetrieve => "drop-in: retrieve",
            Self::UuidStore => "store, by uuid",
            Self::CStore => "C: store, by uuid",
            Self::DropInStore => "drop-in: store at Full",
            Self::BareStore => "bare store",
            Self::Store => "store",
            Self::LibxlStore => "libxl: store",
            Self::UserdataStore => "store, by Userdata",
            Self::BareStoreFile => "bare store, file synced",
            Self::StoreFile => "store at File",
            Self::BareStoreFull => "bare store, both synced",
            Self::StoreFull => "store at Full",
            Self::List => "list",
            Self::LibxlGlob => "libxl: glob",
            Self::Clear => "clear",
            Self::LibxlDestroyall => "libxl: destroyall",
        })
    }
}
