//! The hosts and directories that `userdata sweep` refuses.

use std::fs;
use std::path::Path;

use hv_sim::Event;
use userdata::{Domid, Uuid};

use super::{apply, everything, orphans, plant};
use crate::sandbox::{NEVER, Ran, Sandbox};

#[test]
fn the_seed_layout_is_not_swept() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    plant(&sandbox, &[format!("userdata-d.{}.xl", Uuid::from_u128(9))]);
    let before = everything(&sandbox);
    let message = sandbox.refused(1, ["sweep", "--layout", "seed"]);
    assert!(message.contains("do not name a domid"), "{message}");
    // The hypervisor is not asked before this refusal.
    fs::write(sandbox.host(), "not a host").unwrap();
    assert_eq!(
        sandbox.refused(1, ["sweep", "--layout", "seed", "--dry-run"]),
        message
    );
    let mut after = everything(&sandbox);
    let host = sandbox.host().display().to_string();
    after.insert(host.clone(), before[&host].clone());
    assert_eq!(after, before);
}

#[test]
fn a_host_that_does_not_answer_is_not_swept() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let before = sandbox.files();
    apply(&sandbox, &Event::Hide { domid: Domid::ZERO });
    let message = sandbox.refused(1, ["sweep"]);
    assert!(
        message.starts_with("cannot sweep the userdata of all domains: "),
        "{message}"
    );
    assert!(message.contains("not permitted"), "{message}");
    fs::write(sandbox.host(), "not a host").unwrap();
    sandbox.refused(1, ["sweep"]);
    let ran = sandbox.run(["sweep", "--json"]);
    assert_eq!(
        (ran.status, &ran.document()["schema"]),
        (1, &"userdata/error/1".into())
    );
    assert_eq!(sandbox.files(), before);
}

#[test]
fn a_host_that_was_not_asked_for_sweeps_its_own_directory_alone() {
    if ["/dev/xen/privcmd", "/proc/xen/privcmd"]
        .iter()
        .any(|path| Path::new(path).exists())
    {
        return;
    }
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let before = sandbox.files();
    let auto = |arguments: &[&str], dir: &str| {
        let mut command = sandbox.command([&["sweep"], arguments].concat());
        command
            .env_remove("USERDATA_HYPERVISOR")
            .env("USERDATA_DIR", dir);
        Ran::from(command.output().unwrap())
    };
    let store = sandbox.store().display().to_string();
    for ran in [
        auto(&["--dir", &store], ""),
        auto(&[], &store),
        auto(&["--dir", &store, "--dry-run"], ""),
    ] {
        assert_eq!((ran.status, ran.text()), (1, ""), "{ran:?}");
        assert!(
            ran.stderr.contains("knows nothing of the domains in"),
            "{ran:?}"
        );
    }
    assert_eq!(sandbox.files(), before);
    let own = sandbox.path(".local/state/userdata/host.json.userdata");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join(format!("userdata-d.{NEVER}.xl")), "x").unwrap();
    let ran = auto(&["--dir", &own.display().to_string()], "");
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(fs::read_dir(own).unwrap().count(), 0);
    // If the host is named, its answers count.
    sandbox.done(["sweep", "--dir", &store]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_simulated_host_that_is_missing_sweeps_no_other_directory() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let before = sandbox.files();
    let store = sandbox.store().display().to_string();
    let mistyped = format!("sim:{}", sandbox.path("hots.json").display());
    for more in [&[][..], &["--dry-run"], &["--json"]] {
        let start = ["sweep", "--hypervisor", &mistyped, "--dir", &store];
        let ran = sandbox.run(start.iter().chain(more));
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(
            ran.stderr.contains("the simulated host ") && ran.stderr.contains(" does not exist"),
            "{ran:?}"
        );
    }
    assert_eq!(sandbox.files(), before);
    assert!(!sandbox.path("hots.json").exists());
}
