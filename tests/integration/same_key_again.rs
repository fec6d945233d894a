//! One boot of a host can have the same domid and uuid twice: `xl save -D` and `restore`, or fixed
//! domids. Data of the second domain is never removed because the first one is gone.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::hypervisor::{BootId, HypervisorError};
use userdata::store::Keep;
use userdata::{
    Domain, DomainKey, Domid, Hypervisor, Store as _, Userdata, UserdataErrorKind, Userid, Uuid,
    WritableUserid,
};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{FileStore, OsDirectory};

/// A timeout that only a failing test reaches.
const LONG: Duration = Duration::from_secs(120);

/// An event right after the next answer about a domain.
type Then = Box<dyn FnOnce() + Send>;

/// A host with an event between an answer and the caller's next step.
#[derive(Clone)]
struct EventfulHost {
    host: SimHost,
    then: Arc<Mutex<Option<Then>>>,
}

impl Hypervisor for EventfulHost {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let answer = self.host.domain(domid);
        if let Some(then) = self.then.lock().unwrap().take() {
            then();
        }
        answer
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.host.domains()
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.host.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.host.boot()
    }
}

struct Scene {
    directory: tempfile::TempDir,
    host: EventfulHost,
    key: DomainKey,
}

impl Scene {
    fn new() -> Self {
        let host = SimHost::new(HostOptions::new(1));
        let key = host.create(NewDomain::new()).unwrap();
        Self {
            directory: tempfile::tempdir().unwrap(),
            host: EventfulHost {
                host,
                then: Arc::default(),
            },
            key,
        }
    }

    fn store(&self) -> FileStore<OsDirectory> {
        FileStore::open(self.directory.path()).unwrap()
    }

    fn userdata(&self) -> Userdata<EventfulHost, FileStore<OsDirectory>> {
        Userdata::new(self.host.clone(), self.store()).with_timeout(LONG)
    }

    fn json(&self) -> PathBuf {
        json_of(self.directory.path(), &self.key)
    }

    /// Takes the domain's lock in a thread, and holds it until the message.
    fn hold_the_lock(&self) -> (Sender<()>, JoinHandle<()>) {
        let (go, wait): (Sender<()>, Receiver<()>) = channel();
        let (held, is_held) = channel();
        let (store, key) = (self.store(), self.key);
        let holder = std::thread::spawn(move || {
            let mut admit = |_: &_| {
                held.send(()).unwrap();
                wait.recv().unwrap();
                Ok(())
            };
            store.change(&key, LONG, &mut admit, &[]).unwrap();
        });
        is_held.recv().unwrap();
        (go, holder)
    }

    /// After the next answer the domain exists again, libxl stores its record of it, and the lock
    /// is released.
    fn comes_back_before(&self, go: Sender<()>) {
        let (host, key, json) = (self.host.host.clone(), self.key, self.json());
        let then: Then = Box::new(move || {
            let again = NewDomain::new().with_domid(key.domid).with_uuid(key.uuid);
            assert_eq!(host.create(again).unwrap(), key);
            std::fs::write(json, b"{\"c_info\":\"new\"}\0").unwrap();
            go.send(()).unwrap();
        });
        *self.host.then.lock().unwrap() = Some(then);
    }

    fn json_is_there(&self) {
        assert_eq!(
            std::fs::read(self.json()).unwrap(),
            b"{\"c_info\":\"new\"}\0"
        );
    }
}

fn json_of(directory: &Path, key: &DomainKey) -> PathBuf {
    let userid = Userid::new("libxl-json").unwrap();
    let name = FileName::data(NameFormat::Libxl, key, &userid).unwrap();
    directory.join(name.to_string())
}

fn xl() -> WritableUserid {
    WritableUserid::new("xl").unwrap()
}

#[test]
fn destroy_keeps_what_a_second_domain_of_the_key_stored() {
    let scene = Scene::new();
    let userdata = scene.userdata();
    userdata.store(scene.key, &xl(), b"of the first").unwrap();
    let mut holder = None;
    let destroyed = userdata
        .destroy(scene.key, |key| {
            scene.host.host.destroy(key.domid)?;
            let (go, held) = scene.hold_the_lock();
            holder = Some(held);
            scene.comes_back_before(go);
            Ok::<_, hv_sim::EventError>(())
        })
        .unwrap();
    holder.unwrap().join().unwrap();
    assert!(destroyed.cleared.is_none());
    assert!(
        matches!(destroyed.problems[0].kind(), UserdataErrorKind::ExistsAgain),
        "{:?}",
        destroyed.problems
    );
    scene.json_is_there();
    // Nothing is left of the mark, so that the second domain can store.
    userdata.store(scene.key, &xl(), b"of the second").unwrap();
    assert_eq!(
        std::fs::read_dir(scene.directory.path()).unwrap().count(),
        2
    );
}

#[test]
fn clear_keeps_what_a_second_domain_of_the_key_stored() {
    let scene = Scene::new();
    let userdata = scene.userdata();
    userdata.store(scene.key, &xl(), b"of the first").unwrap();
    scene.host.host.destroy(scene.key.domid).unwrap();
    let (go, holder) = scene.hold_the_lock();
    scene.comes_back_before(go);
    let error = userdata.clear(scene.key, Keep::Essential).unwrap_err();
    holder.join().unwrap();
    assert!(
        matches!(error.kind(), UserdataErrorKind::ExistsAgain),
        "{error:?}"
    );
    scene.json_is_there();
    assert!(userdata.exists(scene.key, xl()).unwrap());
}

#[test]
fn destroy_clears_although_its_closure_fails() {
    let scene = Scene::new();
    let userdata = scene.userdata();
    userdata.store(scene.key, &xl(), b"value").unwrap();
    let failed = userdata.destroy(scene.key, |key| {
        scene.host.host.destroy(key.domid).unwrap();
        Err::<(), _>("a device timed out")
    });
    match failed.unwrap_err() {
        userdata::DestroyError::DestroyedWithError {
            cleared: Some(cleared),
            ..
        } => assert_eq!(cleared.removed, [Userid::new("xl").unwrap()]),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        std::fs::read_dir(scene.directory.path()).unwrap().count(),
        0
    );
}

#[test]
fn the_seed_layout_keeps_data_that_two_domids_share() {
    let directory = tempfile::tempdir().unwrap();
    let host = SimHost::new(HostOptions::new(1));
    let uuid = Uuid::from_u128(7);
    let source = host.create(NewDomain::new().with_uuid(uuid)).unwrap();
    let target = host.create(NewDomain::new().with_uuid(uuid)).unwrap();
    let store = FileStore::open(directory.path()).unwrap();
    let userdata = Userdata::new(host.clone(), store.with_name_format(NameFormat::Seed));
    userdata.store(target, &xl(), b"shared").unwrap();

    let destroyed = userdata
        .destroy(source, |key| host.destroy(key.domid))
        .unwrap();
    assert!(destroyed.cleared.is_none());
    for error in [
        &destroyed.problems[0],
        &userdata.clear(source, Keep::Nothing).unwrap_err(),
    ] {
        let UserdataErrorKind::UuidShared { other } = error.kind() else {
            panic!("{error:?}");
        };
        assert_eq!(*other, target.domid);
    }
    assert!(userdata.exists(target, xl()).unwrap());

    let destroyed = userdata
        .destroy(target, |key| host.destroy(key.domid))
        .unwrap();
    assert_eq!(destroyed.cleared.unwrap().removed.len(), 1);
}
