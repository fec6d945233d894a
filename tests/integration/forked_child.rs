//! A child that is forked while its parent holds the lock, and that outlives the lock.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use userdata_core::store::StoreErrorKind;

use crate::actor::{Actor, command};
use crate::scene::{AT_ONCE, Scene, userid};

/// After this time a wait counts as a wait for the child.
const STUCK: Duration = Duration::from_secs(60);

/// The library that a process preloads so that it can fork, and the file that tells its child to
/// end.
struct Forking {
    scratch: TempDir,
    library: PathBuf,
}

impl Forking {
    /// Compiles the library with the C compiler, which links Rust programs as well.
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let library = scratch.path().join("getppid_forks.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/getppid_forks.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .expect("cc is there, as for every Rust program");
        assert!(compiled.success());
        Self { scratch, library }
    }

    fn signal(&self) -> PathBuf {
        self.scratch.path().join("the child may go")
    }

    fn actor(&self, scene: &Scene, fate: &str) -> Actor {
        let signal = self.signal();
        let mut command = command(
            scene.path(),
            &scene.domain,
            &["fork", fate, signal.to_str().unwrap()],
        );
        command.env("LD_PRELOAD", &self.library);
        Actor::start(command)
    }

    /// Ends the child.
    fn let_go(&self) {
        std::fs::write(self.signal(), "").unwrap();
    }
}

#[test]
fn a_forked_child_with_the_lock_file_open_blocks_no_change() {
    let (forking, scene, xl) = (Forking::new(), Scene::new(), userid("xl"));
    let mut parent = forking.actor(&scene, "keeps");
    parent.expect("forked");
    parent.tell("go on");
    parent.expect("stored");
    // The child is alive and has the descriptor, but the lock is free.
    scene.put_within(AT_ONCE, &xl, b"by another").unwrap();
    assert_eq!(
        scene.get(xl.as_userid()).as_deref(),
        Some(&b"by another"[..])
    );
    assert_eq!(scene.others(), []);
    forking.let_go();
    parent.end();
}

/// Real libxl waits in the kernel, for the lock of the file that it opened.
#[test]
fn a_waiter_on_the_lock_file_does_not_wait_for_a_forked_child() {
    let (forking, scene) = (Forking::new(), Scene::new());
    let mut parent = forking.actor(&scene, "keeps");
    parent.expect("forked");
    let waiting = File::open(scene.lock_path()).unwrap();
    assert!(matches!(waiting.try_lock(), Err(TryLockError::WouldBlock)));
    let (send, locked) = channel();
    thread::spawn(move || send.send(waiting.lock().map(|()| waiting)));
    parent.tell("go on");
    parent.expect("stored");
    locked
        .recv_timeout(STUCK)
        .expect("the waiter gets the lock")
        .unwrap();
    forking.let_go();
    parent.end();
}

#[test]
fn a_forked_child_that_unwinds_leaves_the_lock_to_its_parent() {
    let (forking, scene, xl) = (Forking::new(), Scene::new(), userid("xl"));
    let mut parent = forking.actor(&scene, "unwinds");
    let mut said = [parent.says().unwrap(), parent.says().unwrap()];
    said.sort();
    assert_eq!(said, ["forked", "unwound"]);
    assert!(
        scene.lock_path().exists(),
        "the child takes the lock file away"
    );
    let error = scene.put_within(AT_ONCE, &xl, b"by another").unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. }),
        "{error:?}"
    );
    parent.tell("go on");
    parent.expect("stored");
    assert_eq!(
        scene.get(xl.as_userid()).as_deref(),
        Some(&b"by the parent"[..])
    );
    assert_eq!(scene.others(), []);
    forking.let_go();
    parent.end();
}

#[test]
fn a_child_of_a_killed_holder_keeps_the_lock_until_it_ends() {
    let (forking, scene, xl) = (Forking::new(), Scene::new(), userid("xl"));
    let parent = forking.actor(&scene, "keeps");
    parent.expect("forked");
    parent.kill();
    let error = scene.put_within(AT_ONCE, &xl, b"too early").unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. }),
        "{error:?}"
    );
    forking.let_go();
    scene.put(&xl, b"by another").unwrap();
    assert_eq!(scene.others(), []);
}
