//! Calls of one library while the other one holds the lock.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use userdata::UserdataErrorKind;
use userdata_core::Store as _;
use userdata_core::store::{Durability, Expect, Keep, Op, StoreError, StoreErrorKind};
use userdata_core::value::NonEmpty;
use userdata_fs::FileStore;

use super::scene::Scene;
use crate::check::Subject;
use crate::libxl::{Message, Returned};
use crate::ours;
use crate::setting::{LOCK, file_name};
use crate::tree::{Node, Tree};

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
            data: NonEmpty::new(b"ours").context("a value has bytes")?,
            expect: Expect::Any,
            durability: Durability::Process,
        };
        let (mut held, libxl, directory) = (None, &mut scene.libxl, scene.directory.path());
        // This closure runs while this library holds the lock.
        let admit = &mut |_: &_| {
            let waited = libxl
                .begin(call)
                .and_then(|()| libxl.expect(&Message::Waits));
            held = Some(waited.and_then(|()| Tree::read(directory)));
            Ok(())
        };
        store.change(
            &scene.domain,
            std::time::Duration::from_secs(10),
            admit,
            &[op],
        )?;
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

pub(crate) fn libxls_lock_ends_our_changes_at_their_timeout_and_no_read(
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
        let deadline = Duration::from_millis(10);
        let hasty = ours::open(&scene.host, scene.directory.path())?.with_timeout(deadline);
        let changes = [
            hasty.store(domain, &xl, b"ours").err(),
            hasty.store(domain, &xl, b"").err(),
            hasty.remove(domain, &xl).err(),
            hasty.clear(domain, Keep::Nothing).err(),
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
            "another value is read"
        );
        ensure!(hasty.list(domain)?.len() == 1, "another list is read");
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

/// If real libxl cannot open the lock file it removes that file, even while another process holds the
/// lock. This library notices, and stores nothing under a lock that excludes no other process.
pub(crate) fn a_lock_that_real_libxl_breaks_is_reported_as_lost(
    subject: &Subject,
) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    scene.ours.store(scene.domain, &scene.xl, b"before")?;
    let [(call, _), ..] = scene.calls(b"");
    let store = FileStore::open(scene.directory.path())?;
    let op = Op::Put {
        userid: &scene.xl,
        data: NonEmpty::new(b"ours").context("a value has bytes")?,
        expect: Expect::Any,
        durability: Durability::Process,
    };
    let (mut broken, libxl, directory) = (None, &mut scene.libxl, scene.directory.path());
    let admit = &mut |_: &_| {
        let returned = libxl.call_exhausted(&call);
        broken = Some(returned.and_then(|returned| Ok((returned, Tree::read(directory)?))));
        Ok(())
    };
    let changed = store.change(
        &scene.domain,
        std::time::Duration::from_secs(10),
        admit,
        &[op],
    );
    let (returned, tree) = broken.context("the store asks before it changes")??;
    ensure!(
        returned == Returned::Code(-15),
        "libxl returned {returned:?}"
    );
    ensure!(
        tree.get(&scene.name(b'l', LOCK)).is_none(),
        "libxl left our lock alone"
    );
    match changed.as_ref().map_err(StoreError::kind) {
        Err(StoreErrorKind::LockLost { applied: false }) => {}
        other => bail!("our store under a broken lock ended with {other:?}"),
    }
    let left = scene.tree()?;
    let value = left.get(&scene.name(b'd', b"xl")).cloned();
    ensure!(
        value == Some(Node::private(b"before")),
        "the value is {value:?}"
    );
    ensure!(left.0.len() == 1, "more is left than the value: {left:?}");
    Ok("the old value stays".to_owned())
}

fn ran_out(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. })
}

pub(crate) fn a_libxl_killed_with_the_lock_blocks_no_other_program(
    subject: &Subject,
) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    let [(store, _), ..] = scene.calls(b"");
    scene.libxl.begin_and_hold(&store)?;
    scene.libxl.kill()?;
    let lock = file_name(b'l', &scene.domain, LOCK);
    let left = Tree::read(scene.directory.path())?;
    ensure!(left.get(&lock).is_some(), "the killed libxl had no lock");
    scene.ours.store(scene.domain, &scene.xl, b"ours")?;
    let names: Vec<_> = Tree::read(scene.directory.path())?.0.into_keys().collect();
    ensure!(
        names == [file_name(b'd', &scene.domain, b"xl")],
        "more is left than the value"
    );
    Ok("its lock file was taken over".to_owned())
}
