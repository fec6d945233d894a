//! A host kept in a file: what its events write, and what a failure leaves.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hv_sim::{
    Event, EventError, HostFile, HostFileErrorKind, HostOptions, HostState, NewDomain, SimHost,
    Until,
};
use tempfile::TempDir;
use userdata_core::hypervisor::{DomainNames, HypervisorErrorKind};
use userdata_core::{Domid, Hypervisor};

use crate::domid;

fn create() -> Event {
    Event::Create(NewDomain::new())
}

fn in_scratch() -> (TempDir, HostFile) {
    let scratch = TempDir::new().unwrap();
    let host = HostFile::new(scratch.path().join("host.json"));
    (scratch, host)
}

fn names_in(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn only_file_and_lock(directory: &Path) -> bool {
    names_in(directory) == ["host.json", "host.json.lock"].map(str::to_owned).into()
}

#[test]
fn a_missing_file_is_a_fresh_host_and_asking_creates_nothing() {
    let (scratch, host) = in_scratch();
    assert_eq!(host.domains().unwrap().len(), 1);
    assert_eq!(host.name(Domid::ZERO).unwrap().unwrap(), "Domain-0");
    assert_eq!(host.domain(domid(1)).unwrap(), None);
    assert_eq!(host.state().unwrap(), HostState::new(HostOptions::new(0)));
    assert!(names_in(scratch.path()).is_empty());

    let other = host.clone().with_options(HostOptions::new(1));
    assert_ne!(other.boot().unwrap(), host.boot().unwrap());
}

#[test]
fn the_first_event_creates_the_file_and_its_directories() {
    let scratch = TempDir::new().unwrap();
    let directory = scratch.path().join("a/b");
    let path = directory.join("host.json");
    let created = HostFile::new(&path).apply(&create()).unwrap().unwrap();

    let again = HostFile::new(&path).with_options(HostOptions::new(9));
    let domain = again.domain(created.domid).unwrap().unwrap();
    assert_eq!(domain.key, created);
    assert!(!again.leaving(&created).unwrap());
    assert_eq!(again.state().unwrap().options().seed, 0);
    let json = fs::read_to_string(&path).unwrap();
    assert_eq!(json, again.state().unwrap().to_json());
    assert!(only_file_and_lock(&directory));
}

#[test]
fn every_question_reads_the_file_anew() {
    let (_scratch, host) = in_scratch();
    let other = HostFile::new(host.path());
    let created = host.apply(&create()).unwrap().unwrap();
    assert!(other.domain(created.domid).unwrap().is_some());
    other.apply(&Event::BootHost).unwrap();
    assert_eq!(host.domain(created.domid).unwrap(), None);
    assert_eq!(host.boot().unwrap(), other.boot().unwrap());
}

#[test]
fn no_event_is_lost_and_no_reader_sees_half_a_host() {
    let (scratch, host) = in_scratch();
    let path = host.path();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let host = HostFile::new(path);
                    (0..20)
                        .map(|_| host.apply(&create()).unwrap().unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut domains = 0;
            while !done.load(Ordering::Relaxed) {
                let now = HostFile::new(path).state().unwrap().guests().count();
                assert!(now >= domains);
                domains = now;
            }
        });
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        // Before any writer's result is unwrapped: otherwise the reader would never end.
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        let keys: BTreeSet<_> = written.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(keys.len(), 80);
    });
    assert_eq!(host.state().unwrap().events(), 80);
    assert_eq!(host.domains().unwrap().len(), 81);
    assert!(only_file_and_lock(scratch.path()));
}

#[test]
fn a_malformed_file_is_named_and_never_replaced() {
    let (scratch, host) = in_scratch();
    for bytes in ["", "{", "null", "{\"schema\": \"hv-sim/host/2\"}", "\u{0}"] {
        fs::write(host.path(), bytes).unwrap();
        for error in [
            host.state().unwrap_err(),
            host.apply(&create()).unwrap_err(),
        ] {
            assert!(error.to_string().contains(host.path().to_str().unwrap()));
            assert!(matches!(error.kind(), HostFileErrorKind::Malformed(_)));
            let kind = error.source().unwrap();
            assert!(kind.to_string().contains("hv-sim/host/1"), "{kind}");
            let where_ = kind.source().unwrap().to_string();
            assert!(where_.contains("line 1"), "{where_}");
        }
        let error = host.domain(domid(1)).unwrap_err();
        assert!(matches!(error.kind(), HypervisorErrorKind::Failed { .. }));
        assert_eq!(error.to_string(), "cannot look up domain 1");
        assert_eq!(fs::read_to_string(host.path()).unwrap(), bytes);
        assert!(only_file_and_lock(scratch.path()));
    }
}

