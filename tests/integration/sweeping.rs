//! A sweep removes the data of domains that do not exist, and no other data.

mod sightings;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hv_sim::{Call, Failure, HostOptions, NewDomain, SimHost, Until, When};
use userdata::Store as _;
use userdata::store::Refused;
use userdata::sweep::{Sightings, SweepErrorKind, SweepOptions, SweepTotals, Swept, Verdict, What};
use userdata::{DomainKey, Domid, Hypervisor as _, Userdata, Uuid, WritableUserid};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{FileStore, Name};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

const HOUR: Duration = Duration::from_secs(3600);

struct Host {
    host: SimHost,
    disk: SimDisk,
    sightings: Sightings,
}

impl Host {
    fn new() -> Self {
        Self {
            host: SimHost::new(HostOptions::new(1)),
            disk: SimDisk::new(SimOptions::default()),
            sightings: Sightings::new(),
        }
    }

    fn root(&self) -> SimDirectory {
        self.disk.process().root().unwrap()
    }

    /// Another process, which holds the lock of this domain.
    fn hold_lock(
        &mut self,
        key: DomainKey,
    ) -> (SimDirectory, <SimDirectory as userdata_fs::Directory>::File) {
        let name = self.plant('l', key, "domain-userdata-lock");
        let root = self.root();
        let name = Name::new(name.as_bytes()).unwrap();
        let file = userdata_fs::Directory::open_lock(&root, name).unwrap();
        userdata_fs::Directory::lock(&root, &file, userdata_fs::LockMode::Exclusive).unwrap();
        (root, file)
    }

    fn userdata(&self) -> Userdata<SimHost, FileStore<SimDirectory>> {
        Userdata::new(self.host.clone(), FileStore::new(self.root()))
    }

    fn create(&self) -> DomainKey {
        self.host.create(NewDomain::new()).unwrap()
    }

    /// A domain with one value.
    fn create_with_value(&self) -> DomainKey {
        let key = self.create();
        self.store(key, "agent");
        key
    }

    fn store(&self, key: DomainKey, userid: &str) {
        let userid = WritableUserid::new(userid).unwrap();
        self.userdata().store(key, &userid, b"value").unwrap();
    }

    fn plant(&self, kind: char, key: DomainKey, rest: &str) -> String {
        let name = format!("userdata-{kind}.{key}.{rest}");
        let plant = Plant::File(b"x".to_vec());
        let root = self.root();
        root.plant(Name::new(name.as_bytes()).unwrap(), plant)
            .unwrap();
        name
    }

    fn names(&self) -> BTreeSet<String> {
        let tree = self.disk.tree();
        let name = |(path, _): (&[u8], _)| String::from_utf8(path.to_vec()).unwrap();
        tree.iter().map(name).collect()
    }

    fn has_value(&self, key: DomainKey) -> bool {
        let names = self.names();
        names
            .iter()
            .any(|name| name.starts_with(&format!("userdata-d.{key}.")))
    }

    fn sweep_with(&mut self, change: impl FnOnce(&mut SweepOptions)) -> Told {
        let mut options = SweepOptions::default();
        change(&mut options);
        let mut told = Told::default();
        told.totals = self
            .userdata()
            .sweep(&options, &mut self.sightings, |swept| {
                told.lines.push(line(swept))
            })
            .unwrap();
        told
    }

    /// The next sweep's first look-up under a lock. Before it, the sweep looks up Domain-0.
    fn next_look_up(&self) -> (Call, u64) {
        (Call::Domain, self.host.asked(Call::Domain) + 2)
    }

    fn sweep(&mut self) -> Told {
        self.sweep_with(|_| ())
    }
}

#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    totals: SweepTotals,
}

impl Told {
    /// The word of the verdict on a domain.
    fn verdict(&self, key: DomainKey) -> &str {
        let start = format!("judged {key} ");
        let mut found = self
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix(&start));
        let word = found.next().expect("each incarnation is judged");
        assert_eq!(found.next(), None, "each incarnation is judged once");
        word
    }
}

