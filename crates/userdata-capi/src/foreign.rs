//! The functions that C calls. The one module with `unsafe` code.
//!
//! Each function parses its pointers, hands typed values to the other modules, and writes results
//! where C wants them. What the caller promises is in the header; the comments here name it.
#![expect(
    unsafe_code,
    reason = "pointers come from C, and what they promise is in the header"
)]

mod archive;
#[cfg(feature = "calls")]
mod calls;
mod closing;
mod context;
mod list;
#[cfg(feature = "calls")]
mod list_calls;
mod log;
mod pointer;
mod sized;
mod sweep;
#[cfg(feature = "calls")]
mod sweep_calls;
mod value;

pub use archive::{userdata_export, userdata_import};
pub use closing::{
    Pending, userdata_clear, userdata_closing_begin, userdata_closing_end, userdata_destroy,
};
pub use context::{
    Ctx, RawOptions, userdata_ctx_alloc, userdata_ctx_free, userdata_strerror, userdata_version,
};
pub use list::{
    List, userdata_list_condition, userdata_list_count, userdata_list_find, userdata_list_free,
    userdata_list_get, userdata_list_size, userdata_list_userid,
};
pub use log::LogFn;
pub use sweep::{
    RawSightings, RawSweepOptions, RawSwept, RawTotals, SweepFn, userdata_sightings_alloc,
    userdata_sightings_free, userdata_sweep,
};
pub use value::{
    Digest, userdata_digest_of, userdata_free, userdata_remove, userdata_retrieve, userdata_store,
    userdata_store_if,
};

/// The same functions with values in place of pointers, for the fuzz target `c_calls`.
#[cfg(feature = "calls")]
pub mod called {
    pub use super::calls::*;
    pub use super::list_calls::*;
    pub use super::sweep_calls::*;
}
