//! The store on a simulated disk that is full: without an inode, or with the quota used up.

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::store::Expect;
use userdata::{DestroyError, Outcome, Userdata, Version};
use userdata_core::Store as _;
use userdata_core::store::{Keep, StoreErrorKind};
use userdata_fs::FileStore;
use userdata_sim::{Plant, SimDirectory, SimDisk};

use crate::scene::{PATIENT, userid};
use crate::simulated_host::{disk, domain, files, plant, put, store};

type Host = Userdata<SimHost, FileStore<SimDirectory>>;

/// No host has the domain.
fn gone() -> SimHost {
    SimHost::new(HostOptions::new(1).with_spurious_one_in(0))
}

/// A host on which the domain lives.
fn host() -> SimHost {
    let (host, domain) = (gone(), domain());
    let new = NewDomain::new().with_domid(domain.domid);
    host.create(new.with_uuid(domain.uuid))
        .expect("a domain is created");
    host
}

/// A disk with these values. `links` says whether a link takes an inode, as on a tmpfs.
fn disk_with(links: bool, values: &[&str]) -> SimDisk {
    let disk = disk(|options| options.storage.links_take_inodes = links);
    for text in values {
        put(&store(&disk), text);
    }
    disk
}

/// From now on no other file fits.
fn fill(disk: &SimDisk) {
    let full = files(disk) + 1;
    disk.reconfigure(|options| options.inodes_max = Some(full));
}

fn userdata(host: &SimHost, disk: &SimDisk) -> Host {
    Userdata::new(host.clone(), store(disk))
}

#[test]
fn without_a_free_inode_everything_can_be_removed() {
    for (quota, links) in [(false, false), (true, false), (false, true), (true, true)] {
        let (disk, host) = (disk_with(links, &["a", "b", "c", "d"]), host());
        disk.reconfigure(|options| options.quota = quota);
        let userdata = userdata(&host, &disk);
        fill(&disk);
        userdata.store(domain(), &userid("a"), b"new").unwrap_err();
        assert_eq!(files(&disk), 4, "nothing is left of a store that failed");
        let removed = userdata.remove(domain(), userid("a")).unwrap();
        assert!(matches!(removed, Outcome::Removed { .. }), "{removed:?}");
        fill(&disk);
        let again = userdata.remove(domain(), userid("a")).unwrap();
        assert_eq!(again, Outcome::NothingToRemove);
        // The lock and the closing marker are links of different files, or there is no marker.
        let destroyed = userdata
            .destroy(domain(), |key| host.destroy(key.domid))
            .unwrap();
        let (problems, cleared) = (destroyed.problems, destroyed.cleared.unwrap());
        assert_eq!(problems.len(), usize::from(links), "{problems:?}");
        assert_eq!(cleared.removed.len(), 3);
        assert_eq!(files(&disk), 0);
    }
}

#[test]
fn without_a_free_inode_a_gone_domain_is_cleared() {
    for links in [false, true] {
        let disk = disk_with(links, &["only"]);
        fill(&disk);
        let cleared = userdata(&gone(), &disk).clear(domain(), Keep::Nothing);
        assert_eq!(cleared.unwrap().removed.len(), 1);
        assert_eq!(files(&disk), 0);
    }
}

#[test]
fn without_a_free_inode_a_living_domain_keeps_what_it_needs() {
    for links in [false, true] {
        let disk = disk_with(links, &["a"]);
        let json = format!("d.{}.libxl-json", domain());
        plant(&disk, &json, Plant::File(b"{}".to_vec()));
        fill(&disk);
        let userdata = userdata(&host(), &disk);
        let cleared = userdata.clear(domain(), Keep::Essential).unwrap();
        assert_eq!(cleared.removed.len(), 1);
        assert_eq!(files(&disk), 1);
        fill(&disk);
        let cleared = userdata.clear(domain(), Keep::Essential).unwrap();
        assert_eq!((cleared.removed.len(), cleared.others.len()), (0, 0));
        assert_eq!(files(&disk), 1);
    }
}

#[test]
fn without_a_free_inode_a_removal_may_demand_a_version() {
    for links in [false, true] {
        let disk = disk_with(links, &["a"]);
        fill(&disk);
        let userdata = userdata(&host(), &disk);
        let other = Expect::Version(Version::of(b"other"));
        let error = userdata.remove_if(domain(), userid("a"), other);
        assert!(error.unwrap_err().is_conflict());
        assert_eq!(files(&disk), 1);
        let same = Expect::Version(Version::of(b"value"));
        let removed = userdata.remove_if(domain(), userid("a"), same).unwrap();
        assert!(matches!(removed, Outcome::Removed { .. }), "{removed:?}");
        assert_eq!(files(&disk), 0);
        fill(&disk);
        let error = userdata.remove_if(domain(), userid("a"), same);
        assert!(error.unwrap_err().is_conflict());
    }
}

