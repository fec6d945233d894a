//! Domain identity and life cycle read from a real Xen host.
//!
//! [`Xen`] is the [`Hypervisor`](userdata_core::Hypervisor) of a host that runs Xen. It works in
//! domain 0, and in any other domain from which the hypervisor accepts these calls.
//!
//! ```no_run
//! use hv_xen::{Options, Xen};
//! use userdata_core::Hypervisor;
//!
//! let xen = Xen::open(Options::new())?;
//! println!("Xen {}", xen.version());
//! for domain in xen.domains()? {
//!     println!("{} {}", domain.key, domain.life);
//! }
//! # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
//! ```
//!
//! The crate promises:
//!
//! * One binary works on every release from Xen 4.11 to 4.22, without Xen's libraries: [`Privcmd`]
//!   calls the hypervisor itself, and knows the layout of each release's answers. (It also knows
//!   the layout of 4.10, which is tested and not supported.)
//! * An answer is about the domain that was asked for. A question that can't be asked, or an answer
//!   that can't be decoded, is an error and never "no such domain".
//! * Every wait has a deadline, every message a size limit, every retry a bound, and no answer of
//!   the hypervisor or of xenstored causes a panic. One wait has no deadline, because it is inside
//!   the kernel: see [`Xenstore::watch`](xenstore::Xenstore::watch).
//!
//! It does not change domains or xenstore's nodes. It takes the identity of a domain from the
//! hypervisor, because uuids in xenstore may be outdated.
//!
//! # Platforms
//!
//! Hypercalls need Linux on x86_64 or on little-endian 64-bit Arm. On Linux on any other processor,
//! 32-bit ones included, the crate compiles, and [`Xen::open`] fails with
//! [`Unsupported`](userdata_core::hypervisor::HypervisorErrorKind::Unsupported).
//!
//! # Features
//!
//! * `xenctrl`, off by default: `Xenctrl` and `Xen::open_xenctrl` ask the hypervisor through
//!   libxenctrl. The bindings are GPL-3.0-only, need Xen's headers and libclang to build, and tie
//!   the binary to one release of Xen.

// Public for fuzzing only: any release may change it.
#[doc(hidden)]
pub mod abi;
pub mod xenstore;

mod changes;
#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod foreign;
mod options;
mod privcmd;
mod thread_safety;
mod xen;
#[cfg(feature = "xenctrl")]
mod xenctrl;

pub use abi::{XenVersion, XenVersionError};
pub use changes::Changes;
pub use options::Options;
pub use privcmd::Privcmd;
pub use xen::Xen;
#[cfg(feature = "xenctrl")]
pub use xenctrl::Xenctrl;

#[cfg(all(
    feature = "xenctrl",
    not(all(
        target_os = "linux",
        target_endian = "little",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))
))]
compile_error!("the feature `xenctrl` needs Linux on x86_64 or on little-endian 64-bit Arm");
