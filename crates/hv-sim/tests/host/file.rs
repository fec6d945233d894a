//! A host kept in a file: what is written, by whom, and what is left after a failure.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hv_sim::{
    Event, EventError, HostFile, HostFileErrorKind, HostOptions, HostState, NewDomain, Until,
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
        // Before a writer's failure is looked at, or the reader would never end.
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
    assert_eq!(error.source().unwrap().to_string(), "there is no domain 9");
    assert_eq!(fs::read(host.path()).unwrap(), before);
    assert!(only_file_and_lock(scratch.path()));
}

#[test]
fn an_event_waits_for_the_lock_no_longer_than_told_and_questions_not_at_all() {
    let (_scratch, host) = in_scratch();
    host.apply(&create()).unwrap();
    let path = host.path().with_extension("json.lock");
    let held = File::open(&path).unwrap();
    held.lock().unwrap();
    let timeout = Duration::from_millis(20);
    let impatient = host.clone().with_timeout(timeout);
    let error = impatient.apply(&create()).unwrap_err();
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
fn what_a_killed_process_left_is_replaced() {
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
fn a_dangling_link_in_place_of_the_file_is_replaced() {
    let (scratch, host) = in_scratch();
    std::os::unix::fs::symlink("nowhere", host.path()).unwrap();
    host.apply(&create()).unwrap();
    assert_eq!(host.domains().unwrap().len(), 2);
    assert!(only_file_and_lock(scratch.path()));
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
fn a_domain_keeps_its_name_until_it_is_gone_or_another_has_it() {
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