fn line(swept: &Swept<'_>) -> String {
    let (domain, word) = (swept.domain, swept.verdict.word());
    match &swept.what {
        What::Judged => format!("judged {domain} {word}"),
        What::Removed(record) => format!("removed {domain} {} {}", record.kind, record.userid),
        What::Failed(error) => format!("failed {domain} {error}"),
        What::WouldGo(found) => format!("would go {domain} {} {}", found.kind, found.entry.userid),
        What::Stays(found) => format!("stays {domain} {} {}", found.kind, found.entry.userid),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_of_a_gone_domain_goes_and_all_of_a_living_one_stays() {
    let mut host = Host::new();
    let (gone, alive) = (host.create_with_value(), host.create_with_value());
    for (kind, rest) in [
        ('d', "strange name\n"),
        ('n', "agent"),
        ('t', "0123456789abcdef0123456789abcdef"),
        ('c', "domain-userdata-lock"),
        ('l', "domain-userdata-lock"),
        ('l', "qmp-socket-lock"),
        ('z', "foreign"),
    ] {
        host.plant(kind, gone, rest);
    }
    host.plant('z', alive, "foreign");
    let others = ["userdata-d.05.x", "userdata", "save", "userdata-dd.1.x"];
    for name in others {
        let name = Name::new(name.as_bytes()).unwrap();
        host.root().plant(name, Plant::File(b"x".to_vec())).unwrap();
    }
    host.host.destroy(gone.domid).unwrap();
    let before = host.names();
    let told = host.sweep();
    let stays = |name: &&String| !name.contains(&format!(".{gone}."));
    let expected: BTreeSet<String> = before.iter().filter(stays).cloned().collect();
    assert_eq!(host.names(), expected);
    assert_eq!(
        (told.verdict(gone), told.verdict(alive)),
        ("absent", "alive")
    );
    let totals = told.totals;
    assert_eq!((totals.domains, totals.orphans, totals.failed), (2, 1, 0));
    // All files, with the lock file that a killed process left and the sweep itself then held.
    assert_eq!((totals.records, totals.removed), (10, 8));
    assert_eq!(host.sweep().totals.removed, 0);
}

#[test]
fn a_zombie_is_an_orphan_and_a_dying_domain_is_not() {
    let mut host = Host::new();
    let [zombie, dying] = [(); 2].map(|()| host.create_with_value());
    host.host.pin(zombie.domid).unwrap();
    host.host.destroy(zombie.domid).unwrap();
    host.host.destroy_until(dying.domid, Until::Dying).unwrap();
    let told = host.sweep();
    assert_eq!(
        (told.verdict(zombie), told.verdict(dying)),
        ("dead", "dying")
    );
    assert!(!host.has_value(zombie) && host.has_value(dying));
}

#[test]
fn a_domain_that_the_list_omits_is_not_gone() {
    let mut host = Host::new();
    let hidden = host.create_with_value();
    host.host.hide(hidden.domid).unwrap();
    assert_eq!(host.sweep().verdict(hidden), "unknown");
    assert!(host.has_value(hidden));
    host.host.show(hidden.domid).unwrap();
    assert_eq!(host.sweep().verdict(hidden), "alive");
}

#[test]
fn a_domain_that_comes_after_the_list_is_looked_up() {
    // The domain's data is there before the sweep reads the names, and the domain exists only after
    // the list was made.
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.destroy(key.domid).unwrap();
    let look_up = host.next_look_up();
    host.host.before_each(move |now, asked| {
        if (asked.call, asked.number) == look_up {
            let again = NewDomain::new().with_domid(key.domid).with_uuid(key.uuid);
            let _ = now.create(again);
        }
    });
    assert_eq!(host.sweep().verdict(key), "alive");
    assert!(host.has_value(key));
}

#[test]
fn the_look_up_is_made_while_the_lock_is_held() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.destroy(key.domid).unwrap();
    let (process, held) = (host.disk.process(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&held);
    let look_up = host.next_look_up();
    host.host.before_each(move |_, asked| {
        if (asked.call, asked.number) == look_up {
            let lock = FileName::lock(NameFormat::Libxl, &key);
            let name = Name::new(lock.as_bytes()).unwrap();
            seen.lock()
                .unwrap()
                .push(process.lock_holder(name).is_some());
        }
    });
    host.sweep();
    assert_eq!(*held.lock().unwrap(), [true]);
}

#[test]
fn the_hosts_own_domain_keeps_its_data() {
    let mut host = Host::new();
    let domain0 = host.host.domain(Domid::ZERO).unwrap().unwrap().key;
    let other = DomainKey::new(Domid::ZERO, Uuid::from_u128(7));
    let names = [domain0, other].map(|key| host.plant('d', key, "agent"));
    let told = host.sweep_with(|options| options.grace = Duration::ZERO);
    assert_eq!(
        (told.verdict(domain0), told.verdict(other)),
        ("domain-0", "domain-0")
    );
    assert_eq!(host.names(), BTreeSet::from(names));
}

#[test]
fn another_uuid_must_have_been_seen_for_the_grace() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.disk.pass(HOUR * 100);
    host.host.set_uuid(key.domid, Uuid::from_u128(7)).unwrap();
    // The age of the file does not matter: the uuid may be changed back.
    assert_eq!(host.sweep().verdict(key), "other-uuid");
    host.disk.pass(HOUR - Duration::from_secs(1));
    assert_eq!(host.sweep().totals.orphans, 0);
    // A third uuid is another sighting, and so is the first uuid if the domain had its own in
    // between.
    host.host.set_uuid(key.domid, Uuid::from_u128(8)).unwrap();
    assert_eq!(host.sweep().totals.orphans, 0);
    host.disk.pass(HOUR - Duration::from_secs(1));
    host.host.set_uuid(key.domid, key.uuid).unwrap();
    assert_eq!(host.sweep().verdict(key), "alive");
    host.host.set_uuid(key.domid, Uuid::from_u128(8)).unwrap();
    assert_eq!(host.sweep().totals.orphans, 0);
    host.disk.pass(HOUR);
    assert!(host.has_value(key));
    let told = host.sweep();
    assert_eq!((told.verdict(key), told.totals.orphans), ("other-uuid", 1));
    assert!(!host.has_value(key) && host.sightings.is_empty());
}

#[test]
fn without_a_grace_no_sighting_is_needed() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.set_uuid(key.domid, Uuid::from_u128(7)).unwrap();
    assert_eq!(
        host.sweep_with(|options| options.grace = Duration::ZERO)
            .totals
            .orphans,
        1
    );
    assert!(!host.has_value(key));
}

