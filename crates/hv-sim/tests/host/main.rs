//! What a simulated host answers after each event, how a script changes that, and what holds after
//! every history.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]

mod file;
mod histories;
mod life_cycle;
mod names;
mod numbers;
mod script;
mod watch;

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata_core::{DomainKey, Domid, Hypervisor, Life};

/// A host whose watch never fires without a reason.
fn host() -> SimHost {
    SimHost::new(HostOptions::new(1).with_spurious_one_in(0))
}

fn guest(host: &SimHost) -> DomainKey {
    host.create(NewDomain::new()).unwrap()
}

fn named(host: &SimHost, name: &str) -> DomainKey {
    host.create(NewDomain::new().with_name(name)).unwrap()
}

fn domid(number: u16) -> Domid {
    Domid::new(number).unwrap()
}

/// The hypervisor's answer for a domid: key and life.
fn seen(host: &SimHost, domid: Domid) -> Option<(DomainKey, Life)> {
    let domain = host.domain(domid).unwrap()?;
    Some((domain.key, domain.life))
}
