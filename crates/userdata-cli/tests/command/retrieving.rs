//! `userdata retrieve`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::sandbox::{Sandbox, WEB};

#[test]
fn bytes_come_back_as_they_are() {
    let sandbox = Sandbox::with_web();
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    sandbox.store_for_web("bytes", &every);
    assert_eq!(sandbox.value_of_web("bytes"), every);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    fs::write(sandbox.path("out"), "something longer").unwrap();
    sandbox.done(["retrieve", "web", "xl", "-o", "out"]);
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"value");
    sandbox.refused(4, ["retrieve", "web", "none", "-o", "out"]);
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"value");
    let message = sandbox.refused(1, ["retrieve", "web", "xl", "-o", "none/out"]);
    assert!(message.starts_with("cannot write none/out: "), "{message}");
    assert_eq!(sandbox.done(["retrieve", "web", "xl", "-o", "-"]), "value");
    assert_eq!(
        sandbox.done(["retrieve", "web", "xl", "-o", "/dev/stdout"]),
        "value"
    );
}

#[test]
fn with_json_the_file_gets_the_document() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    assert_eq!(
        sandbox.done(["retrieve", "web", "xl", "--json", "-o", "out"]),
        ""
    );
    let written = fs::read(sandbox.path("out")).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(document["value"], "dmFsdWU=");
}

#[test]
fn reading_changes_nothing_and_does_not_wait() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.domain-userdata-lock"));
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let before = fs::metadata(sandbox.store()).unwrap().modified().unwrap();
    assert_eq!(sandbox.value_of_web("xl"), b"value");
    sandbox.done(["list"]);
    sandbox.done(["list", "web"]);
    assert_eq!(
        fs::metadata(sandbox.store()).unwrap().modified().unwrap(),
        before
    );
    assert_eq!(sandbox.files().len(), 2);
}

#[test]
fn a_named_pipe_as_a_value_is_an_error_at_once() {
    let sandbox = Sandbox::with_web();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, sandbox.file_of_web("xl"), fifo, mode, 0).unwrap();
    let message = sandbox.refused(5, ["retrieve", "web", "xl"]);
    assert!(
        message.ends_with("it is a named pipe and not a regular file"),
        "{message}"
    );
    assert!(sandbox.done(["list", "web"]).ends_with("\tnamed pipe\n"));
    sandbox.done(["remove", "web", "xl"]);
    assert!(sandbox.files().is_empty());
}

fn mode_and_owner(path: &Path) -> (u32, u32, u32) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
}

#[test]
fn a_replaced_file_keeps_its_mode_and_owner() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let out = sandbox.path("out");
    sandbox.done(["retrieve", "web", "xl", "-o", "out"]);
    assert_eq!(mode_and_owner(&out).0, 0o600, "a new one is private");
    fs::set_permissions(&out, fs::Permissions::from_mode(0o664)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&out, Some(1234), Some(4321)).unwrap();
    }
    let before = mode_and_owner(&out);
    let inode = fs::metadata(&out).unwrap().ino();
    // A second name keeps the old bytes: the file is replaced, not written into.
    fs::hard_link(&out, sandbox.path("link")).unwrap();
    sandbox.store_for_web("xl", b"other");
    sandbox.done(["retrieve", "web", "xl", "-o", "out"]);
    assert_eq!(mode_and_owner(&out), before);
    assert_ne!(fs::metadata(&out).unwrap().ino(), inode);
    assert_eq!(fs::read(&out).unwrap(), b"other");
    assert_eq!(fs::read(sandbox.path("link")).unwrap(), b"value");
}

