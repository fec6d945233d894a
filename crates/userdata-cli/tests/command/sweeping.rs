//! `userdata sweep`.

mod at_once;
mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use hv_sim::{Event, HostFile, NewDomain, Until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use userdata::{DomainKey, Domid, Uuid};

use crate::sandbox::{NEVER, Ran, Sandbox, WEB, on_a_terminal};

const TOTALS_OF_NOTHING: &str = "domains: 0, orphans: 0; files: 0, removed: 0, failures: 0\n";

/// Files of these names, all with the same bytes.
fn plant(sandbox: &Sandbox, names: &[impl AsRef<Path>]) {
    fs::create_dir_all(sandbox.store()).unwrap();
    for name in names {
        fs::write(sandbox.store().join(name), "x").unwrap();
    }
}

/// Files of every kind, of a domain that never exists.
fn orphans() -> [String; 7] {
    [
        format!("userdata-c.{NEVER}.domain-userdata-lock"),
        format!("userdata-d.{NEVER}.a b"),
        format!("userdata-d.{NEVER}.xl"),
        format!("userdata-l.{NEVER}.domain-userdata-lock"),
        format!("userdata-l.{NEVER}.qmp-socket-lock"),
        format!("userdata-n.{NEVER}.xl"),
        format!("userdata-z.{NEVER}.of-another-program"),
    ]
}

/// Names of files that do not belong to the store.
fn foreign() -> [String; 5] {
    [
        "qemu-save.1".to_owned(),
        "save.tar".to_owned(),
        format!("userdata-d.099.{WEB}.xl"),
        format!("userdata-d.99.{}.xl", WEB.to_uppercase()),
        "userdata-d.xl".to_owned(),
    ]
}

fn apply(sandbox: &Sandbox, event: &Event) -> Option<DomainKey> {
    HostFile::new(sandbox.host()).apply(event).unwrap()
}

fn domid(number: u16) -> Domid {
    Domid::new(number).unwrap()
}

/// The fields of each line but the last.
fn lines(text: &str) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = text
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    lines.pop();
    lines.sort();
    lines
}

/// Every file below the sandbox: bytes, mode and times.
fn everything(sandbox: &Sandbox) -> BTreeMap<String, (Vec<u8>, u32, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![sandbox.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let bytes = fs::read(&path).unwrap_or_default();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let seen = (
                bytes,
                metadata.mode(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            );
            found.insert(path.display().to_string(), seen);
        }
    }
    found
}

#[test]
fn all_files_of_absent_domains_are_removed_and_no_others() {
    let sandbox = Sandbox::with_web();
    let zero = "00000000-0000-0000-0000-000000000000";
    let living = [
        format!("userdata-d.0.{zero}.libxl-json"),
        format!("userdata-d.1.{WEB}.xl"),
        format!("userdata-l.1.{WEB}.qmp-socket-lock"),
    ];
    plant(&sandbox, &living);
    plant(&sandbox, &foreign());
    let before = sandbox.files();
    plant(&sandbox, &orphans());
    let text = sandbox.done(["sweep"]);
    let expected = orphans().map(|name| {
        let name = name.replace(' ', r"\x20");
        ["removed", &name, "absent", "the domain does not exist"].map(str::to_owned)
    });
    assert_eq!(lines(&text), expected);
    let totals = "\ndomains: 3, orphans: 1; files: 10, removed: 7, failures: 0\n";
    assert!(text.ends_with(totals), "{text}");
    assert_eq!(sandbox.files(), before);
    let nothing = "domains: 2, orphans: 0; files: 3, removed: 0, failures: 0\n";
    assert_eq!(sandbox.done(["sweep"]), nothing);
    assert_eq!(sandbox.files(), before);
}

#[test]
fn a_host_without_values_has_nothing_to_sweep() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.done(["sweep"]), TOTALS_OF_NOTHING);
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0);
    fs::create_dir(sandbox.store()).unwrap();
    assert_eq!(sandbox.done(["sweep"]), TOTALS_OF_NOTHING);
}

