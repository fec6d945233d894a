//! A retrieve into the caller's buffer allocates nothing.

use std::alloc::System;

use hv_sim::{HostOptions, NewDomain, SimHost};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use userdata::{Userdata, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_retrieve_into_a_buffer_allocates_nothing() {
    let path = std::env::temp_dir().join(format!("userdata-bench-{}", std::process::id()));
    let (flat, tree) = (path.join("flat"), path.join("tree"));
    std::fs::create_dir_all(&flat).unwrap();
    let (owner, boot) = ("host-1".parse().unwrap(), "boot-1".parse().unwrap());
    let flat = FileStore::open(&flat).unwrap();
    let tree = FileStore::open_tree(&tree, &owner, &boot).unwrap();
    let least = [flat, tree].map(|store| least_allocations(store).unwrap());
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(least, [Some(0), Some(0)]);
}

/// The least number of allocations of many retrieves: the test's own thread may allocate meanwhile.
fn least_allocations(
    store: FileStore<OsDirectory>,
) -> Result<Option<usize>, Box<dyn std::error::Error>> {
    let host = SimHost::new(HostOptions::new(1));
    let domain = host.create(NewDomain::new())?;
    let userdata = Userdata::new(host, store);
    let userid = WritableUserid::new("agent")?;
    userdata.store(domain, &userid, &[7; 4096])?;
    let mut buffer = vec![0; 4097];
    let allocations = (0..100).map(|_| {
        let region = Region::new(ALLOCATOR);
        let size = userdata.retrieve_into(domain, &userid, &mut buffer);
        let change = region.change();
        assert!(matches!(size, Ok(Some(4096))));
        change.allocations + change.reallocations
    });
    let least = allocations.min();
    assert!(buffer.starts_with(&[7; 4096]));
    Ok(least)
}
