//! Bugs of libxl that no other test of this project repeats; `docs/libxl-bugs.md` has them all.

use std::fs;
use std::path::Path;

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::store::Keep;
use userdata::{Hypervisor as _, Outcome, Userdata, UserdataErrorKind};
use userdata_fs::{FileStore, OsDirectory};

use crate::scene::userid;

fn userdata(host: &SimHost, directory: &Path) -> Userdata<SimHost, FileStore<OsDirectory>> {
    Userdata::new(host.clone(), FileStore::open(directory).unwrap())
}

/// The names in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// libxl has three answers, depending on the call: 2, -3, or none.
#[test]
fn an_absent_value_is_removed_by_every_call_alike() {
    let (host, directory) = (
        SimHost::new(HostOptions::new(1)),
        tempfile::tempdir().unwrap(),
    );
    let key = host.create(NewDomain::new()).unwrap();
    let (userdata, xl) = (userdata(&host, directory.path()), userid("xl"));
    for again in 0..2 {
        let absent = |outcome| matches!(outcome, Outcome::NothingToRemove);
        assert!(absent(userdata.remove(key, &xl).unwrap()), "{again}");
        assert!(absent(userdata.store(key, &xl, b"").unwrap()), "{again}");
        let cleared = userdata.clear(key, Keep::Nothing).unwrap();
        assert!(cleared.removed.is_empty(), "{again}: {cleared:?}");
        assert_eq!(names(directory.path()), [""; 0]);
    }
}

/// libxl looks for the lock's name in the whole path, and takes the path for a pattern.
#[test]
fn the_locks_name_in_path_or_userid_saves_nothing() {
    let host = SimHost::new(HostOptions::new(1));
    let (gone, lives) = (
        host.create(NewDomain::new()).unwrap(),
        host.create(NewDomain::new()).unwrap(),
    );
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("x-domain-userdata-lock-[y]*");
    fs::create_dir(&directory).unwrap();
    let userdata = userdata(&host, &directory);
    for key in [gone, lives] {
        userdata.store(key, &userid("xl"), b"value").unwrap();
        // As libxl stores it.
        let name = format!("userdata-d.{key}.my-domain-userdata-lock-data");
        fs::write(directory.join(name), b"value").unwrap();
    }
    host.destroy(gone.domid).unwrap();
    let cleared = userdata.clear(gone, Keep::Nothing).unwrap();
    assert_eq!(cleared.removed.len(), 2, "{cleared:?}");
    let stays = ["my-domain-userdata-lock-data", "xl"];
    let stays = stays.map(|userid| format!("userdata-d.{lives}.{userid}"));
    assert_eq!(names(&directory), stays);
}

/// xl once stored a configuration before the domain existed, and thereby under Domain-0's name.
#[test]
fn a_value_stored_before_its_domain_exists_goes_nowhere() {
    let (host, directory) = (
        SimHost::new(HostOptions::new(1)),
        tempfile::tempdir().unwrap(),
    );
    let userdata = userdata(&host, directory.path());
    let next = host.create(NewDomain::new()).unwrap().domid;
    host.destroy(next).unwrap();
    assert_eq!(host.domains().unwrap().len(), 1, "Domain-0 is there alone");
    let error = userdata.store(next, &userid("xl"), b"value").unwrap_err();
    assert!(
        matches!(error.kind(), UserdataErrorKind::NoSuchDomain),
        "{error:?}"
    );
    assert_eq!(names(directory.path()), [""; 0]);
}
