//! What each does while the other has the lock, and what it leaves.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hv_sim::{HostOptions, NewDomain, SimHost};
use tempfile::TempDir;
use userdata::UserdataErrorKind;
use userdata_core::{
    Clear, Deadline, DomainKey, Domid, Durability, Expect, Op, Store as _, StoreError,
    StoreErrorKind, WritableUserid,
};
use userdata_fs::FileStore;

use crate::check::Subject;
use crate::libxl::{Libxl, Returned, Said};
use crate::ours::{self, Ours};
use crate::setting::{LOCK, file_name};
use crate::step::Call;
use crate::strategy::UUIDS;
use crate::tree::{Node, Tree};

/// One domain and one directory, in which both work.
#[derive(Debug)]
struct Scene {
    directory: TempDir,
    host: SimHost,
    domain: DomainKey,
    xl: WritableUserid,
    ours: Ours,
    libxl: Libxl,
}

impl Scene {
    fn new(subject: &Subject) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let host = SimHost::new(HostOptions::new(0));
        let new = NewDomain::new()
            .with_domid(Domid::new(5)?)
            .with_uuid(UUIDS[0]);
        let domain = host.create(new)?;
        let ours = ours::open(&host, directory.path())?;
        let mut libxl = Libxl::start(&subject.driver, directory.path())?;
        libxl.see(&host)?;
        let xl = WritableUserid::new("xl")?;
        Ok(Self {
            directory,
            host,
            domain,
            xl,
            ours,
            libxl,
        })
    }

    fn tree(&self) -> Result<Tree> {
        Tree::read(self.directory.path())
    }

    fn name(&self, kind: u8, userid: &[u8]) -> Vec<u8> {
        file_name(kind, &self.domain, userid)
    }

    /// Everything that libxl does with the lock held, and what it returns where the value is
    /// `data`.
    fn calls(&self, data: &[u8]) -> [(Call, Returned); 4] {
        let (domid, userid) = (self.domain.domid, || b"xl".to_vec());
        let store = Call::Store {
            domid,
            userid: userid(),
            data: b"libxl's".to_vec(),
        };
        let retrieve = Call::Retrieve {
            domid,
            userid: userid(),
        };
        let remove = Call::Remove {
            domid,
            userid: userid(),
        };
        [
            (store, Returned::Code(0)),
            (retrieve, Returned::Value(data.to_vec())),
            (remove, Returned::Code(0)),
            (Call::Destroy { domid }, Returned::Code(0)),
        ]
    }
}

pub(crate) fn our_lock_makes_every_call_of_libxl_wait_until_it_is_released(
    subject: &Subject,
) -> Result<String> {
    let calls = Scene::new(subject)?.calls(b"ours");
    for (call, returns) in &calls {
        let mut scene = Scene::new(subject)?;
        scene.ours.store(scene.domain, &scene.xl, b"before")?;
        let store = FileStore::open(scene.directory.path())?;
        let op = Op::Put {
            userid: &scene.xl,
            data: b"ours",
            expect: Expect::Any,
            durability: Durability::Process,
        };
        let (mut held, libxl, directory) = (None, &mut scene.libxl, scene.directory.path());
        // What is asked here is asked while we have the lock.
        let admit = &mut |_: &_| {
            let waited = libxl.begin(call).and_then(|()| libxl.expect(&Said::Waits));
            held = Some(waited.and_then(|()| Tree::read(directory)));
            Ok(())
        };
        store.change(&scene.domain, Deadline::default(), admit, &[op])?;
        let held = held.context("the store asks before it changes")??;
        let lock = held.get(&scene.name(b'l', LOCK)).cloned();
        ensure!(lock == Some(Node::private(b"")), "our lock is {lock:?}");
        let value = held.get(&scene.name(b'd', b"xl")).cloned();
        ensure!(
            value == Some(Node::private(b"before")),
            "{call:?} did not wait: {value:?}"
        );
        let returned = scene.libxl.returned()?;
        ensure!(
            returned == *returns,
            "{call:?} returned {returned:?} after it had waited"
        );
        ensure!(
            scene.tree()?.get(&scene.name(b'l', LOCK)).is_none(),
            "a lock is left"
        );
    }
    Ok(format!("{} calls", calls.len()))
}

