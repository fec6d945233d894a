//! A retrieve into the caller's buffer allocates nothing.

use std::alloc::System;

use hv_sim::{HostOptions, NewDomain, SimHost};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use userdata::{Userdata, WritableUserid};
use userdata_fs::FileStore;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_retrieve_into_a_buffer_allocates_nothing() {
    let path = std::env::temp_dir().join(format!("userdata-bench-{}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    let host = SimHost::new(HostOptions::new(1));
    let domain = host.create(NewDomain::new()).unwrap();
    let userdata = Userdata::new(host, FileStore::open(&path).unwrap());
    let userid = WritableUserid::new("agent").unwrap();
    userdata.store(domain, &userid, &[7; 4096]).unwrap();
    let mut buffer = vec![0; 4097];
    // The least of many: the test's own thread may allocate meanwhile.
    let allocations = (0..100).map(|_| {
        let region = Region::new(ALLOCATOR);
        let size = userdata.retrieve_into(domain, &userid, &mut buffer);
        let change = region.change();
        assert!(matches!(size, Ok(Some(4096))));
        change.allocations + change.reallocations
    });
    let least = allocations.min();
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(least, Some(0));
    assert_eq!(buffer[..4096], [7; 4096]);
}
