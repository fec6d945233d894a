//! The sightings that one `userdata sweep` leaves for the next.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Stdio;

use hv_sim::{Event, HostFile};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use userdata::{Domid, Uuid};

use crate::sandbox::{NEVER, Ran, Sandbox, WEB};

/// The file in which `sweep` keeps sightings, unless `--state` names another one.
fn sightings(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("host.json.sightings")
}

fn read(sandbox: &Sandbox) -> Value {
    let text = fs::read_to_string(sightings(sandbox)).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], "userdata/sightings/1");
    document["sightings"]["seen"].clone()
}

/// Makes all sightings as old as this boot of the machine.
fn grow_old(sandbox: &Sandbox) {
    let text = fs::read_to_string(sightings(sandbox)).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let seen = document["sightings"]["seen"].as_object_mut().unwrap();
    assert!(!seen.is_empty());
    for sighting in seen.values_mut() {
        sighting["since"] = json!({ "secs": 0, "nanos": 0 });
    }
    fs::write(sightings(sandbox), document.to_string()).unwrap();
}

fn set_uuid(sandbox: &Sandbox, uuid: &str) {
    let event = Event::SetUuid {
        domid: Domid::new(1).unwrap(),
        uuid: Uuid::try_parse(uuid).unwrap(),
    };
    HostFile::new(sandbox.host()).apply(&event).unwrap();
}

/// A sandbox with a value of `web`, whose domain now has another handle.
fn with_another_handle() -> Sandbox {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    set_uuid(&sandbox, "deadbeef-dead-beef-dead-beef00000001");
    sandbox
}

/// A sandbox with a value of a domain that does not exist.
fn with_an_orphan() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.store()).unwrap();
    fs::write(sandbox.store().join(format!("userdata-d.{NEVER}.xl")), "x").unwrap();
    sandbox
}

#[test]
fn a_handle_that_changed_is_believed_after_the_grace() {
    let sandbox = with_another_handle();
    sandbox.done(["sweep"]);
    sandbox.done(["sweep"]);
    let key = format!("1.{WEB}");
    let other = json!({ "other-uuid": "deadbeef-dead-beef-dead-beef00000001" });
    assert_eq!(read(&sandbox)[&key]["sight"], other);
    assert_eq!(sandbox.files().len(), 1);
    grow_old(&sandbox);
    let year = 365 * 24 * 3600;
    sandbox.done(["sweep", "--grace", &year.to_string()]);
    sandbox.done(["sweep", "--grace", "1", "--settle", &year.to_string()]);
    sandbox.done(["sweep", "--grace", "1", "--dry-run"]);
    assert_eq!(sandbox.files().len(), 1);
    let text = sandbox.done(["sweep", "--grace", "1"]);
    let start =
        format!("removed\tuserdata-d.1.{WEB}.xl\tother-uuid\tthe domid belongs to deadbeef");
    assert!(text.starts_with(&start), "{text}");
    assert!(sandbox.files().is_empty());
    assert_eq!(read(&sandbox), json!({}));
}

#[test]
fn a_handle_that_changed_back_begins_anew() {
    let sandbox = with_another_handle();
    sandbox.done(["sweep"]);
    grow_old(&sandbox);
    set_uuid(&sandbox, WEB);
    sandbox.done(["sweep", "--grace", "1"]);
    assert_eq!(read(&sandbox), json!({}));
    set_uuid(&sandbox, "deadbeef-dead-beef-dead-beef00000001");
    let text = sandbox.done(["sweep", "--explain"]);
    assert!(text.contains("seen for 0 s\n"), "{text}");
    assert_eq!(sandbox.files().len(), 1);
}

