//! A file on which another process has a lease, as file servers have.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use userdata_core::Store as _;
use userdata_core::store::StoreErrorKind;

use crate::actor::Actor;
use crate::place::skipped;
use crate::scene::{Scene, userid};

const SHORT: Duration = Duration::from_millis(30);

/// The program of `lease.c`, with which the command is tested, too.
struct Lease {
    _scratch: TempDir,
    program: PathBuf,
}

impl Lease {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("lease");
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates/userdata-cli/tests/fixtures/lease.c");
        let compiled = Command::new("cc")
            .arg("-o")
            .args([&program, &source])
            .status()
            .expect("cc is there, as for every Rust program");
        assert!(compiled.success());
        Self {
            _scratch: scratch,
            program,
        }
    }

    /// A process that has a lease on this file; `None`, with a line that says so, where the file
    /// system gives none.
    fn on(&self, file: &Path, kind: &str) -> Option<Actor> {
        let mut command = Command::new(&self.program);
        command.arg(file).arg(kind);
        let holder = Actor::start(command);
        match holder.says().as_deref() {
            Some("leased") => Some(holder),
            _ => {
                skipped("leases", "the file system gives none");
                None
            }
        }
    }
}

#[test]
fn a_leased_value_is_read_when_the_lease_is_given_back() {
    let (scene, xl, lease) = (Scene::new(), userid("xl"), Lease::new());
    scene.put(&xl, b"value").unwrap();
    let name = format!("userdata-d.{}.xl", scene.domain);
    let Some(holder) = lease.on(&scene.path().join(name), "write") else {
        return;
    };
    let short = scene.store.clone().with_read_timeout(SHORT);
    let error = short.get(&scene.domain, xl.as_userid()).unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DeadlinePassed { waited } if *waited >= SHORT),
        "{error:?}"
    );
    // A value is replaced without being opened.
    scene.put_within(SHORT, &xl, b"another").unwrap();
    assert_eq!(scene.get(xl.as_userid()).as_deref(), Some(&b"another"[..]));
    holder.end();
}

#[test]
fn a_leased_lock_file_is_waited_for_until_the_timeout() {
    let (scene, xl, lease) = (Scene::new(), userid("xl"), Lease::new());
    std::fs::write(scene.lock_path(), "").unwrap();
    let Some(holder) = lease.on(&scene.lock_path(), "read") else {
        return;
    };
    let error = scene.put_within(SHORT, &xl, b"value").unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DeadlinePassed { waited } if *waited >= SHORT),
        "{error:?}"
    );
    holder.end();
    scene.put(&xl, b"value").unwrap();
    assert_eq!(scene.others(), []);
}
