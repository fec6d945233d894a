//! Which host is meant, and where its values are kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::sandbox::{Ran, Sandbox, WEB};

/// Real Xen is where these are.
fn has_xen() -> bool {
    ["/dev/xen/privcmd", "/proc/xen/privcmd"]
        .iter()
        .any(|device| Path::new(device).exists())
}

#[test]
fn without_xen_the_host_is_simulated_in_the_state_directory_and_one_line_says_so() {
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
        (Some("relative"), &home),
    ] {
        let ran = auto(set, &["sim", "create"]);
        let said = format!(
            "userdata: there is no Xen here; using the simulated host in \
             {state}/userdata/host.json\n"
        );
        assert_eq!((ran.status, &*ran.stderr), (0, &*said));
        let ran = auto(set, &["store", "1", "xl", "/proc/self/comm"]);
        assert_eq!((ran.status, &*ran.stderr), (0, &*said));
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
    let said = sandbox.refused(1, ["list", "--hypervisor", "xen"]);
    assert!(said.contains("privcmd"), "{said}");
    let said = sandbox.refused(1, ["list", "--hypervisor", "xen", "--dir", "."]);
    assert!(said.contains("privcmd"), "{said}");
}

#[test]
fn values_lie_beside_the_file_of_the_host() {
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
fn commands_that_need_no_host_ask_for_none() {
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
