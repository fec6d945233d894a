//! The files of real xl on a real host, read and changed by this library.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use hv_sim::{EventError, HostOptions, NewDomain, SimHost};
use tempfile::TempDir;
use userdata::file_name::Kind;
use userdata::{Outcome, Userdata};
use userdata_core::store::{Condition, FileType, Keep};
use userdata_core::{DomainKey, Domid, Userid, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};
use userdata_testkit::Snapshot;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// The files of the archive, by name.
fn archived() -> BTreeMap<String, Vec<u8>> {
    let file = fs::File::open(fixture("var-lib-xen.tar")).unwrap();
    let mut archive = tar::Archive::new(file);
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let path = entry.path().unwrap().into_owned();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert_eq!(entry.header().mode().unwrap() & 0o7777, 0o600);
            files.insert(name, bytes);
        }
    }
    files
}

/// The host's domains with their names, as `xl vm-list` shows them.
fn domains() -> Vec<(DomainKey, String)> {
    let table = fs::read_to_string(fixture("xl-vm-list.txt")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let mut columns = line.split_whitespace();
        let mut next = || columns.next().unwrap();
        let (uuid, domid, name) = (next(), next(), next());
        (format!("{domid}.{uuid}").parse().unwrap(), name.to_owned())
    });
    rows.collect()
}

/// The host when the archive was made.
struct Host {
    scratch: TempDir,
    hypervisor: SimHost,
    userdata: Userdata<SimHost, FileStore<OsDirectory>>,
}

impl Host {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let file = fs::File::open(fixture("var-lib-xen.tar")).unwrap();
        let mut archive = tar::Archive::new(file);
        archive.set_preserve_permissions(true);
        archive.unpack(scratch.path()).unwrap();
        let hypervisor = SimHost::new(HostOptions::new(0));
        for (key, name) in domains() {
            if key.domid == Domid::ZERO {
                assert_eq!((key.uuid.is_nil(), &*name), (true, "Domain-0"));
            } else {
                let new = NewDomain::new().with_domid(key.domid).with_uuid(key.uuid);
                hypervisor.create(new.with_name(name)).unwrap();
            }
        }
        let store = FileStore::open(scratch.path()).unwrap();
        let userdata = Userdata::new(hypervisor.clone(), store);
        Self {
            scratch,
            hypervisor,
            userdata,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.scratch.path()).unwrap()
    }

    /// The names whose files have changed since.
    fn changed_since(&self, earlier: &Snapshot) -> Vec<String> {
        self.snapshot().changed_since(earlier)
    }
}

/// The domain with this name.
fn called(name: &str) -> DomainKey {
    domains()
        .into_iter()
        .find(|(_, found)| found == name)
        .unwrap()
        .0
}

fn file(domain: &DomainKey, userid: &str) -> String {
    format!("userdata-d.{domain}.{userid}")
}

fn xl() -> WritableUserid {
    WritableUserid::new("xl").unwrap()
}

#[test]
fn the_host_is_the_one_that_xl_listed() {
    let names: Vec<_> = domains()
        .into_iter()
        .map(|(key, name)| (name, key.domid.get()))
        .collect();
    let listed = fs::read_to_string(fixture("xl-list.txt")).unwrap();
    let listed: Vec<(String, u16)> = listed
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split_whitespace();
            let mut next = || columns.next().unwrap();
            (next().to_owned(), next().parse().unwrap())
        })
        .collect();
    assert_eq!(names, listed);
    assert_eq!(listed.len(), 3);
}

#[test]
fn every_value_of_xl_is_listed_and_retrieved_byte_for_byte() {
    let (host, mut files) = (Host::new(), archived());
    assert_eq!(files.len(), 6);
    let before = host.snapshot();
    for (key, _) in domains() {
        for entry in host.userdata.list(key.domid).unwrap() {
            let name = file(&key, std::str::from_utf8(entry.userid.as_bytes()).unwrap());
            let bytes = files
                .remove(&name)
                .expect("a listed value is in the archive");
            assert_eq!(entry.size, bytes.len() as u64, "{name}");
            assert_eq!(entry.condition, Condition::Whole);
            assert_eq!(
                entry.modified,
                before.get(&name).map(|thing| thing.modified)
            );
            let retrieved = host
                .userdata
                .retrieve(key.domid, &entry.userid)
                .unwrap()
                .unwrap();
            assert_eq!(retrieved.as_bytes(), bytes, "{name}");
            let is_json = entry.userid.is_libxl_json();
            assert_eq!(
                bytes.ends_with(b"\0"),
                is_json,
                "libxl-json ends with a NUL"
            );
        }
    }
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [""; 0],
        "a value is on no domain's list"
    );
    assert_eq!(
        host.changed_since(&before),
        [""; 0],
        "reading changes a file"
    );
}