#[test]
fn an_event_that_cannot_happen_leaves_the_file_alone() {
    let (scratch, host) = in_scratch();
    host.apply(&create()).unwrap();
    let before = fs::read(host.path()).unwrap();
    let error = host.apply(&Event::Kill { domid: domid(9) }).unwrap_err();
    let missing = EventError::NoSuchDomain { domid: domid(9) };
    assert!(matches!(error.kind(), HostFileErrorKind::Event(e) if *e == missing));
    assert_eq!(
        error.source().unwrap().to_string(),
        "domain 9 does not exist"
    );
    assert_eq!(fs::read(host.path()).unwrap(), before);
    assert!(only_file_and_lock(scratch.path()));
}

#[test]
fn an_event_waits_for_the_lock_and_a_question_does_not() {
    let (_scratch, host) = in_scratch();
    host.apply(&create()).unwrap();
    let path = host.path().with_extension("json.lock");
    let held = File::open(&path).unwrap();
    held.lock().unwrap();
    let timeout = Duration::from_millis(20);
    let bounded = host.clone().with_timeout(timeout);
    let error = bounded.apply(&create()).unwrap_err();
    let HostFileErrorKind::Locked { lock, waited } = error.kind() else {
        panic!("{error:?}");
    };
    assert_eq!(*lock, path);
    assert!(*waited >= timeout);
    assert_eq!(host.domains().unwrap().len(), 2);

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| host.apply(&create()).unwrap());
        held.unlock().unwrap();
        assert!(waiting.join().unwrap().is_some());
    });
}

#[test]
fn the_new_file_of_a_killed_process_is_replaced() {
    let (scratch, host) = in_scratch();
    fs::write(scratch.path().join("host.json.new"), "half a ho").unwrap();
    host.apply(&create()).unwrap();
    assert_eq!(host.domains().unwrap().len(), 2);
    assert!(only_file_and_lock(scratch.path()));
}

#[test]
fn a_state_that_cannot_be_written_leaves_the_old_one() {
    let (scratch, host) = in_scratch();
    host.apply(&create()).unwrap();
    let before = fs::read(host.path()).unwrap();
    let obstacle = scratch.path().join("host.json.new");
    fs::create_dir(&obstacle).unwrap();
    let error = host.apply(&create()).unwrap_err();
    assert!(matches!(error.kind(), HostFileErrorKind::Io { .. }));
    assert_eq!(fs::read(host.path()).unwrap(), before);
    fs::remove_dir(obstacle).unwrap();
    host.apply(&create()).unwrap();
}

#[test]
fn two_links_to_one_file_are_one_host_with_one_lock() {
    let (scratch, host) = in_scratch();
    // The first link dangles until the first event.
    let [one, two] = ["one", "two"].map(|name| scratch.path().join(name));
    fs::create_dir(scratch.path().join("folder")).unwrap();
    symlink("folder/../host.json", &one).unwrap();
    symlink(&one, &two).unwrap();
    let [one, two] = [one, two].map(HostFile::new);
    one.apply(&create()).unwrap();
    two.apply(&create()).unwrap();
    for host in [&one, &two, &host] {
        assert_eq!(host.domains().unwrap().len(), 3);
    }
    for link in [one.path(), two.path()] {
        assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    }
    let names = ["folder", "host.json", "host.json.lock", "one", "two"];
    assert_eq!(names_in(scratch.path()), names.map(str::to_owned).into());

    let held = File::open(scratch.path().join("host.json.lock")).unwrap();
    held.lock().unwrap();
    for host in [one, two] {
        let error = host.with_timeout(Duration::ZERO).apply(&create());
        let error = error.unwrap_err();
        assert!(matches!(error.kind(), HostFileErrorKind::Locked { .. }));
    }
}

#[test]
fn links_that_lead_in_a_circle_are_an_error() {
    let (scratch, host) = in_scratch();
    symlink("other", host.path()).unwrap();
    symlink("host.json", scratch.path().join("other")).unwrap();
    for error in [
        host.state().unwrap_err(),
        host.apply(&create()).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), HostFileErrorKind::Io { .. }));
    }
}

