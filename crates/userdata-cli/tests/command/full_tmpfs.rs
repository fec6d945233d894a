//! On a tmpfs without a free inode, reading works, and so does every change that only removes.

use std::io::Write as _;
use std::process::Command;

use crate::sandbox::{Sandbox, USERDATA, WEB};

/// Six inodes: the directory, four values of `web`, and one more file.
const FULL: &str = "
    mount -t tmpfs -o nr_inodes=6 none host.json.userdata || exit 77
    for value in a b c d; do printf value | \"$U\" store web $value || exit 1; done
    fill() { touch host.json.userdata/filler-$1; touch 2>&- host.json.userdata/more && exit 78; }
    fill 0
    u() { \"$U\" \"$@\" 2>&1; echo \"status $?\"; }
    files() { ls host.json.userdata | sed 's/userdata-d.*[.]//' | tr '\\n' ' '; echo; }
";

/// The lines that a script prints on the full tmpfs. `None`, with a line that says so, where no
/// tmpfs may be mounted.
fn on_a_full_tmpfs(script: &str) -> Option<Vec<String>> {
    let sandbox = Sandbox::with_web();
    let script = format!("{FULL}{script}");
    // Root may mount in a namespace of its own; others need one of users besides.
    for namespaces in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mut unshare = Command::new("unshare");
        let inner = sandbox.command([""; 0]);
        unshare.args(namespaces).args(["sh", "-c", &script]);
        unshare.env_clear().current_dir(sandbox.path(""));
        let set = inner
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?)));
        unshare.envs(set).env("U", USERDATA).env("UUID", WEB);
        let ran = unshare.output().unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        match ran.status.code() {
            Some(0) => return Some(text.lines().map(str::to_owned).collect()),
            Some(77) => {}
            _ if String::from_utf8_lossy(&ran.stderr).contains("unshare") => {}
            status => panic!("{status:?}: {text}{}", String::from_utf8_lossy(&ran.stderr)),
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "skipped: a tmpfs, which this user may not mount"
    );
    None
}

#[test]
fn one_value_after_the_other_is_removed_from_a_full_tmpfs() {
    let script = "
        printf new | u store web a; files
        u retrieve web a
        u remove web a; fill 1; files
        u remove web a
        u store web b --empty-removes; fill 2; files
        u remove web c; fill 3
        u remove web d; fill 4; files
        u remove web d
    ";
    let Some(lines) = on_a_full_tmpfs(script) else {
        return;
    };
    assert!(lines[0].contains("No space left on device"), "{lines:?}");
    let none = "userdata: nothing to remove";
    let wanted = [
        "status 1",
        "filler-0 a b c d ",
        "valuestatus 0",
        "status 0",
        "filler-0 filler-1 b c d ",
        none,
        "status 0",
        "userdata: the input is empty, so the value is removed",
        "status 0",
        "filler-0 filler-1 filler-2 c d ",
        "status 0",
        "status 0",
        "filler-0 filler-1 filler-2 filler-3 filler-4 ",
        none,
        "status 0",
    ];
    assert_eq!(lines[1..], wanted);
}

#[test]
fn a_domain_is_cleared_on_a_full_tmpfs() {
    for (prepare, domain) in [(":", "web"), ("\"$U\" sim destroy web", "1.$UUID")] {
        let script = format!("{prepare}; u clear {domain}; files; u clear {domain} | tail -1");
        let Some(lines) = on_a_full_tmpfs(&script) else {
            return;
        };
        let end = ["status 0", "filler-0 ", "status 0"];
        assert_eq!(lines[lines.len() - end.len()..], end, "{lines:?}");
    }
}

#[test]
fn a_domain_is_destroyed_with_its_values_on_a_full_tmpfs() {
    let Some(lines) = on_a_full_tmpfs("u destroy web -- \"$U\" sim destroy web; files") else {
        return;
    };
    // A closing mark can't be made, and the destroy continues without one.
    assert!(lines[0].contains("No space left on device"), "{lines:?}");
    let end = [
        "userdata: the domain is destroyed all the same",
        "status 0",
        "filler-0 ",
    ];
    assert_eq!(lines[lines.len() - end.len()..], end, "{lines:?}");
}

#[test]
fn a_domain_that_is_not_destroyed_keeps_its_values_on_a_full_tmpfs() {
    let Some(lines) = on_a_full_tmpfs("u destroy web -- false; files; u retrieve web d") else {
        return;
    };
    let end = ["status 1", "filler-0 a b c d ", "valuestatus 0"];
    assert_eq!(lines[lines.len() - end.len()..], end, "{lines:?}");
}

#[test]
fn a_marked_domain_is_cleared_though_the_tmpfs_is_full_by_then() {
    let script = "
        rm host.json.userdata/filler-0; \"$U\" remove web d
        u destroy web -- sh -c 'touch host.json.userdata/filler; \"$U\" sim destroy web'; files
    ";
    let Some(lines) = on_a_full_tmpfs(script) else {
        return;
    };
    let end = ["status 0", "filler "];
    assert_eq!(lines[lines.len() - end.len()..], end, "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("No space")),
        "{lines:?}"
    );
}
