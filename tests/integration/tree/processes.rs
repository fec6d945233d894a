//! Several processes in one tree on a real file system, some of them killed.

use std::fs;
use std::time::Duration;

use userdata_core::Store as _;
use userdata_core::store::Keep;
use userdata_fs::FileStore;
use userdata_tests::{is_whole, sealed};

use super::{clear, domain, domain_path, get, owner, put};
use crate::actor::{Actor, command};
use crate::place::Place;

/// A process that opens the directory as a tree.
fn actor(path: &std::path::Path, arguments: &[&str]) -> Actor {
    let mut command = command(path, &domain(), arguments);
    command.env("TREE_OF", owner().as_str());
    Actor::start(command)
}

#[test]
fn the_lock_of_a_tree_excludes_processes_even_while_some_are_killed() {
    for place in Place::all() {
        let (scratch, witness) = (place.scratch(), tempfile::NamedTempFile::new().unwrap());
        fs::write(witness.path(), [0; 4]).unwrap();
        let path = witness.path().to_str().unwrap();
        let workers = [(); 3].map(|()| actor(scratch.path(), &["exclude", path, "300"]));
        for round in 0..20_u64 {
            let victim = actor(scratch.path(), &["exclude", path, "1000000"]);
            victim.expect("ready");
            std::thread::sleep(Duration::from_micros(round * 300));
            victim.kill();
        }
        for worker in workers {
            assert_eq!(worker.end(), ["ready", "done"]);
        }
    }
}

#[test]
fn readers_of_a_tree_see_whole_values_only() {
    let boot = "boot-1".parse().unwrap();
    for place in Place::all() {
        let scratch = place.scratch();
        let store = FileStore::open_tree(scratch.path(), &owner(), &boot).unwrap();
        put(&store, "xl", &sealed(0, 0)).unwrap();
        let readers = [(); 2].map(|()| actor(scratch.path(), &["read", "xl"]));
        let writers =
            ["1", "2", "3"].map(|writer| actor(scratch.path(), &["write", "xl", writer, "150"]));
        for writer in writers {
            assert_eq!(writer.end(), ["ready", "done"]);
        }
        for reader in readers {
            let said = reader.end();
            assert!(matches!(&*said, [ready, _] if ready == "ready"), "{said:?}");
        }
        assert!(is_whole(&get(&store, "xl").unwrap()));
        assert_eq!(clear(&store, Keep::Nothing).unwrap().removed.len(), 1);
        assert!(!scratch.path().join(domain_path()).exists());
        let mut trash = fs::read_dir(scratch.path().join("trash")).unwrap();
        assert!(trash.next().is_none());
        assert_eq!(store.list(&domain()).unwrap(), []);
    }
}
