//! The C library `libuserdata`: per-domain data for Xen toolstacks.
//!
//! `libuserdata.so.0` and `libuserdata.a` are linked from this crate. Its interface is the header
//! `include/userdata.h`, which is written by hand; tests compare it with the functions of this
//! crate. Programs in Rust use the crate `userdata` instead.
//!
//! The crate promises:
//!
//! * A panic does not reach C: the call fails with `USERDATA_ERROR_INTERNAL`, and the log has its
//!   place.
//! * Each function returns 0 or a negative code of the header, and every result that is returned
//!   through a pointer is set on every return.
//! * `errno` is as it was, nothing is printed, no environment variable is read, and the process is
//!   never ended.
//! * Callbacks are called on the calling thread. When the log is called, no lock is held.
//!
//! Pointers are parsed in one module, `foreign`, which has all `unsafe` code. Everything behind it
//! gets typed values.

mod code;
mod context;
mod destroy;
mod domain;
mod failure;
mod follow;
mod foreign;
mod host;
mod list;
mod options;
mod panics;
mod sweep;
#[cfg(test)]
mod tests;

pub use foreign::*;
