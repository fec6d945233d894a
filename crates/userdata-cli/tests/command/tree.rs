//! The layout `tree`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::sandbox::{NEVER, Ran, Sandbox, WEB};

/// Runs a command in the layout `tree`.
fn tree(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    sandbox.run([&["--layout", "tree"], arguments].concat())
}

fn done(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let ran = tree(sandbox, arguments);
    assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?}");
    ran.text().to_owned()
}

fn store(sandbox: &Sandbox, domain: &str, userid: &str, value: &str) {
    fs::write(sandbox.path("value"), value).unwrap();
    done(sandbox, &["store", domain, userid, "value"]);
}

fn root(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("host.json.tree")
}

/// The directory of the boot, which is one.
fn boot(sandbox: &Sandbox) -> PathBuf {
    let entries = fs::read_dir(root(sandbox)).unwrap();
    let mut boots = entries.filter_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        name.starts_with("boot-").then(|| entry.path())
    });
    let boot = boots.next().unwrap();
    assert_eq!(boots.next(), None);
    boot
}

#[test]
fn values_are_files_in_the_directory_of_their_domain() {
    let sandbox = Sandbox::with_web();
    store(&sandbox, "web", "xl", "value");
    let domain = boot(&sandbox).join(format!("1.{WEB}"));
    assert_eq!(fs::read(domain.join("d.xl")).unwrap(), b"value");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(
        (mode(domain.clone()), mode(domain.join("d.xl"))),
        (0o700, 0o600)
    );
    assert_eq!(done(&sandbox, &["retrieve", "web", "xl"]), "value");
    assert!(done(&sandbox, &["list", "web"]).contains("xl"));
    done(&sandbox, &["remove", "web", "xl"]);
    assert!(!domain.exists());
    assert!(sandbox.files().is_empty());
}

#[test]
fn in_a_tree_a_store_is_not_synced_unless_that_is_asked_for() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.path("value"), "x").unwrap();
    for (arguments, durability) in [
        (&["store", "web", "xl", "value", "--json"][..], "process"),
        (
            &[
                "store",
                "web",
                "xl",
                "value",
                "--json",
                "--durability",
                "full",
            ],
            "full",
        ),
    ] {
        let document = tree(&sandbox, arguments).document();
        assert_eq!(document["durability"], durability);
    }
}

#[test]
fn what_only_reads_makes_no_tree() {
    let sandbox = Sandbox::with_web();
    fs::create_dir(sandbox.path("empty")).unwrap();
    for directory in [&[][..], &["--dir", "empty"]] {
        for arguments in [
            &["list"][..],
            &["list", "web"],
            &["sweep"],
            &["sweep", "--dry-run"],
        ] {
            done(&sandbox, &[arguments, directory].concat());
        }
        let ran = tree(&sandbox, &[&["retrieve", "web", "xl"], directory].concat());
        assert_eq!(ran.status, 4, "{ran:?}");
    }
    assert!(!root(&sandbox).exists());
    assert_eq!(fs::read_dir(sandbox.path("empty")).unwrap().count(), 0);
}

