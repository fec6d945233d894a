//! Processes without descriptors, full disks, and directories that may not be written to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use userdata_core::store::{Operation, StoreErrorKind};
use userdata_fs::FileStore;

use crate::actor::{Actor, command};
use crate::place::skipped;
use crate::scene::{Scene, userid};

#[test]
fn a_process_without_descriptors_acts_wholly_or_not_at_all() {
    let failed = |said: &str| said.starts_with("TooManyOpenFiles(");
    let mut last = Vec::new();
    for left in 0..=4 {
        let (scene, xl) = (Scene::new(), userid("xl"));
        scene.put(&xl, b"old").unwrap();
        let said = scene.actor(&["few-files", &left.to_string()]).end();
        let words = ["stored", "read", "listed", "closed", "cleared"];
        assert_eq!(said.len(), words.len());
        for (said, word) in said.iter().zip(words) {
            assert!(said == word || failed(said), "with {left}: {said}");
        }
        let wanted = match (&*said[0], &*said[4]) {
            (_, "cleared") => None,
            ("stored", _) => Some(&b"new"[..]),
            _ => Some(&b"old"[..]),
        };
        assert_eq!(
            scene.get(xl.as_userid()).as_deref(),
            wanted,
            "with {left}: {said:?}"
        );
        let leftovers = scene.others();
        assert!(
            leftovers.len() <= usize::from(said[3] == "closed"),
            "with {left}: {leftovers:?}"
        );
        last = said;
        if left == 0 {
            assert!(last.iter().all(|said| failed(said)), "{last:?}");
        }
    }
    assert!(!last.iter().any(|said| failed(said)), "{last:?}");
}

/// Starts an actor on a tmpfs that is mounted with these options in a namespace of its own, after
/// the shell commands in `prepare`. `None`, with a line that says so, where that is not allowed.
pub(crate) fn on_a_tmpfs(options: &str, prepare: &str, arguments: &[&str]) -> Option<Vec<String>> {
    mounted(
        &format!("mount -t tmpfs -o {options} none \"$0\""),
        prepare,
        arguments,
    )
}

/// The same on what the shell command `mount` mounts.
fn mounted(mount: &str, prepare: &str, arguments: &[&str]) -> Option<Vec<String>> {
    let scene = Scene::new();
    let actor = command(scene.path(), &scene.domain, arguments);
    let script = format!("{mount} && cd \"$0\" && {prepare} echo mounted && exec \"$@\"");
    // Root may mount in a namespace of its own; others need one of users besides.
    for namespaces in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mut unshare = Command::new("unshare");
        unshare
            .args(namespaces)
            .args(["sh", "-c", &script])
            .arg(scene.path());
        unshare.arg(actor.get_program()).args(actor.get_args());
        let process = Actor::start(unshare);
        if process.says().as_deref() == Some("mounted") {
            return Some(process.end());
        }
    }
    skipped(
        &arguments.join(" "),
        "this user may not mount a file system",
    );
    None
}

#[test]
fn on_a_full_disk_the_old_value_stays_and_nothing_else() {
    if let Some(said) = on_a_tmpfs("size=128k,mode=700", "", &["full-disk"]) {
        assert_eq!(said, ["done"]);
    }
}

#[test]
fn on_a_disk_without_inodes_the_old_value_stays_and_nothing_else() {
    if let Some(said) = on_a_tmpfs("nr_inodes=16,mode=700", "", &["no-inodes"]) {
        assert_eq!(said, ["done"]);
    }
}

#[test]
fn on_a_tmpfs_without_inodes_values_are_removed() {
    if let Some(said) = on_a_tmpfs("nr_inodes=16,mode=700", "", &["free-on-a-tmpfs"]) {
        assert_eq!(said, ["done"]);
    }
}

/// Starts an actor on an ext4 with few inodes.
fn on_a_small_ext4(arguments: &[&str]) -> Option<Vec<String>> {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let image = scratch.path().join("image");
    let image = image.to_str().expect("a path of text");
    let mount = format!(
        "truncate -s 4M {image} && mkfs.ext4 -q -N 32 {image} && mount -o loop {image} \"$0\""
    );
    mounted(&mount, "", arguments)
}

#[test]
fn on_a_disk_without_inodes_values_are_removed() {
    if let Some(said) = on_a_small_ext4(&["free-without-inodes"]) {
        assert_eq!(said, ["done"]);
    }
}

#[test]
fn without_inodes_each_value_is_removed_once() {
    let on_a_tmpfs = on_a_tmpfs("nr_inodes=16,mode=700", "", &["free-at-once"]);
    let on_ext4 = on_a_small_ext4(&["free-at-once"]);
    for said in on_a_tmpfs.into_iter().chain(on_ext4) {
        assert_eq!(said, ["done"]);
    }
}

#[test]
fn a_read_only_file_system_is_read_and_never_changed() {
    let prepare = "printf old >userdata-d.5.11111111-2222-3333-4444-abcdef555555.xl && \
                   mount -o remount,bind,ro \"$0\" && ";
    if let Some(said) = on_a_tmpfs("mode=700", prepare, &["read-only"]) {
        assert_eq!(said, ["done"]);
    }
}

#[test]
fn a_directory_without_write_permission_is_only_read() {
    let (scene, xl) = (Scene::new(), userid("xl"));
    scene.put(&xl, b"old").unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in scene.snapshot().names() {
        mode(
            &scene.path().join(std::str::from_utf8(name).unwrap()),
            0o644,
        );
    }
    mode(scene.path(), 0o555);
    let before = scene.snapshot();
    let actor = command(scene.path(), &scene.domain, &["not-permitted"]);
    let process = if rustix::process::geteuid().is_root() {
        // Root may write whatever the mode.
        let program = tempfile::tempdir().unwrap();
        mode(program.path(), 0o755);
        let copy = program.path().join("actor");
        fs::copy(actor.get_program(), &copy).unwrap();
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        setpriv.arg(&copy).args(actor.get_args());
        let process = Actor::start(setpriv);
        process.expect("done");
        process
    } else {
        let process = Actor::start(actor);
        process.expect("done");
        process
    };
    process.end();
    assert_eq!(scene.snapshot().changed_since(&before), [""; 0]);
    mode(scene.path(), 0o700);
}

#[test]
fn a_path_that_is_not_a_directory_is_reported_by_its_name() {
    let scene = Scene::new();
    fs::write(scene.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let path = scene.path().join(name);
        let error = FileStore::open(&path).unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::NoDirectory(_)),
            "{error:?}"
        );
        assert_eq!(error.operation(), Operation::OpenStore);
        assert_eq!(error.file(), path.to_str().unwrap().as_bytes());
        assert!(!scene.path().join("missing").exists());
    }
}
