//! `Hypervisor`: which domains exist on this host.

mod boot;
mod error;

use std::sync::Arc;

use crate::{Domain, DomainKey, Domid};

pub use boot::{BootId, BootIdError};
pub use error::{HypervisorError, HypervisorErrorKind};

/// Which domains exist on this host, as the hypervisor itself reports.
///
/// Every answer may be out of date when it arrives, so a change that depends on an answer asks
/// again under the lock. An error means *unknown*, never *absent*.
pub trait Hypervisor: Send + Sync {
    /// The domain with exactly this domid, or `None` if there is none.
    ///
    /// Replaces `libxl_domain_info`. An implementation must not answer with another domain, as
    /// `XEN_DOMCTL_getdomaininfo` itself does before Xen 4.18.
    ///
    /// # Errors
    ///
    /// If it is not known whether the domain exists.
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError>;

    /// Every domain, in order of domid. Replaces `libxl_list_domain`.
    ///
    /// The list may omit domains that a security policy hides from the caller. So a domain that is
    /// not in the list may still exist.
    ///
    /// # Errors
    ///
    /// If the hypervisor gives no list.
    fn domains(&self) -> Result<Vec<Domain>, HypervisorError>;

    /// Whether the toolstack has begun to take this domain apart while the hypervisor still has it.
    /// A value that libxl stores during this time is left behind.
    ///
    /// # Errors
    ///
    /// If that is not known.
    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError>;

    /// The boot of the host that runs now.
    ///
    /// # Errors
    ///
    /// If this boot cannot be distinguished from another one.
    fn boot(&self) -> Result<BootId, HypervisorError>;
}

/// The names of domains.
///
/// Separate from [`Hypervisor`] because Xen itself knows no names: the toolstack keeps them in
/// xenstore, and no decision about data depends on a name.
pub trait DomainNames: Send + Sync {
    /// The name of a domain, if it has one. Replaces `libxl_domid_to_name`.
    ///
    /// # Errors
    ///
    /// If the name cannot be read.
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<H: Hypervisor + ?Sized> Hypervisor for $pointer {
            fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
                (**self).domain(domid)
            }
            fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
                (**self).domains()
            }
            fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
                (**self).leaving(domain)
            }
            fn boot(&self) -> Result<BootId, HypervisorError> {
                (**self).boot()
            }
        }

        impl<H: DomainNames + ?Sized> DomainNames for $pointer {
            fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
                (**self).name(domid)
            }
        }
    )*};
}

forward!(&H, Box<H>, Arc<H>);
