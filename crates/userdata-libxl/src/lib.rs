//! libxl's functions for userdata, for programs that are linked to libxl.
//!
//! [`libxl_userdata_store`], [`libxl_userdata_retrieve`] and [`libxl_userdata_unlink`] have exactly
//! the signatures that `libxl.h` gives them. `libuserdata_libxl.so` is linked from this crate. A
//! program that loads it before libxl (`LD_PRELOAD`) uses these functions instead of libxl's own:
//! `xl`, `xen-init-dom0`, and libvirt's driver for libxl.
//!
//! The crate promises:
//!
//! * No call depends on an earlier one. Each opens the hypervisor and the directory, and closes
//!   both again. So a child that is forked while threads make calls, and a program that closes all
//!   its descriptors between two calls, can go on calling.
//! * A panic does not reach C: the call fails.
//! * Each function returns 0 or a negative code of libxl, and never anything else. After a failed
//!   retrieve the data is `NULL` and its length is 0.
//! * `errno` is as it was after a success, and is set after a failure.
//! * A value that is retrieved is memory of `malloc`, which the caller frees with `free`.
//!
//! Where libxl breaks its promises, these functions keep them: the page `docs/drop-in.md` of the
//! project lists the differences.

mod call;
mod failure;
mod foreign;
mod host;
#[cfg(feature = "probe")]
mod probe;

pub use foreign::{libxl_userdata_retrieve, libxl_userdata_store, libxl_userdata_unlink};