#[test]
fn sightings_of_another_boot_count_for_nothing() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.set_uuid(key.domid, Uuid::from_u128(7)).unwrap();
    host.sweep();
    host.host.boot_host().unwrap();
    let again = host.create();
    assert_eq!(again.domid, key.domid);
    host.disk.pass(HOUR * 2);
    assert_eq!(host.sweep().verdict(key), "other-uuid");
    assert!(host.has_value(key));
}

#[test]
fn an_orphan_may_be_left_to_settle() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.destroy(key.domid).unwrap();
    let settle = |options: &mut SweepOptions| options.settle = HOUR;
    assert_eq!(host.sweep_with(settle).verdict(key), "settling");
    host.disk.pass(HOUR);
    assert_eq!(host.sweep_with(settle).verdict(key), "absent");
    assert!(!host.has_value(key));
}

#[test]
fn a_held_mark_keeps_the_data_and_a_void_one_does_not() {
    let mut host = Host::new();
    let key = host.create_with_value();
    let store = FileStore::new(host.root());
    let admit = &mut |_: &_| Ok::<(), Refused>(());
    let mark = store.close(&key, HOUR, admit).unwrap();
    host.host.destroy(key.domid).unwrap();
    assert_eq!(host.sweep().verdict(key), "closing");
    assert!(host.has_value(key));
    drop(mark);
    assert_eq!(host.sweep().verdict(key), "absent");
    assert_eq!(host.names(), BTreeSet::new());
}

#[test]
fn old_temporaries_and_void_marks_of_the_living_go() {
    let mut host = Host::new();
    let key = host.create_with_value();
    let old = [("t", "0123456789abcdef0123456789abcdef"), ("n", "agent")];
    for (kind, rest) in old {
        host.plant(kind.chars().next().unwrap(), key, rest);
    }
    host.plant('c', key, "domain-userdata-lock");
    host.disk.pass(HOUR);
    let young = host.plant('t', key, "fedcba9876543210fedcba9876543210");
    let told = host.sweep();
    assert_eq!((told.verdict(key), told.totals.removed), ("alive", 3));
    let value = format!("userdata-d.{key}.agent");
    assert_eq!(host.names(), BTreeSet::from([value, young]));
}