#[test]
fn a_dry_run_changes_nothing_and_shows_what_would_be_removed() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    plant(&sandbox, &foreign());
    sandbox.store_for_web("xl", b"value");
    sandbox.done(["sweep", "--dry-run", "--settle", "1"]);
    let before = everything(&sandbox);
    let dry = sandbox.done(["sweep", "--dry-run"]);
    assert_eq!(everything(&sandbox), before);
    assert!(
        dry.ends_with("files: 8, would be removed: 7, failures: 0\n"),
        "{dry}"
    );
    let swept = sandbox.done(["sweep"]);
    let dry = lines(&dry.replace("would-remove\t", "removed\t"));
    assert_eq!((dry.len(), dry), (7, lines(&swept)));
}

#[test]
fn a_dry_run_shows_old_temporaries_of_living_domains() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let names = ["t.1", "n.1", "t.0"].map(|kind| {
        let (letter, domid) = kind.split_once('.').unwrap();
        format!("userdata-{letter}.{domid}.{WEB}.0123")
    });
    let young = format!("userdata-t.1.{WEB}.4567");
    plant(&sandbox, &names);
    let old = SystemTime::now() - Duration::from_secs(3600);
    for name in &names {
        let file = fs::File::open(sandbox.store().join(name)).unwrap();
        file.set_modified(old).unwrap();
    }
    plant(&sandbox, &[young]);
    for explain in [&[][..], &["--explain"]] {
        let text = sandbox.done([&["sweep", "--dry-run"], explain].concat());
        let would = text.lines().filter(|line| line.starts_with("would-"));
        // Domain-0 keeps all that it has.
        assert_eq!(would.count(), 2, "{text}");
        assert!(text.ends_with("would be removed: 2, failures: 0\n"));
        assert_eq!(text.lines().count(), if explain.is_empty() { 3 } else { 6 });
    }
    let dry = sandbox.done(["sweep", "--dry-run"]);
    let swept = sandbox.done(["sweep"]);
    assert_eq!(
        lines(&dry.replace("would-remove\t", "removed\t")),
        lines(&swept)
    );
}

#[test]
fn the_lock_file_that_another_program_holds_is_explained() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let name = format!("userdata-l.{NEVER}.qmp-socket-lock");
    let held = fs::File::open(sandbox.store().join(&name)).unwrap();
    held.lock().unwrap();
    let text = sandbox.done(["sweep", "--explain"]);
    let kept: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("kept"))
        .collect();
    let line = format!("kept\t{name}\tabsent\tthe domain does not exist");
    assert_eq!(kept, [line]);
    assert!(text.ends_with("removed: 6, failures: 0\n"), "{text}");
    assert_eq!(sandbox.files(), [name]);
}

