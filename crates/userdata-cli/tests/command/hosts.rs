//! The host that is chosen, and the directory of its values.

use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hv_sim::{HostFile, NewDomain};
use rustix::fs::inotify;

use crate::sandbox::{Ran, Sandbox, WEB};

/// Whether this machine runs on Xen.
fn has_xen() -> bool {
    ["/dev/xen/privcmd", "/proc/xen/privcmd"]
        .iter()
        .any(|device| Path::new(device).exists())
}

#[test]
fn without_xen_a_simulated_host_is_used_and_named() {
    if has_xen() {
        return;
    }
    let sandbox = Sandbox::new();
    let auto = |state: Option<&str>, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env_remove("USERDATA_HYPERVISOR");
        if let Some(state) = state {
            command.env("XDG_STATE_HOME", state);
        }
        Ran::from(command.output().unwrap())
    };
    let state = sandbox.path("state").display().to_string();
    let home = sandbox.path(".local/state").display().to_string();
    for (set, state) in [
        (Some(&*state), &state),
        (None, &home),
        (Some(""), &home),
        (Some("relative"), &home),
    ] {
        let ran = auto(set, &["sim", "create"]);
        let message = format!(
            "userdata: this machine has no Xen: the simulated host in \
             {state}/userdata/host.json is used\n"
        );
        assert_eq!((ran.status, &*ran.stderr), (0, &*message));
        let ran = auto(set, &["store", "1", "xl", "/proc/self/comm"]);
        assert_eq!((ran.status, &*ran.stderr), (0, &*message));
        let store = Path::new(state).join("userdata/host.json.userdata");
        assert_eq!(fs::read_dir(&store).unwrap().count(), 1);
        assert_eq!(
            fs::metadata(&store).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::remove_dir_all(state).unwrap();
    }
    let ran = auto(None, &["list", "--hypervisor", "auto", "--json"]);
    assert_eq!(ran.status, 0);
    assert_eq!(ran.stderr.lines().count(), 1);
    assert_eq!(ran.document()["values"].as_array().unwrap().len(), 0);
}

#[test]
fn xen_that_is_not_there_is_an_error() {
    if has_xen() {
        return;
    }
    let sandbox = Sandbox::new();
    let message = sandbox.refused(1, ["list", "--hypervisor", "xen"]);
    assert!(message.contains("privcmd"), "{message}");
    let message = sandbox.refused(1, ["list", "--hypervisor", "xen", "--dir", "."]);
    assert!(message.contains("privcmd"), "{message}");
}

#[test]
fn values_are_beside_the_file_of_the_host() {
    let sandbox = Sandbox::new();
    sandbox.done([
        "sim",
        "create",
        "--uuid",
        WEB,
        "--hypervisor",
        "sim:a/b/host",
    ]);
    sandbox.done([
        "store",
        "1",
        "xl",
        "/proc/self/comm",
        "--hypervisor",
        "sim:a/b/host",
    ]);
    let file = format!("a/b/host.userdata/userdata-d.1.{WEB}.xl");
    assert!(fs::exists(sandbox.path(file)).unwrap());
    assert!(!fs::exists(sandbox.host()).unwrap());
}

#[test]
fn commands_without_a_host_do_not_read_it() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.host(), "not a host").unwrap();
    for arguments in [
        &["registry"][..],
        &["man"],
        &["completions", "bash"],
        &["demo"],
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{arguments:?}");
    }
}

/// How often a file is opened while `run` runs.
fn opens(file: &Path, run: impl FnOnce()) -> usize {
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    // Closing is watched too: two equal events in a row would be one.
    let flags = inotify::WatchFlags::OPEN | inotify::WatchFlags::CLOSE;
    inotify::add_watch(&watch, file, flags).unwrap();
    run();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut opens = 0;
    while let Ok(event) = events.next() {
        opens += usize::from(event.events().contains(inotify::ReadFlags::OPEN));
    }
    opens
}

#[test]
fn a_simulated_host_is_read_as_often_for_many_domains() {
    let reads = |domains: usize| {
        let sandbox = Sandbox::new();
        let host = HostFile::new(sandbox.host());
        fs::create_dir(sandbox.store()).unwrap();
        for number in 0..domains {
            let name = format!("vm{number:05}");
            let key = host.create(NewDomain::new().with_name(name)).unwrap();
            let file = format!("userdata-d.{key}.xl");
            fs::write(sandbox.store().join(file), "x").unwrap();
        }
        let read = |arguments: &[&str]| opens(&sandbox.host(), || drop(sandbox.done(arguments)));
        [
            read(&["list"]),
            read(&["list", "vm00001"]),
            read(&["sim", "list"]),
            read(&["retrieve", "vm00001", "xl"]),
            read(&["store", "vm00001", "xl", "/proc/self/comm"]),
            read(&["remove", "vm00001", "xl"]),
            read(&["clear", "vm00001"]),
        ]
    };
    let few = reads(2);
    assert_eq!(few[..3], [1, 1, 1]);
    // A change asks again, under the lock.
    assert!(few[4] > 1, "{few:?}");
    assert_eq!(reads(40), few);
}
