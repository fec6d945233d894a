//! A tree in which another file system is mounted.

use std::fs;
use std::process::Command;

use userdata_core::store::{Done, Durability, Expect, Keep, Op};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _};
use userdata_fs::{FileStore, OsDirectory};

use crate::{Actor, PATIENT, say, userid_of};

impl Actor {
    /// Neither a clear nor a sweep of the trash removes what is mounted in a domain's directory.
    pub(crate) fn clear_with_a_mount(&self) {
        let root = self.directory.join("root");
        let (owner, boot) = ("host-1".parse(), "boot-1".parse());
        let owner = owner.expect("the owner of a tree");
        let store = FileStore::open_tree(&root, &owner, &boot.expect("the name of a boot"));
        let store = store.expect("a tree is made");
        let xl = userid_of("xl");
        let op = Op::Put {
            userid: &xl,
            data: NonEmpty::new(b"value").expect("a value has bytes"),
            expect: Expect::Any,
            durability: Durability::Process,
        };
        let stored = store.change(&self.domain, PATIENT, &mut |_| Ok(()), &[op]);
        stored.expect("a value is stored");
        let mounted = root
            .join("boot-boot-1")
            .join(self.domain.to_string())
            .join("mounted");
        fs::create_dir(&mounted).expect("a directory is made");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "none"])
            .arg(&mounted)
            .status();
        assert!(mount.expect("mount is run").success());
        fs::write(mounted.join("file"), "of another program").expect("a file is written");
        let cleared = cleared(&store, &self.domain);
        assert_eq!(cleared, 1);
        let reclaimed = store.reclaim(&mut || true).expect("the trash is read");
        assert_eq!(reclaimed.failed.len(), 1, "{:?}", reclaimed.failed);
        let trash = fs::read_dir(root.join("trash")).expect("the trash is read");
        let files = trash.map(|left| left.expect("a name").path().join("mounted/file"));
        let texts: Vec<_> = files.map(fs::read_to_string).collect();
        assert!(
            matches!(&*texts, [Ok(text)] if text == "of another program"),
            "{texts:?}"
        );
        say("done");
    }
}

/// Clears a domain, and returns how many values were removed.
fn cleared(store: &FileStore<OsDirectory>, domain: &DomainKey) -> usize {
    let op = Op::Clear {
        keep: Keep::Nothing,
        durability: Durability::Process,
    };
    let done = store.change(domain, PATIENT, &mut |_| Ok(()), &[op]);
    match &*done.expect("a domain is cleared") {
        [Done::Cleared(cleared)] => cleared.removed.len(),
        other => panic!("a clear answered {other:?}"),
    }
}
