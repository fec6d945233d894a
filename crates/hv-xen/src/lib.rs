//! Domain identity and life cycle read from a real Xen host.
//!
//! [`Xen`] is the [`Hypervisor`](userdata_core::Hypervisor) of a host that runs Xen: for domain 0,
//! or another domain that the hypervisor lets ask, on 64-bit Linux. It promises:
//!
//! * one binary for every release from 4.10 to 4.22, without Xen's libraries: [`Privcmd`] talks to
//!   the hypervisor itself, and [`abi`] knows what each release's answers look like;
//! * an answer is about the domain that was asked for, or it is none: what can't be asked, or can't
//!   be understood, is an error and never "no such domain";
//! * every wait has a deadline, every message a limit, every retry a bound, and no answer of the
//!   hypervisor or of xenstored panics. One wait is out of reach: see [`Xenstore::watch`].
//!
//! What it does not do: it changes nothing, neither domains nor xenstore's nodes, and it takes no
//! identity from xenstore, which may be outdated.
//!
//! [`Xenstore::watch`]: xenstore::Xenstore::watch

pub mod abi;
pub mod xenstore;

mod changes;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod foreign;
mod privcmd;
mod xen;
#[cfg(feature = "xenctrl")]
mod xenctrl;

pub use changes::Changes;
pub use privcmd::Privcmd;
pub use xen::{Options, Xen};
#[cfg(feature = "xenctrl")]
pub use xenctrl::Xenctrl;