#[test]
fn each_file_that_stays_is_explained() {
    let sandbox = Sandbox::with_web();
    let keys = [(); 5].map(|()| apply(&sandbox, &Event::Create(NewDomain::new())).unwrap());
    let [leaving, dying, closing, hidden, renamed] = keys;
    let destroy = |domid, until| {
        apply(&sandbox, &Event::Destroy { domid, until });
    };
    destroy(leaving.domid, Until::Leaving);
    destroy(dying.domid, Until::Dying);
    destroy(closing.domid, Until::Gone);
    apply(
        &sandbox,
        &Event::Hide {
            domid: hidden.domid,
        },
    );
    let (domid, uuid) = (renamed.domid, Uuid::from_u128(7));
    apply(&sandbox, &Event::SetUuid { domid, uuid });
    plant(&sandbox, &keys.map(|key| format!("userdata-d.{key}.xl")));
    plant(&sandbox, &[format!("userdata-d.0.{}.xl", Uuid::nil())]);
    plant(&sandbox, &[format!("userdata-d.{NEVER}.xl")]);
    // A killed lock holder left these. What stays is explained, so they stay, too.
    for kept in [&hidden.to_string(), NEVER] {
        let lock = format!("userdata-l.{kept}.domain-userdata-lock");
        plant(&sandbox, &[lock, format!("userdata-t.{kept}.0123")]);
    }
    sandbox.store_for_web("xl", b"value");
    let mark = format!("userdata-c.{closing}.domain-userdata-lock");
    let mark = fs::File::create(sandbox.store().join(mark)).unwrap();
    mark.lock().unwrap();
    let before = sandbox.files();
    let ran = sandbox.run(["sweep", "--explain", "--settle", "600"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(sandbox.files(), before);
    let lines = lines(ran.text());
    let told = |key: &str| {
        let file = format!(".{key}.xl");
        let line = lines.iter().find(|line| line[1].ends_with(&file)).unwrap();
        assert_eq!(line[0], "kept");
        (line[2].clone(), line[3].clone())
    };
    let lives = "the domain lives";
    for (key, word, reason) in [
        (format!("1.{WEB}"), "alive", lives),
        (
            leaving.to_string(),
            "interrupted",
            "the domain lives, but its destruction was begun",
        ),
        (
            dying.to_string(),
            "dying",
            "the hypervisor is destroying the domain",
        ),
        (
            closing.to_string(),
            "closing",
            "another process is destroying the domain",
        ),
        (
            format!("0.{}", Uuid::nil()),
            "domain-0",
            "Domain-0 keeps its data",
        ),
        (hidden.to_string(), "unknown", "the hypervisor does not say"),
        (
            renamed.to_string(),
            "other-uuid",
            "the domid belongs to 00000000-0000-0000-0000-000",
        ),
        (
            NEVER.to_owned(),
            "settling",
            "the domain does not exist, seen for 0 s only",
        ),
    ] {
        let (found, why) = told(&key);
        assert_eq!(found, word);
        assert!(why.starts_with(reason), "{why}");
    }
    // In addition to the lines for files, there is one for the domain that has to be destroyed
    // again.
    let named: Vec<_> = lines.iter().filter(|line| line[0] == "domain").collect();
    assert_eq!((named.len(), &named[0][1]), (1, &leaving.to_string()));
    let noted = format!("userdata: domain {hidden} keeps its files: the hypervisor does not say");
    assert!(ran.stderr.starts_with(&noted), "{ran:?}");
    assert!(ran.stderr.contains("not permitted"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

#[test]
fn a_domain_whose_destruction_was_interrupted_is_named() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let until = Until::Leaving;
    apply(
        &sandbox,
        &Event::Destroy {
            domid: domid(1),
            until,
        },
    );
    let text = sandbox.done(["sweep"]);
    let start = format!("domain\t1.{WEB}\tinterrupted\tthe domain lives, but its destruction ");
    assert!(text.starts_with(&start), "{text}");
    let document = sandbox.run(["sweep", "--json"]).document();
    assert_eq!(document["domains"][0]["verdict"], "interrupted");
    assert_eq!(document["domains"][0]["domid"], 1);
    assert_eq!(sandbox.value_of_web("xl"), b"value");
    // Its toolstack may have removed the data before it was killed.
    sandbox.done(["clear", "web", "--all"]);
    assert!(sandbox.done(["sweep"]).starts_with(&start));
    sandbox.done(["sim", "destroy", "web"]);
    assert!(!sandbox.done(["sweep"]).contains("interrupted"));
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_domain_whose_lock_is_held_keeps_its_files() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let lock = format!("userdata-l.{NEVER}.domain-userdata-lock");
    let lock = fs::File::create(sandbox.store().join(lock)).unwrap();
    lock.lock().unwrap();
    let before = sandbox.files();
    let ran = sandbox.run(["sweep", "--timeout", "0.05"]);
    let noted =
        format!("userdata: domain {NEVER} keeps its files: another process uses its data\n");
    assert_eq!((ran.status, &ran.stderr), (0, &noted));
    assert_eq!(sandbox.files(), before);
    lock.unlock().unwrap();
    sandbox.done(["sweep"]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn special_files_are_not_followed_and_a_directory_is_reported() {
    let sandbox = Sandbox::with_web();
    let path = |userid: &str| sandbox.store().join(format!("userdata-d.{NEVER}.{userid}"));
    plant(&sandbox, &orphans());
    fs::write(sandbox.path("target"), "stays").unwrap();
    symlink(sandbox.path("target"), path("link")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    mknodat(CWD, path("pipe"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("folder").join("file"), "stays").unwrap();
    for sweep in [&["sweep", "--dry-run"][..], &["sweep"]] {
        let ran = sandbox.run(sweep);
        assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{ran:?}");
        assert!(ran.stderr.contains(".folder: it is a directory"), "{ran:?}");
        assert!(
            ran.text().ends_with("removed: 10, failures: 1\n"),
            "{ran:?}"
        );
    }
    assert_eq!(sandbox.files(), [format!("userdata-d.{NEVER}.folder")]);
    assert_eq!(fs::read(path("folder").join("file")).unwrap(), b"stays");
    assert_eq!(fs::read(sandbox.path("target")).unwrap(), b"stays");
    let document = sandbox.run(["sweep", "--json"]).document();
    assert_eq!(document["failed"].as_array().unwrap().len(), 1);
}

#[test]
fn a_domain_whose_lock_cannot_be_taken_is_a_failure_and_stops_no_other() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let other = format!("userdata-d.98.{WEB}.xl");
    plant(&sandbox, &[&other]);
    let lock = format!("userdata-l.{NEVER}.domain-userdata-lock");
    fs::remove_file(sandbox.store().join(&lock)).unwrap();
    fs::create_dir(sandbox.store().join(&lock)).unwrap();
    let ran = sandbox.run(["sweep", "--json"]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{ran:?}");
    let noted = format!("userdata: domain {NEVER} keeps its files: its data cannot be locked: ");
    assert!(ran.stderr.starts_with(&noted), "{ran:?}");
    let document = ran.document();
    assert_eq!(document["files"][0]["file"], *other);
    assert_eq!(document["domains"][0]["verdict"], "failed");
    assert_eq!(document["totals"]["failed"], 1);
    assert_eq!(sandbox.files().len(), orphans().len());
}

#[test]
fn what_may_not_be_removed_is_a_failure() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    fs::set_permissions(sandbox.store(), fs::Permissions::from_mode(0o500)).unwrap();
    let ran = sandbox.run_confined(["sweep"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("Permission denied"), "{ran:?}");
    fs::set_permissions(sandbox.store(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(sandbox.files().len(), orphans().len());
}

/// So many domains have a file when a sweep is killed.
const ORPHANS: u64 = 10_000;

#[test]
fn what_a_killed_sweep_left_the_next_removes() {
    let sandbox = Sandbox::with_web();
    let orphan = |n: u64| {
        let domid = 2 + n % 30_000;
        let uuid = Uuid::from_u64_pair(n, n);
        format!("userdata-d.{domid}.{uuid}.xl")
    };
    let names: Vec<String> = (0..ORPHANS).map(orphan).collect();
    plant(&sandbox, &names);
    sandbox.store_for_web("xl", b"value");
    let mut command = sandbox.command(["sweep"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // The report of the sweep is larger than a pipe, so the sweep is killed before it ends.
    let mut told = [0; 8];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut told)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(&told, b"removed\t");
    assert!(sandbox.files().len() > 2, "it was killed too late");
    let text = sandbox.done(["sweep"]);
    assert!(text.contains("removed\t"));
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
}

#[test]
fn a_span_is_a_number_of_seconds_up_to_ten_years() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    for option in ["--grace", "--settle"] {
        for span in [
            "-1",
            "-0.001",
            "",
            "soon",
            "NaN",
            "inf",
            "1e30",
            "315360001",
            "1h",
        ] {
            let ran = sandbox.run(["sweep", option, span]);
            assert_eq!((ran.status, ran.text()), (2, ""), "{option} {span:?}");
            assert!(ran.stderr.contains(option), "{ran:?}");
        }
        sandbox.done(["sweep", "--dry-run", option, "315360000"]);
        sandbox.done(["sweep", "--dry-run", option, "0.5"]);
    }
    let ran = sandbox.run(["sweep", "--grace", "-1", "--json"]);
    assert_eq!(ran.document()["kind"], "usage");
    assert_eq!(sandbox.files().len(), orphans().len());
}

#[test]
fn without_a_standard_output_nothing_is_removed() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let mut command = std::process::Command::new("sh");
    let script = "exec \"$0\" sweep >&-";
    command.args(["-c", script, crate::sandbox::USERDATA]);
    command.env("USERDATA_HYPERVISOR", sandbox.hypervisor());
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.status, 1, "{ran:?}");
    assert_eq!(sandbox.files().len(), orphans().len());
}

#[test]
fn a_terminal_shows_how_many_domains_are_judged() {
    let sandbox = Sandbox::with_web();
    plant(&sandbox, &orphans());
    let mut command = sandbox.command(["sweep"]);
    command.stdout(Stdio::null()).env("TERM", "xterm");
    let text = on_a_terminal(command, |sweep, end| sweep.stderr(end));
    assert!(text.contains("domains judged"), "{text:?}");
}