#[test]
fn a_sweep_removes_the_directories_of_absent_domains() {
    let sandbox = Sandbox::with_web();
    store(&sandbox, "web", "xl", "value");
    let orphan = boot(&sandbox).join(NEVER);
    fs::create_dir(&orphan).unwrap();
    fs::write(orphan.join("d.xl"), "old").unwrap();
    fs::write(orphan.join("t.0"), "old").unwrap();
    let dry = done(&sandbox, &["sweep", "--dry-run"]);
    assert!(orphan.join("t.0").exists());
    let text = done(&sandbox, &["sweep"]);
    let removed = |text: &str, word: &str| {
        let lines = text.lines().filter(|line| line.starts_with(word));
        let mut names: Vec<String> = lines
            .map(|line| line.split('\t').nth(1).unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let names = [format!("{NEVER}/d.xl"), format!("{NEVER}/t.0")];
    assert_eq!(removed(&dry, "would-remove\t"), names);
    assert_eq!(removed(&text, "removed\t"), names);
    assert!(!orphan.exists());
    assert_eq!(done(&sandbox, &["retrieve", "web", "xl"]), "value");
    assert_eq!(
        fs::read_dir(root(&sandbox).join("trash")).unwrap().count(),
        0
    );
}

#[test]
fn a_boot_of_the_host_ends_all_data_and_a_sweep_removes_it() {
    let sandbox = Sandbox::with_web();
    store(&sandbox, "web", "xl", "old");
    store(&sandbox, "0", "xl", "of Domain-0");
    done(&sandbox, &["sim", "boot-host"]);
    done(
        &sandbox,
        &[
            "sim", "create", "--name", "web", "--uuid", WEB, "--domid", "1",
        ],
    );
    for domain in ["web", "0"] {
        assert_eq!(tree(&sandbox, &["retrieve", domain, "xl"]).status, 4);
    }
    store(&sandbox, "web", "xl", "new");
    let text = done(&sandbox, &["sweep"]);
    assert!(
        text.ends_with("\nremoved from earlier boots and killed processes: 2\n"),
        "{text}"
    );
    boot(&sandbox);
    assert_eq!(done(&sandbox, &["retrieve", "web", "xl"]), "new");
    let document = tree(&sandbox, &["sweep", "--json"]).document();
    assert_eq!(document["totals"]["reclaimed"], 0);
}

#[test]
fn what_cannot_leave_the_trash_is_reported() {
    let sandbox = Sandbox::with_web();
    store(&sandbox, "web", "xl", "value");
    let deep = root(&sandbox).join("trash/a/b/c/d");
    fs::create_dir_all(&deep).unwrap();
    let ran = tree(&sandbox, &["sweep"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("trash/a/b"), "{ran:?}");
    assert!(ran.text().contains("failures: 1\n"), "{ran:?}");
    assert!(deep.exists());
}

#[test]
fn data_follows_its_domain_in_a_tree() {
    let sandbox = Sandbox::with_web();
    store(&sandbox, "web", "agent", "state");
    let destroy = ["destroy", "web", "--export", "web.tar", "--", "sh", "-c"];
    let command = format!("{} sim destroy web", crate::sandbox::USERDATA);
    done(&sandbox, &[&destroy[..], &[&*command]].concat());
    assert!(!boot(&sandbox).join(format!("1.{WEB}")).exists());
    done(&sandbox, &["sim", "create", "--name", "new"]);
    done(&sandbox, &["import", "new", "web.tar"]);
    assert_eq!(done(&sandbox, &["retrieve", "new", "agent"]), "state");
    done(&sandbox, &["sim", "create", "--name", "newer"]);
    done(&sandbox, &["carry", "new", "newer"]);
    assert_eq!(done(&sandbox, &["retrieve", "newer", "agent"]), "state");
    done(&sandbox, &["clear", "newer", "--all"]);
    assert_eq!(tree(&sandbox, &["retrieve", "newer", "agent"]).status, 4);
}

#[test]
fn a_directory_that_is_not_a_tree_of_this_host_is_refused() {
    let sandbox = Sandbox::with_web();
    store(&sandbox, "web", "xl", "value");
    fs::create_dir(sandbox.path("full")).unwrap();
    fs::write(sandbox.path("full/file"), "").unwrap();
    let other = format!("sim:{}", sandbox.path("other.json").display());
    let refused = |arguments: &[&str], why: &str| {
        let ran = sandbox.run(arguments);
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
    };
    let at = |directory: &'static str| ["list", "--layout", "tree", "--dir", directory];
    refused(&at("full"), "is not empty");
    let of_other = [&at("host.json.tree")[..], &["--hypervisor", &other]].concat();
    refused(&of_other, "belongs to");
    refused(
        &["list", "--dir", "host.json.tree"],
        "it is the root of a tree",
    );
    fs::write(root(&sandbox).join("tree"), "userdata-tree 9 x\n").unwrap();
    refused(&at("host.json.tree"), "does not know");
}

#[test]
fn a_simulated_host_refuses_the_name_of_a_boot() {
    let sandbox = Sandbox::new();
    let ran = tree(&sandbox, &["--boot", "another", "list"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("--boot"), "{ran:?}");
}

#[test]
fn a_command_that_reads_makes_no_tree() {
    let sandbox = Sandbox::new();
    let absent = tree(&sandbox, &["--dir", "absent", "list"]);
    assert_eq!(absent.status, 1, "{absent:?}");
    assert!(!sandbox.path("absent").exists());
    fs::create_dir(sandbox.path("empty")).unwrap();
    fs::write(sandbox.path("empty/sightings-tree.json"), "").unwrap();
    assert_eq!(done(&sandbox, &["--dir", "empty", "list"]), "");
    assert_eq!(fs::read_dir(sandbox.path("empty")).unwrap().count(), 1);
}