#[test]
fn without_a_grace_no_sighting_is_needed() {
    let sandbox = with_another_handle();
    let ran = sandbox.run(["sweep", "--grace", "0", "--state", "host.json/no"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(sandbox.files().is_empty());
}

#[test]
fn an_orphan_settles_before_it_is_removed() {
    let sandbox = with_an_orphan();
    sandbox.done(["sweep", "--settle", "1"]);
    assert_eq!(read(&sandbox)[NEVER]["sight"], "gone");
    assert_eq!(sandbox.files().len(), 1);
    grow_old(&sandbox);
    sandbox.done(["sweep", "--settle", "1"]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn another_boot_of_the_host_begins_anew() {
    let sandbox = with_an_orphan();
    sandbox.done(["sweep", "--settle", "1"]);
    grow_old(&sandbox);
    sandbox.done(["sim", "boot-host"]);
    let text = sandbox.done(["sweep", "--settle", "1", "--explain"]);
    assert!(text.contains("\tsettling\t"), "{text}");
    assert_eq!(sandbox.files().len(), 1);
}

#[test]
fn sightings_that_cannot_be_used_are_begun_anew() {
    for (text, why) in [
        ("", "it is damaged"),
        ("{\"schema\":\"userdata/sightings/1\"", "it is damaged"),
        (
            "{\"schema\":\"userdata/sightings/1\",\"sightings\":{\"seen\":[]}}",
            "it is damaged",
        ),
        (
            "{\"schema\":\"userdata/sightings/2\"}",
            "userdata/sightings/2",
        ),
    ] {
        let sandbox = with_an_orphan();
        fs::write(sightings(&sandbox), text).unwrap();
        begins_anew(&sandbox, why);
    }
    let sandbox = with_an_orphan();
    let file = fs::File::create(sightings(&sandbox)).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    begins_anew(&sandbox, "it has more than 67108864 bytes");
    let sandbox = with_an_orphan();
    sandbox.done(["sweep", "--settle", "1"]);
    grow_old(&sandbox);
    fs::set_permissions(sightings(&sandbox), fs::Permissions::from_mode(0o622)).unwrap();
    begins_anew(&sandbox, "another user can write it");
}

/// The next sweep reports that the sightings are not used, keeps the orphan, and writes new ones.
fn begins_anew(sandbox: &Sandbox, why: &str) {
    let ran = sandbox.run(["sweep", "--settle", "1"]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (0, 1), "{ran:?}");
    assert!(
        ran.stderr.contains("are begun anew: ") && ran.stderr.contains(why),
        "{ran:?}"
    );
    assert_eq!(sandbox.files().len(), 1);
    assert_eq!(read(sandbox)[NEVER]["sight"], "gone");
    let metadata = fs::symlink_metadata(sightings(sandbox)).unwrap();
    assert!(metadata.is_file());
    assert_eq!(metadata.mode() & 0o7777, 0o600);
}

#[test]
fn a_link_is_replaced_and_its_target_left_alone() {
    let sandbox = with_an_orphan();
    sandbox.done(["sweep", "--settle", "1"]);
    grow_old(&sandbox);
    fs::rename(sightings(&sandbox), sandbox.path("target")).unwrap();
    let target = fs::read(sandbox.path("target")).unwrap();
    symlink("target", sightings(&sandbox)).unwrap();
    begins_anew(&sandbox, "it is not a regular file");
    assert_eq!(fs::read(sandbox.path("target")).unwrap(), target);
}

#[test]
fn sightings_that_cannot_be_written_are_a_warning() {
    for state in ["host.json/below", "folder"] {
        let sandbox = with_an_orphan();
        sandbox.done(["sim", "create"]);
        fs::create_dir(sandbox.path("folder")).unwrap();
        fs::create_dir(sandbox.path("folder/full")).unwrap();
        let ran = sandbox.run(["sweep", "--state", state]);
        assert_eq!(ran.status, 0, "{ran:?}");
        let warning = format!("cannot write the sightings to {state}: ");
        assert!(ran.stderr.contains(&warning), "{ran:?}");
        assert!(ran.stderr.ends_with("stay longer\n"), "{ran:?}");
        assert!(sandbox.files().is_empty());
        assert!(!fs::exists(sightings(&sandbox)).unwrap());
    }
}

#[test]
fn sightings_that_cannot_be_replaced_are_removed() {
    let sandbox = with_another_handle();
    sandbox.done(["sweep"]);
    grow_old(&sandbox);
    set_uuid(&sandbox, WEB);
    let ran = sandbox.shell("ulimit -f 0; $0 sweep");
    assert_eq!((ran.status, ran.stderr.lines().count()), (0, 1), "{ran:?}");
    assert!(
        ran.stderr.contains("cannot write the sightings to "),
        "{ran:?}"
    );
    assert!(!fs::exists(sightings(&sandbox)).unwrap());
    // With the old sightings the value would go here.
    set_uuid(&sandbox, "deadbeef-dead-beef-dead-beef00000001");
    sandbox.done(["sweep"]);
    assert_eq!(sandbox.files().len(), 1);
}

#[test]
fn what_is_not_a_file_is_not_replaced_by_sightings() {
    // A device is as a named pipe, and a test may not be permitted to make one.
    let sandbox = with_an_orphan();
    let pipe = sightings(&sandbox);
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let ran = sandbox.run(["sweep", "--settle", "1"]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (0, 2), "{ran:?}");
    assert!(
        ran.stderr
            .contains("are begun anew: it is not a regular file")
    );
    assert!(ran.stderr.contains("cannot write the sightings to "));
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(sandbox.files().len(), 1);
}

#[test]
fn a_folder_for_the_sightings_is_made_for_the_owner_alone() {
    let sandbox = with_an_orphan();
    sandbox.done(["sweep", "--dry-run", "--state", "a/b/seen.json"]);
    assert!(!fs::exists(sandbox.path("a")).unwrap());
    sandbox.done(["sweep", "--settle", "9", "--state", "a/b/seen.json"]);
    let mode = |path| fs::metadata(sandbox.path(path)).unwrap().mode() & 0o7777;
    assert_eq!(
        (mode("a"), mode("a/b"), mode("a/b/seen.json")),
        (0o700, 0o700, 0o600)
    );
    assert_eq!(fs::read_dir(sandbox.path("a/b")).unwrap().count(), 1);
    let before = fs::read(sandbox.path("a/b/seen.json")).unwrap();
    sandbox.done(["sweep", "--dry-run", "--state", "a/b/seen.json"]);
    assert_eq!(fs::read(sandbox.path("a/b/seen.json")).unwrap(), before);
}

#[test]
fn sweeps_at_the_same_time_leave_sightings_that_can_be_read() {
    let sandbox = with_an_orphan();
    for _ in 0..4 {
        let sweeps = [(); 4].map(|()| {
            let mut command = sandbox.command(["sweep", "--settle", "9999999"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        });
        for child in sweeps {
            let ran = Ran::from(child.wait_with_output().unwrap());
            assert_eq!(ran.status, 0, "{ran:?}");
            assert!(!ran.stderr.contains("begun anew"), "{ran:?}");
        }
        read(&sandbox);
    }
    sandbox.done(["sweep", "--settle", "9999999"]);
    assert_eq!(read(&sandbox).as_object().unwrap().len(), 1);
    assert_eq!(sandbox.files().len(), 1);
}
