//! The contract of [`Hypervisor`], one function per statement. No other program may change the
//! host's domains meanwhile.
//!
//! ```
//! use hv_sim::{HostOptions, NewDomain, SimHost, Until};
//! use userdata_core::{DomainKey, Uuid};
//! use userdata_testkit::hypervisor::{self, HypervisorUnderTest, Toolstack};
//!
//! struct Simulated(SimHost);
//!
//! impl Toolstack for Simulated {
//!     fn create(&self, uuid: Uuid) -> DomainKey {
//!         self.0.create(NewDomain::new().with_uuid(uuid)).unwrap()
//!     }
//!     fn begin_to_destroy(&self, domain: &DomainKey) {
//!         self.0.destroy_until(domain.domid, Until::Leaving).unwrap();
//!     }
//!     fn destroy(&self, domain: &DomainKey) {
//!         self.0.destroy(domain.domid).unwrap();
//!     }
//! }
//!
//! hypervisor::run_all(|| {
//!     let host = SimHost::new(HostOptions::new(1));
//!     HypervisorUnderTest::new(host.clone()).with_toolstack(Simulated(host))
//! });
//! ```

mod identity;
mod lives;

use std::fmt;

use userdata_core::{Domain, DomainKey, Domid, Hypervisor, Uuid};

use crate::suite::{self, Statement};

pub use identity::*;
pub use lives::*;

/// Creates and destroys domains on the host. Each call returns once the hypervisor's answers show
/// the change.
pub trait Toolstack {
    /// Creates a domain with this uuid. Other domains may have the same uuid.
    fn create(&self, uuid: Uuid) -> DomainKey;
    /// Begins to destroy a domain: afterwards it is *leaving*, and the hypervisor still has it.
    fn begin_to_destroy(&self, domain: &DomainKey);
    /// Destroys a domain completely, even if its destruction had begun.
    fn destroy(&self, domain: &DomainKey);
}

/// A hypervisor, and the toolstack that creates and destroys its domains.
pub struct HypervisorUnderTest {
    hypervisor: Box<dyn Hypervisor>,
    toolstack: Option<Box<dyn Toolstack>>,
}

impl HypervisorUnderTest {
    /// A hypervisor without a toolstack: the statements about the life of domains check nothing.
    pub fn new(hypervisor: impl Hypervisor + 'static) -> Self {
        Self {
            hypervisor: Box::new(hypervisor),
            toolstack: None,
        }
    }

    /// Adds a toolstack. The statements destroy every domain that they create.
    #[must_use]
    pub fn with_toolstack(mut self, toolstack: impl Toolstack + 'static) -> Self {
        self.toolstack = Some(Box::new(toolstack));
        self
    }

    #[track_caller]
    fn domain(&self, domid: Domid) -> Option<Domain> {
        let found = self.hypervisor.domain(domid);
        found.expect("a hypervisor knows whether a domain exists")
    }

    #[track_caller]
    fn domains(&self) -> Vec<Domain> {
        self.hypervisor
            .domains()
            .expect("a hypervisor lists its domains")
    }

    #[track_caller]
    fn leaving(&self, domain: &DomainKey) -> bool {
        let leaving = self.hypervisor.leaving(domain);
        leaving.expect("a hypervisor knows whether a domain is leaving")
    }
}

impl fmt::Debug for HypervisorUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HypervisorUnderTest")
            .finish_non_exhaustive()
    }
}

/// Checks the whole contract, each statement on another value of `make`.
///
/// # Panics
///
/// If a statement is not true. The message names all statements that are not.
pub fn run_all(make: impl Fn() -> HypervisorUnderTest) {
    suite::run_all(&statements(), make);
}

/// The statements of the contract, for a test harness that runs them one by one.
#[must_use]
pub fn statements() -> Vec<Statement<HypervisorUnderTest>> {
    suite::statements! {
        identity {
            domain_zero_is_there_and_stays,
            domains_are_listed_in_order_and_once,
            a_list_and_a_look_up_agree,
            no_domid_answers_for_another,
            a_boot_has_one_name,
            many_may_ask_at_once,
        }
        lives {
            a_new_domain_is_alive_under_the_uuid_it_was_given,
            one_uuid_may_have_two_domids,
            a_domain_is_leaving_before_it_is_gone,
            a_destroyed_domain_is_gone_and_others_stay,
            no_two_domains_are_one_incarnation,
        }
    }
}