pub(crate) fn libxls_lock_ends_our_changes_at_their_deadline_and_no_read(
    subject: &Subject,
) -> Result<String> {
    let calls = Scene::new(subject)?.calls(b"before");
    for (call, returns) in &calls {
        let mut scene = Scene::new(subject)?;
        let (domain, xl) = (scene.domain, scene.xl.clone());
        scene.ours.store(domain, &xl, b"before")?;
        scene.libxl.begin_and_hold(call)?;
        let held = scene.tree()?;
        let lock = held.get(&scene.name(b'l', LOCK)).cloned();
        ensure!(
            lock == Some(Node::File(0o644, vec![])),
            "libxl's lock is {lock:?}"
        );
        let deadline = Deadline::within(Duration::from_millis(10));
        let hasty = ours::open(&scene.host, scene.directory.path())?.with_deadline(deadline);
        let changes = [
            hasty.store(domain, &xl, b"ours").err(),
            hasty.store(domain, &xl, b"").err(),
            hasty.remove(domain, &xl).err(),
            hasty.destroy_all(domain, Clear::Everything).err(),
        ];
        for (number, error) in changes.iter().enumerate() {
            match error.as_ref().map(userdata::UserdataError::kind) {
                Some(UserdataErrorKind::Store(error)) if ran_out(error) => {}
                other => bail!("change {number} during {call:?} ended with {other:?}"),
            }
        }
        let read = hasty.retrieve(domain, &xl)?;
        ensure!(
            read.is_some_and(|value| value.as_bytes() == b"before"),
            "not what is there"
        );
        ensure!(hasty.list(domain)?.len() == 1, "not what is there");
        ensure!(
            scene.tree()? == held,
            "something changed while {call:?} had the lock"
        );
        let returned = scene.libxl.go_on()?;
        ensure!(returned == *returns, "{call:?} returned {returned:?}");
        scene.ours.store(domain, &xl, b"ours at last")?;
        let names: Vec<_> = scene.tree()?.0.into_keys().collect();
        ensure!(
            names == [scene.name(b'd', b"xl")],
            "more is left than the value"
        );
    }
    Ok(format!("{} calls", calls.len()))
}

fn ran_out(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. })
}

pub(crate) fn a_libxl_that_is_killed_with_the_lock_stops_nobody(
    subject: &Subject,
) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    let [(store, _), ..] = scene.calls(b"");
    scene.libxl.begin_and_hold(&store)?;
    scene.libxl.kill()?;
    let lock = file_name(b'l', &scene.domain, LOCK);
    let left = Tree::read(scene.directory.path())?;
    ensure!(
        left.get(&lock).is_some(),
        "the one who was killed had no lock"
    );
    scene.ours.store(scene.domain, &scene.xl, b"ours")?;
    let names: Vec<_> = Tree::read(scene.directory.path())?.0.into_keys().collect();
    ensure!(
        names == [file_name(b'd', &scene.domain, b"xl")],
        "more is left than the value"
    );
    Ok("its lock file was taken over".to_owned())
}

pub(crate) fn libxls_destroy_within_ours_leaves_nothing(subject: &Subject) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    let (domain, xl) = (scene.domain, scene.xl.clone());
    scene.ours.store(domain, &xl, b"ours")?;
    for kind in *b"ntlz" {
        Node::private(b"left").plant(scene.directory.path(), &scene.name(kind, b"left"))?;
    }
    let domid = domain.domid;
    let late = Call::Store {
        domid,
        userid: b"late".to_vec(),
        data: b"libxl's".to_vec(),
    };
    let (libxl, ours, host) = (&mut scene.libxl, &scene.ours, &scene.host);
    let (directory, marker) = (scene.directory.path(), file_name(b'c', &domain, LOCK));
    let destroyed = ours.destroy(domain, |_| {
        within(|| {
            let refused = ours.store(domain, &xl, b"late").err();
            let kind = refused.as_ref().map(userdata::UserdataError::kind);
            ensure!(
                matches!(kind, Some(UserdataErrorKind::BeingDestroyed)),
                "{kind:?}"
            );
            ensure!(
                libxl.call(&late)? == Returned::Code(0),
                "libxl knows our marker"
            );
            ensure!(
                libxl.call(&Call::Destroy { domid })? == Returned::Code(0),
                "not destroyed"
            );
            let names: Vec<_> = Tree::read(directory)?.0.into_keys().collect();
            ensure!(names == [marker], "libxl leaves {names:?}");
            host.destroy(domid)?;
            Ok(())
        })
    })?;
    ensure!(destroyed.trouble.is_empty(), "{:?}", destroyed.trouble);
    let left = scene.tree()?;
    ensure!(left == Tree::default(), "there is still {left:?}");
    Ok("libxl left our marker, we removed it".to_owned())
}

/// What goes wrong, as an error that the facade takes.
fn within(work: impl FnOnce() -> Result<()>) -> Result<(), std::io::Error> {
    work().map_err(|error| std::io::Error::other(format!("{error:#}")))
}
