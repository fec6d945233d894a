//! The contract of `Hypervisor`, on every one there is without Xen.

use std::sync::Arc;

use hv_sim::{Event, HostFile, HostOptions, NewDomain, SimHost, Until};
use tempfile::TempDir;
use userdata_core::{DomainKey, Domid, Uuid};
use userdata_testkit::hypervisor::{self, HypervisorUnderTest, Toolstack};

use crate::place::Place;

/// A toolstack on whatever applies events.
struct Applying<A>(A);

impl<A: Fn(&Event) -> Option<DomainKey>> Toolstack for Applying<A> {
    fn create(&self, uuid: Uuid) -> DomainKey {
        let created = (self.0)(&Event::Create(NewDomain::new().with_uuid(uuid)));
        created.expect("a domain is created")
    }

    fn begin_to_destroy(&self, domain: &DomainKey) {
        (self.0)(&destroy(domain.domid, Until::Leaving));
    }

    fn destroy(&self, domain: &DomainKey) {
        (self.0)(&destroy(domain.domid, Until::Gone));
    }
}

fn destroy(domid: Domid, until: Until) -> Event {
    Event::Destroy { domid, until }
}

#[test]
fn a_simulated_host_conforms() {
    for options in [
        HostOptions::new(1),
        HostOptions::new(2).with_reports_dying(false),
    ] {
        hypervisor::run_all(|| {
            let host = SimHost::new(options.clone());
            let toolstack = host.clone();
            let apply = move |event: &Event| toolstack.apply(event).expect("an event happens");
            HypervisorUnderTest::new(host).with_toolstack(Applying(apply))
        });
    }
}

#[test]
fn a_simulated_host_kept_in_a_file_conforms() {
    hypervisor::run_all(|| {
        let scratch: Arc<TempDir> = Arc::new(Place::Disk.scratch());
        let host = HostFile::new(scratch.path().join("host.json"));
        let toolstack = host.clone();
        let apply = move |event: &Event| {
            let _as_long_as_this_lives = &scratch;
            toolstack.apply(event).expect("an event happens")
        };
        HypervisorUnderTest::new(host).with_toolstack(Applying(apply))
    });
}

#[test]
fn the_state_of_a_simulated_host_conforms() {
    let host = SimHost::new(HostOptions::new(3));
    for domid in [1, 2, 5, 0x7fef] {
        let new = NewDomain::new().with_domid(Domid::new(domid).unwrap());
        host.create(new).unwrap();
    }
    hypervisor::run_all(|| HypervisorUnderTest::new(host.state()));
}