#[test]
fn a_lock_that_is_held_keeps_the_data() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.destroy(key.domid).unwrap();
    let _held = host.hold_lock(key);
    assert_eq!(host.sweep().verdict(key), "busy");
    assert!(host.has_value(key));
}

#[test]
fn a_destruction_that_was_interrupted_is_named() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.destroy_until(key.domid, Until::Leaving).unwrap();
    assert_eq!(host.sweep().verdict(key), "interrupted");
    assert!(host.has_value(key));
}

#[test]
fn a_dry_run_changes_nothing_and_tells_what_would_go() {
    let mut host = Host::new();
    let (gone, alive) = (host.create_with_value(), host.create_with_value());
    host.host.destroy(gone.domid).unwrap();
    let before = host.names();
    host.disk.record_steps();
    let steps = host.disk.steps_len();
    let told = host.sweep_with(|options| {
        options.dry_run = true;
        options.explain = true;
        options.settle = Duration::ZERO;
    });
    assert_eq!(host.names(), before);
    assert_eq!(host.disk.steps_len(), steps);
    assert!(host.sightings.is_empty());
    assert_eq!((told.totals.orphans, told.totals.removed), (1, 1));
    assert!(told.lines.contains(&format!("would go {gone} data agent")));
    assert!(told.lines.contains(&format!("stays {alive} data agent")));
}

#[test]
fn a_hypervisor_that_cannot_be_asked_is_no_reason_to_remove() {
    let fails = |host: &SimHost, call| host.fail(call, When::Always, Failure::Unavailable);
    for call in [Call::Domain, Call::Domains] {
        let mut host = Host::new();
        let key = host.create_with_value();
        host.host.destroy(key.domid).unwrap();
        fails(&host.host, call);
        let swept = host
            .userdata()
            .sweep(&SweepOptions::default(), &mut host.sightings, |_| ());
        let error = swept.unwrap_err();
        assert!(
            matches!(error.kind(), SweepErrorKind::Hypervisor(_)),
            "{error:?}"
        );
        assert!(host.has_value(key));
    }
}

#[test]
fn a_hypervisor_that_stops_answering_stops_the_sweep() {
    let mut host = Host::new();
    let keys: Vec<DomainKey> = (0..1500).map(|_| host.create_with_value()).collect();
    for key in &keys {
        host.host.destroy(key.domid).unwrap();
    }
    // One look-up of Domain-0, then one for each of the first thousand domains.
    let gone = keys.len();
    host.host
        .fail(Call::Domain, When::After(1001), Failure::Unavailable);
    let swept = host
        .userdata()
        .sweep(&SweepOptions::default(), &mut host.sightings, |_| ());
    let error = swept.unwrap_err();
    assert_eq!(error.totals().removed, 1000);
    host.host.clear_script();
    let left = keys.iter().filter(|key| host.has_value(**key)).count();
    assert_eq!(left, gone - 1000);
    assert_eq!(host.sweep().totals.removed, 500);
}

#[test]
fn names_without_domids_are_refused() {
    let mut host = Host::new();
    let key = host.create();
    let store = FileStore::new(host.root()).with_name_format(NameFormat::Seed);
    let userdata = Userdata::new(host.host.clone(), store);
    let userid = WritableUserid::new("agent").unwrap();
    userdata.store(key, &userid, b"value").unwrap();
    host.host.destroy(key.domid).unwrap();
    let swept = userdata.sweep(&SweepOptions::default(), &mut host.sightings, |_| ());
    assert!(matches!(
        swept.unwrap_err().kind(),
        SweepErrorKind::NoDomids
    ));
    assert_eq!(host.names().len(), 1);
}

#[test]
fn every_verdict_is_a_word_and_a_reason() {
    let verdict = Verdict::Kept(userdata::sweep::Kept::Busy);
    assert_eq!(
        (verdict.word(), verdict.to_string().is_empty()),
        ("busy", false)
    );
}