#[test]
fn a_snapshot_answers_for_its_moment() {
    let (_scratch, host) = in_scratch();
    let web = host.create(NewDomain::new().with_name("web")).unwrap();
    host.destroy_until(web.domid, Until::Leaving).unwrap();
    let before = host.snapshot().unwrap();
    host.create(NewDomain::new().with_name("web")).unwrap();
    let after = host.snapshot().unwrap();
    host.boot_host().unwrap();

    assert_eq!(before.domains().unwrap().len(), 2);
    assert_eq!(after.domains().unwrap().len(), 3);
    assert_eq!(after.domain(web.domid).unwrap().unwrap().key, web);
    assert!(after.leaving(&web).unwrap());
    assert_eq!(after.boot().unwrap(), before.boot().unwrap());
    assert_ne!(after.boot().unwrap(), host.boot().unwrap());
    // As in the file: a name is kept until another domain has it.
    assert_eq!(before.name(web.domid).unwrap().unwrap(), "web");
    assert_eq!(after.name(web.domid).unwrap(), None);
    for (domid, _) in after.state().guests() {
        let name = after.state().last_name(domid).map(str::to_owned);
        assert_eq!(after.name(domid).unwrap(), name);
    }
    assert_eq!(host.domains().unwrap().len(), 1);
}

#[test]
fn the_short_forms_are_those_of_a_host_in_memory() {
    let (_scratch, host) = in_scratch();
    let memory = SimHost::new(HostOptions::new(0));
    let web = || NewDomain::new().with_name("web");
    assert_eq!(host.create(web()).unwrap(), memory.create(web()).unwrap());
    let twin = host.migrate_begin(domid(1)).unwrap();
    assert_eq!(twin, memory.migrate_begin(domid(1)).unwrap());
    host.migrate_end(domid(1), twin.domid).unwrap();
    memory.migrate_end(domid(1), twin.domid).unwrap();
    assert_eq!(
        host.reboot(twin.domid).unwrap(),
        memory.reboot(twin.domid).unwrap()
    );
    assert_eq!(host.state().unwrap(), memory.state());
    let error = host.destroy(Domid::ZERO).unwrap_err();
    let expected = memory.destroy(Domid::ZERO).unwrap_err();
    assert!(matches!(error.kind(), HostFileErrorKind::Event(e) if *e == expected));
}

fn not_regular(error: &HostFileErrorKind, file: &Path) -> bool {
    matches!(error, HostFileErrorKind::NotRegular { path } if path == file)
}

#[test]
fn only_a_regular_file_of_bounded_length_is_opened() {
    let (_scratch, host) = in_scratch();
    fs::create_dir(host.path()).unwrap();
    let error = host.apply(&create()).unwrap_err();
    assert!(not_regular(error.kind(), host.path()));
    fs::remove_dir(host.path()).unwrap();

    let socket = UnixListener::bind(host.path()).unwrap();
    let error = host.state().unwrap_err();
    assert!(not_regular(error.kind(), host.path()));
    drop(socket);
    fs::remove_file(host.path()).unwrap();

    let lock = host.path().with_extension("json.lock");
    fs::remove_file(&lock).unwrap();
    let socket = UnixListener::bind(&lock).unwrap();
    let error = host.apply(&create()).unwrap_err();
    assert!(not_regular(error.kind(), &lock));
    drop(socket);

    let sparse = File::create(host.path()).unwrap();
    sparse.set_len((64 << 20) + 1).unwrap();
    let error = host.state().unwrap_err();
    assert!(matches!(error.kind(), HostFileErrorKind::TooLarge { limit } if *limit == 64 << 20));
}

#[test]
fn a_file_below_a_file_is_an_error_that_says_so() {
    let (scratch, host) = in_scratch();
    host.apply(&create()).unwrap();
    let below = HostFile::new(host.path().join("host.json"));
    let error = below.state().unwrap_err();
    assert!(matches!(error.kind(), HostFileErrorKind::Io { .. }));
    assert!(below.apply(&create()).is_err());
    assert!(below.domains().is_err());
    assert!(only_file_and_lock(scratch.path()));
}

#[test]
fn a_domain_has_its_name_until_it_is_gone_or_another_has_it() {
    let (_scratch, host) = in_scratch();
    let web = || Event::Create(NewDomain::new().with_name("web"));
    let until = |until| Event::Destroy {
        domid: domid(1),
        until,
    };
    host.apply(&web()).unwrap();
    for phase in [Until::Leaving, Until::Dying, Until::Dead] {
        host.apply(&until(phase)).unwrap();
        assert_eq!(host.name(domid(1)).unwrap().unwrap(), "web");
    }
    host.apply(&web()).unwrap();
    assert_eq!(host.name(domid(1)).unwrap(), None);
    assert_eq!(host.name(domid(2)).unwrap().unwrap(), "web");
    host.apply(&until(Until::Gone)).unwrap();
    assert_eq!(host.name(domid(1)).unwrap(), None);
}
