//! Several processes on one directory, some of them killed.

use std::fs;
use std::time::Duration;

use userdata_core::Store as _;
use userdata_core::file_name::Kind;
use userdata_core::store::{Done, Durability, Keep, Op, StoreErrorKind};
use userdata_tests::{is_whole, sealed};

use crate::actor::Actor;
use crate::place::Place;
use crate::scene::{AT_ONCE, PATIENT, Scene, userid};

#[test]
fn readers_in_other_processes_see_whole_values_only() {
    for place in Place::all() {
        let (scene, xl) = (Scene::at(place), userid("xl"));
        scene.put(&xl, &sealed(0, 0)).unwrap();
        let readers = [(); 2].map(|()| scene.actor(&["read", "xl"]));
        let writers = ["1", "2", "3"].map(|writer| scene.actor(&["write", "xl", writer, "150"]));
        for writer in writers {
            assert_eq!(writer.end(), ["ready", "done"]);
        }
        for reader in readers {
            let said = reader.end();
            assert!(matches!(&*said, [ready, _] if ready == "ready"), "{said:?}");
        }
        assert!(is_whole(&scene.get(xl.as_userid()).unwrap()));
        assert_eq!(scene.others(), []);
    }
}

#[test]
fn processes_that_compare_and_swap_lose_no_update() {
    let (scene, xl) = (Scene::new(), userid("xl"));
    let counters = [(); 4].map(|()| scene.actor(&["count", "xl", "60"]));
    for counter in counters {
        assert_eq!(counter.end(), ["ready", "done"]);
    }
    assert_eq!(scene.get(xl.as_userid()).as_deref(), Some(&b"240"[..]));
}

#[test]
fn the_lock_excludes_processes_even_while_some_are_killed() {
    for place in Place::all() {
        let (scene, witness) = (Scene::at(place), tempfile::NamedTempFile::new().unwrap());
        fs::write(witness.path(), [0; 4]).unwrap();
        let path = witness.path().to_str().unwrap();
        let workers = [(); 3].map(|()| scene.actor(&["exclude", path, "400"]));
        for round in 0..20_u64 {
            let victim = scene.actor(&["exclude", path, "1000000"]);
            victim.expect("ready");
            std::thread::sleep(Duration::from_micros(round * 300));
            victim.kill();
        }
        for worker in workers {
            assert_eq!(worker.end(), ["ready", "done"]);
        }
        // The last lock holder removes the lock file.
        assert!(!scene.is_closing());
        assert_eq!(scene.others(), []);
    }
}

#[test]
fn a_killed_writer_leaves_a_whole_value_and_no_held_lock() {
    for place in Place::all() {
        let (scene, xl) = (Scene::at(place), userid("xl"));
        scene.put(&xl, &sealed(0, 0)).unwrap();
        for round in 0..30 {
            let writer = scene.actor(&["write", "xl", &round.to_string(), "1000000"]);
            writer.expect("ready");
            std::thread::sleep(Duration::from_micros(u64::from(round) * 200));
            writer.kill();
            assert!(
                is_whole(&scene.get(xl.as_userid()).unwrap()),
                "in round {round}"
            );
            let listed = scene.store.list(&scene.domain).unwrap();
            assert_eq!(listed.len(), 1, "a temporary file is taken for a value");
            scene.put_within(AT_ONCE, &xl, &sealed(round, 1)).unwrap();
            assert_eq!(scene.others(), [], "in round {round}");
        }
        clear(&scene);
        assert_eq!(scene.snapshot().names().count(), 0);
    }
}

#[test]
fn after_sixty_killed_stores_the_next_leaves_one_file() {
    let (scene, xl) = (Scene::new(), userid("xl"));
    let mut left = 0;
    for round in 0..60_u64 {
        let writer = scene.actor(&["write-large", "xl", "500000"]);
        writer.expect("ready");
        // A moment that differs from round to round, and need not be exact.
        std::thread::sleep(Duration::from_micros(round * 7_919 % 3_000));
        writer.kill();
        let temporaries = scene.others();
        let temporaries = temporaries.iter().filter(|kind| **kind == Kind::Temporary);
        let count = temporaries.count();
        assert!(
            count <= 1,
            "killed stores pile up: {count} in round {round}"
        );
        left += count;
    }
    assert!(left > 0, "no store was killed while it wrote");
    scene.put_within(AT_ONCE, &xl, b"value").unwrap();
    assert_eq!(scene.snapshot().names().count(), 1);
}

fn clear(scene: &Scene) {
    let keep = Keep::Nothing;
    let durability = Durability::Process;
    let op = Op::Clear { keep, durability };
    let done = scene
        .store
        .change(&scene.domain, PATIENT, &mut |_| Ok(()), &[op])
        .unwrap();
    assert!(
        matches!(&*done, [Done::Cleared(cleared)] if cleared.failed.is_empty()),
        "{done:?}"
    );
}

#[test]
fn a_lock_of_another_process_is_waited_for_until_the_timeout() {
    let (scene, xl) = (Scene::new(), userid("xl"));
    let mut holder = scene.actor(&["hold", "xl", "by the holder"]);
    holder.expect("held");
    for timeout in [AT_ONCE, std::time::Duration::from_millis(30)] {
        let error = scene.put_within(timeout, &xl, b"by the test").unwrap_err();
        let passed = matches!(
            error.kind(),
            StoreErrorKind::DeadlinePassed { waited } if *waited >= timeout
        );
        assert!(passed, "{error:?}");
    }
    assert_eq!(scene.get(xl.as_userid()), None);
    holder.tell("go on");
    holder.expect("stored");
    scene.put_within(AT_ONCE, &xl, b"by the test").unwrap();
    holder.end();
}

#[test]
fn other_processes_see_a_closing_mark_until_its_process_ends() {
    let scene = Scene::new();
    let start = || -> Actor { scene.actor(&["close"]) };
    scene.put(&userid("xl"), b"value").unwrap();
    for end in ["reopen", "kill", "clear"] {
        assert!(!scene.is_closing());
        let mut closer = start();
        closer.expect("closing");
        assert!(scene.is_closing());
        // A second one is refused, and takes nothing from the first.
        assert_eq!(start().end(), ["Refused(BeingDestroyed)"]);
        assert!(scene.is_closing());
        if end == "kill" {
            closer.kill();
        } else {
            closer.tell(end);
            assert_eq!(closer.end(), [format!("{end}ed")]);
        }
        assert!(!scene.is_closing(), "after {end}");
        let values = scene.store.list(&scene.domain).unwrap().len();
        assert_eq!(values, usize::from(end != "clear"), "after {end}");
    }
    assert_eq!(scene.snapshot().names().count(), 0);
}