#[test]
fn the_path_of_an_open_descriptor_is_written_to() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value\n");
    for (path, number) in [
        ("/dev/stdout", 1),
        ("/dev/fd/1", 1),
        ("/proc/self/fd/1", 1),
        ("/proc/thread-self/fd/1", 1),
        ("/dev/stderr", 2),
        ("/proc/self/fd/7", 7),
        ("log", 1),
        ("log", 2),
        ("./log", 1),
    ] {
        for redirection in [">>", ">"] {
            let script = format!(
                "{{ echo before >&{number}; $0 retrieve web xl -o {path}; \
                 echo after >&{number}; }} {number}{redirection}log"
            );
            let ran = sandbox.shell(&script);
            assert_eq!(ran.status, 0, "{script}: {ran:?}");
            let log = fs::read_to_string(sandbox.path("log")).unwrap();
            assert_eq!(log, "before\nvalue\nafter\n", "{script}");
            fs::remove_file(sandbox.path("log")).unwrap();
        }
    }
    let ran = sandbox.shell("$0 retrieve web xl -o /dev/fd/9");
    assert!(ran.refused(1).contains("Bad file descriptor"));
}

#[test]
fn a_named_pipe_and_a_device_are_written_to() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let script = "mkfifo pipe && { $0 retrieve web xl -o pipe & cat pipe; wait; } && test -p pipe";
    let ran = sandbox.shell(script);
    assert_eq!((ran.status, ran.text()), (0, "value"), "{ran:?}");
    let ran = sandbox.shell("$0 retrieve web xl -o /dev/full");
    assert!(ran.refused(1).contains("No space left"));
}

#[test]
fn a_dangling_link_is_followed() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    std::os::unix::fs::symlink("target", sandbox.path("link")).unwrap();
    sandbox.done(["retrieve", "web", "xl", "-o", "link"]);
    let link = fs::symlink_metadata(sandbox.path("link")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(sandbox.path("target")).unwrap(), b"value");
}

#[test]
fn a_file_in_a_folder_that_is_not_writable_is_written_in_place() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let folder = sandbox.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("out"), "something longer").unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let inode = fs::metadata(folder.join("out")).unwrap().ino();
    let ran = sandbox.run_confined(["retrieve", "web", "xl", "-o", "folder/out"]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    assert_eq!(fs::read(folder.join("out")).unwrap(), b"value");
    assert_eq!(fs::metadata(folder.join("out")).unwrap().ino(), inode);
    let ran = sandbox.run_confined(["retrieve", "web", "xl", "-o", "folder/new"]);
    assert!(ran.refused(9).contains("Permission denied"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_that_is_a_mount_point_is_written_in_place() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    fs::write(sandbox.path("source"), "old").unwrap();
    fs::write(sandbox.path("out"), "").unwrap();
    let script = "unshare --user --map-root-user --mount sh -c \
                  'mount --bind source out || exit 77; \
                  \"$0\" retrieve web xl -o out' \"$0\" 2>&1";
    let ran = sandbox.shell(script);
    // Where no user may have a name space of mounts, none is there to be tried.
    if ran.status == 77 || ran.text().contains("unshare") {
        return;
    }
    assert_eq!((ran.status, ran.text()), (0, ""));
    assert_eq!(fs::read(sandbox.path("source")).unwrap(), b"value");
}

#[test]
fn without_a_directory_there_are_no_values_and_none_is_made() {
    let sandbox = Sandbox::new();
    let host = format!("sim:{}", sandbox.path("a/b/host.json").display());
    let run = |arguments: &[&str]| sandbox.run([arguments, &["--hypervisor", &host]].concat());
    let ran = run(&["list"]);
    assert_eq!((ran.status, ran.text(), &*ran.stderr), (0, "", ""));
    assert_eq!(run(&["list", "0"]).status, 0);
    run(&["list", "web"]).refused(3);
    run(&["retrieve", "0", "xl"]).refused(4);
    run(&["retrieve", "web", "xl"]).refused(3);
    assert_eq!(run(&["sim", "list"]).status, 0);
    assert_eq!(run(&["registry"]).status, 0);
    assert!(!sandbox.path("a").exists());
    // A directory that is named is not a default one, and a mistake is reported.
    run(&["list", "--dir", "nowhere"]).refused(1);

    let store = ["store", "0", "xl", "/proc/self/comm"];
    assert_eq!(run(&store).status, 0);
    assert_eq!(run(&["retrieve", "0", "xl"]).text(), "userdata\n");
    // A folder that can't be looked into is not an empty one.
    let folder = sandbox.path("a/b");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    let arguments = ["list", "--hypervisor", &host];
    let ran = sandbox.run_confined(arguments);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    ran.refused(9);
}