#[test]
fn a_scan_finds_every_file_of_the_archive() {
    let host = Host::new();
    let mut found = Vec::new();
    let scanned = host.userdata.scan(|record| {
        assert_eq!(record.kind, Kind::Data);
        let userid = std::str::from_utf8(record.entry.userid.as_bytes())
            .unwrap()
            .to_owned();
        found.push(file(&record.owner.key().unwrap(), &userid));
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    found.sort();
    assert_eq!(found, archived().into_keys().collect::<Vec<_>>());
}

#[test]
fn a_store_changes_the_value_it_names_and_nothing_else() {
    let (host, web) = (Host::new(), called("web"));
    let before = host.snapshot();
    let stored = host
        .userdata
        .store(web.domid, &xl(), b"name = \"web\"\n")
        .unwrap();
    assert!(matches!(stored, Outcome::Stored { .. }));
    assert_eq!(host.changed_since(&before), [file(&web, "xl")]);
    let after = host.snapshot();
    let stored = after.get(file(&web, "xl")).unwrap();
    assert_eq!(
        (stored.file_type, stored.mode, stored.size),
        (FileType::Regular, 0o600, 13)
    );
    // A userid that libxl does not use, and a value that is stored again unchanged.
    let new = WritableUserid::new("my-tool").unwrap();
    host.userdata.store(web, &new, b"new\0").unwrap();
    let original = &archived()[&file(&web, "xl")];
    host.userdata.store(web, &xl(), original).unwrap();
    assert_eq!(
        host.changed_since(&before),
        [file(&web, "my-tool"), file(&web, "xl")]
    );
    let content = |snapshot: &Snapshot| snapshot.get(file(&web, "xl")).unwrap().content;
    assert_eq!(content(&host.snapshot()), content(&before));
}

#[test]
fn a_removal_removes_the_value_it_names_and_nothing_else() {
    let (host, web) = (Host::new(), called("web"));
    let before = host.snapshot();
    let agent = Userid::new("backup-agent").unwrap();
    let removed = host.userdata.remove(web.domid, &agent).unwrap();
    assert!(matches!(removed, Outcome::Removed { .. }));
    assert_eq!(host.changed_since(&before), [file(&web, "backup-agent")]);
    assert!(host.snapshot().get(file(&web, "backup-agent")).is_none());
    let removed = host.userdata.remove(web.domid, &agent).unwrap();
    assert_eq!(removed, Outcome::NothingToRemove);
    let elsewhere = host.userdata.remove(called("db"), xl()).unwrap();
    assert_eq!(elsewhere, Outcome::NothingToRemove);
    assert_eq!(host.changed_since(&before), [file(&web, "backup-agent")]);
}

#[test]
fn clearing_a_living_domain_keeps_libxl_json_and_other_domains() {
    let (host, web) = (Host::new(), called("web"));
    let before = host.snapshot();
    let cleared = host.userdata.clear(web.domid, Keep::Essential).unwrap();
    assert_eq!(
        cleared.removed,
        ["backup-agent", "xl"].map(|text| Userid::new(text).unwrap())
    );
    assert_eq!(
        host.changed_since(&before),
        [file(&web, "backup-agent"), file(&web, "xl")]
    );
    let cleared = host.userdata.clear(web.domid, Keep::Nothing).unwrap();
    assert_eq!(cleared.removed, [Userid::new("libxl-json").unwrap()]);
    let all = ["backup-agent", "libxl-json", "xl"].map(|userid| file(&web, userid));
    assert_eq!(host.changed_since(&before), all);
    assert_eq!(host.snapshot().names().count(), 3);
}

#[test]
fn destroying_a_domain_removes_its_values_and_no_others() {
    let (host, db) = (Host::new(), called("db"));
    let before = host.snapshot();
    let destroyed = host
        .userdata
        .destroy(db.domid, |key| -> Result<(), EventError> {
            host.hypervisor.destroy(key.domid)
        })
        .unwrap();
    assert!(destroyed.problems.is_empty(), "{:?}", destroyed.problems);
    let cleared = destroyed.cleared.unwrap();
    let userids = ["libvirt-xml", "libxl-json"];
    assert_eq!(
        cleared.removed,
        userids.map(|text| Userid::new(text).unwrap())
    );
    assert_eq!(
        host.changed_since(&before),
        userids.map(|userid| file(&db, userid))
    );
    assert!(host.userdata.list(db.domid).is_err());
}
