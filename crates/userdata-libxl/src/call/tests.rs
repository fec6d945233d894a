//! The calls on a simulated host and a real directory: what they do, their codes and `errno`.

use hv_sim::{HostOptions, NewDomain, SimHost, Until};
use userdata_fs::{FileStore, OsDirectory};

use super::*;

/// A simulated host with a domain, and an empty directory.
struct Scene {
    host: SimHost,
    domid: u32,
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let host = SimHost::new(HostOptions::new(1));
        let domain = host.create(NewDomain::new()).unwrap();
        Self {
            host,
            domid: u32::from(domain.domid.get()),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn asked<'a>(&self, userid: &'a [u8]) -> Asked<'a> {
        let domid = self.domid;
        Asked { domid, userid }
    }

    fn open(&self) -> Result<Userdata<SimHost, FileStore<OsDirectory>>, Failure> {
        let store = FileStore::open(self.directory.path()).map_err(Failure::Store)?;
        Ok(Userdata::new(self.host.clone(), store))
    }

    fn store(&self, userid: &[u8], data: &[u8]) -> Result<(), Failure> {
        self.asked(userid).store(data, || self.open())
    }

    fn retrieve(&self, userid: &[u8]) -> Result<Retrieved, Failure> {
        self.asked(userid).retrieve(false, || self.open())
    }

    fn unlink(&self, userid: &[u8]) -> Result<(), Failure> {
        self.asked(userid).unlink(|| self.open())
    }
}

/// The code and `errno` of a call that must fail.
fn codes<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> (i32, i32) {
    let failure = outcome.unwrap_err();
    assert!(failure.line().len() > 10, "{failure}");
    (failure.code(), failure.errno())
}

#[test]
fn a_value_is_stored_measured_retrieved_and_removed() {
    let scene = Scene::new();
    for userid in [b"xl".as_slice(), b"libxl-json", b"a b", b""] {
        scene.store(userid, b"memory = 512\n").unwrap();
        let value = Retrieved::Value(b"memory = 512\n".to_vec());
        assert_eq!(scene.retrieve(userid).unwrap(), value);
        let size = scene.asked(userid).retrieve(true, || scene.open());
        assert_eq!(size.unwrap(), Retrieved::Size(13));
        scene.unlink(userid).unwrap();
        assert_eq!(scene.retrieve(userid).unwrap(), Retrieved::Nothing);
    }
}

#[test]
fn to_store_nothing_removes_and_never_fails_if_nothing_is_there() {
    let scene = Scene::new();
    scene.store(b"xl", b"x").unwrap();
    scene.store(b"xl", b"").unwrap();
    scene.store(b"xl", b"").unwrap();
    assert_eq!(scene.retrieve(b"xl").unwrap(), Retrieved::Nothing);
}

#[test]
fn to_unlink_nothing_fails_and_is_not_logged() {
    let failure = Scene::new().unlink(b"xl").unwrap_err();
    assert_eq!((failure.code(), failure.errno()), (-3, libc::ENOENT));
    assert!(!failure.is_logged());
}

#[test]
fn a_userid_of_a_lock_is_not_stored_and_one_with_a_slash_is_refused() {
    let scene = Scene::new();
    for userid in [
        b"domain-userdata-lock".as_slice(),
        b"x-domain-userdata-lock",
        b"libxl-device-changes-lock",
        b"a/b",
    ] {
        assert_eq!(codes(scene.store(userid, b"x")), (-3, libc::EINVAL));
    }
    assert_eq!(codes(scene.retrieve(b"a/b")), (-3, libc::EINVAL));
    assert_eq!(codes(scene.unlink(b"a/b")), (-3, libc::EINVAL));
    let long = [b'u'; 300];
    assert_eq!(codes(scene.store(&long, b"x")), (-3, libc::ENAMETOOLONG));
}

#[test]
fn a_domain_that_is_absent_or_out_of_range_is_a_failed_lock() {
    let scene = Scene::new();
    for domid in [9999, 0x7ff0, 70_000, u32::MAX] {
        let asked = Asked {
            domid,
            userid: b"xl",
        };
        let expected = (-15, libc::ESRCH);
        assert_eq!(codes(asked.store(b"x", || scene.open())), expected);
        assert_eq!(codes(asked.retrieve(false, || scene.open())), expected);
        assert_eq!(codes(asked.retrieve(true, || scene.open())), expected);
        assert_eq!(codes(asked.unlink(|| scene.open())), expected);
    }
}

#[test]
fn a_store_for_a_leaving_domain_is_a_failed_lock() {
    let scene = Scene::new();
    scene.store(b"xl", b"x").unwrap();
    let domid = Domid::new(1).unwrap();
    scene.host.destroy_until(domid, Until::Leaving).unwrap();
    assert_eq!(codes(scene.store(b"xl", b"y")), (-15, libc::ESRCH));
    assert_eq!(
        scene.retrieve(b"xl").unwrap(),
        Retrieved::Value(b"x".to_vec())
    );
}

#[test]
fn without_a_directory_every_call_is_a_failed_lock() {
    let scene = Scene::new();
    std::fs::remove_dir(scene.directory.path()).unwrap();
    assert_eq!(codes(scene.store(b"xl", b"x")), (-15, libc::ENOENT));
    assert_eq!(codes(scene.retrieve(b"xl")), (-15, libc::ENOENT));
    assert_eq!(codes(scene.unlink(b"xl")), (-15, libc::ENOENT));
}

#[test]
fn a_lock_that_is_held_is_a_failed_lock() {
    let scene = Scene::new();
    scene.store(b"xl", b"x").unwrap();
    let key = scene
        .host
        .domain(Domid::new(1).unwrap())
        .unwrap()
        .unwrap()
        .key;
    let lock = format!("userdata-l.{}.{}.domain-userdata-lock", key.domid, key.uuid);
    let lock = std::fs::File::create(scene.directory.path().join(lock)).unwrap();
    lock.lock().unwrap();
    let open = || Ok(scene.open()?.with_timeout(std::time::Duration::ZERO));
    let expected = (-15, libc::ETIMEDOUT);
    assert_eq!(codes(scene.asked(b"xl").store(b"y", open)), expected);
    assert_eq!(codes(scene.asked(b"xl").unlink(open)), expected);
    assert_eq!(
        scene.retrieve(b"xl").unwrap(),
        Retrieved::Value(b"x".to_vec())
    );
}

#[test]
fn a_damaged_value_is_a_failure_and_never_nothing() {
    let scene = Scene::new();
    scene.store(b"xl", b"x").unwrap();
    let entry = std::fs::read_dir(scene.directory.path()).unwrap().next();
    std::fs::write(entry.unwrap().unwrap().path(), b"").unwrap();
    assert_eq!(codes(scene.retrieve(b"xl")), (-3, libc::EIO));
    let size = scene.asked(b"xl").retrieve(true, || scene.open());
    assert_eq!(codes(size), (-3, libc::EIO));
    scene.store(b"xl", b"repaired").unwrap();
}

#[test]
fn a_value_beyond_the_limit_is_a_failure() {
    let scene = Scene::new();
    let open = || {
        let store = FileStore::open(scene.directory.path()).map_err(Failure::Store)?;
        Ok(Userdata::new(scene.host.clone(), store.with_value_max(3)))
    };
    assert_eq!(
        codes(scene.asked(b"xl").store(b"four", open)),
        (-3, libc::EFBIG)
    );
    scene.store(b"xl", b"four").unwrap();
    assert_eq!(
        codes(scene.asked(b"xl").retrieve(false, open)),
        (-3, libc::EFBIG)
    );
}