#[test]
fn with_one_file_and_no_inode_a_destroy_goes_on_unmarked() {
    for links in [false, true] {
        let (disk, host) = (disk_with(links, &["only"]), host());
        fill(&disk);
        let destroyed = userdata(&host, &disk)
            .destroy(domain(), |key| host.destroy(key.domid))
            .unwrap();
        assert_eq!(destroyed.problems.len(), 1, "{:?}", destroyed.problems);
        assert_eq!(destroyed.cleared.unwrap().removed.len(), 1);
        assert_eq!(files(&disk), 0);
    }
}

#[test]
fn with_no_file_and_no_inode_there_is_nothing_to_clear() {
    for links in [false, true] {
        let (disk, host) = (disk_with(links, &[]), host());
        fill(&disk);
        let userdata = userdata(&host, &disk);
        let cleared = userdata.clear(domain(), Keep::Essential).unwrap();
        assert_eq!((cleared.removed.len(), cleared.others.len()), (0, 0));
        let destroyed = userdata
            .destroy(domain(), |key| host.destroy(key.domid))
            .unwrap();
        assert_eq!(destroyed.problems.len(), 1, "{:?}", destroyed.problems);
        let cleared = destroyed.cleared.unwrap();
        assert_eq!((cleared.removed.len(), cleared.others.len()), (0, 0));
        userdata.clear(domain(), Keep::Nothing).unwrap();
    }
}

#[test]
fn a_marked_domain_is_cleared_though_the_disk_is_full_by_then() {
    for (links, values) in [(false, 2), (true, 2), (false, 0), (true, 0)] {
        let (disk, host) = (disk_with(links, &["a", "b"][..values]), host());
        let destroyed = userdata(&host, &disk)
            .destroy(domain(), |key| {
                fill(&disk);
                host.destroy(key.domid)
            })
            .unwrap();
        assert!(destroyed.problems.is_empty(), "{:?}", destroyed.problems);
        assert_eq!(destroyed.cleared.unwrap().removed.len(), values);
        assert_eq!(files(&disk), 0);
    }
}

#[test]
fn a_domain_that_lives_on_is_opened_again_though_the_disk_is_full() {
    for (links, values) in [(false, 2), (true, 2), (false, 0), (true, 0)] {
        let (disk, host) = (disk_with(links, &["a", "b"][..values]), host());
        let error = userdata(&host, &disk)
            .destroy(domain(), |_| {
                fill(&disk);
                Err::<(), _>("not today")
            })
            .unwrap_err();
        match error {
            DestroyError::Failed { problems, .. } => assert!(problems.is_empty(), "{problems:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(files(&disk), values);
    }
}

#[test]
fn a_void_marker_alone_is_cleared_without_a_free_inode() {
    for links in [false, true] {
        let disk = disk_with(links, &[]);
        drop(store(&disk).close(&domain(), PATIENT, &mut |_| Ok(())));
        fill(&disk);
        let cleared = userdata(&gone(), &disk).clear(domain(), Keep::Nothing);
        assert_eq!(cleared.unwrap().others.len(), 1);
        assert_eq!(files(&disk), 0);
    }
}

#[test]
fn a_void_marker_keeps_no_bytes_of_a_value() {
    let disk = disk_with(false, &["a", "b"]);
    fill(&disk);
    drop(store(&disk).close(&domain(), PATIENT, &mut |_| Ok(())));
    assert_eq!(files(&disk), 3, "the marker is a link of a value");
    let userdata = userdata(&host(), &disk);
    userdata.remove(domain(), userid("b")).unwrap();
    assert_eq!(files(&disk), 1, "nothing but the other value is left");
}

#[test]
fn a_value_that_is_refused_at_last_is_there_again() {
    let disk = disk_with(true, &["a"]);
    fill(&disk);
    let store = store(&disk);
    let userid = userid("a");
    let op = userdata_core::store::Op::Delete {
        userid: userid.as_userid(),
        expect: Expect::Any,
        durability: userdata_core::store::Durability::Full,
    };
    let mut asked = 0;
    let admit = &mut |_: &_| {
        asked += 1;
        match asked {
            1 => Ok(()),
            _ => Err(userdata_core::store::Refused::NoSuchDomain),
        }
    };
    let error = store.change(&domain(), PATIENT, admit, &[op]).unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::Refused(_)),
        "{error:?}"
    );
    let value = store.get(&domain(), userid.as_userid()).unwrap();
    assert_eq!(value.unwrap().as_bytes(), b"value");
    assert_eq!(files(&disk), 1);
}

#[test]
fn nothing_but_a_regular_file_becomes_the_lock() {
    let disk = disk_with(false, &[]);
    for (name, strange) in [
        ("a", Plant::Symlink(b"nowhere".to_vec())),
        ("b", Plant::Fifo),
    ] {
        plant(&disk, &format!("d.{}.{name}", domain()), strange);
    }
    fill(&disk);
    for links in [false, true] {
        disk.reconfigure(|options| options.links_take_inodes = links);
        let userdata = userdata(&gone(), &disk);
        userdata.clear(domain(), Keep::Nothing).unwrap_err();
        assert_eq!(files(&disk), 2);
    }
}
