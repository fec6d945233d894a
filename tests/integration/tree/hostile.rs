//! Links, pipes and files in the place of the tree's own directories.

use userdata_core::store::{FileType, Keep, StoreErrorKind};
use userdata_core::{Store as _, Userid};
use userdata_fs::Directory as _;
use userdata_sim::{Plant, SimDisk, SimOptions};

use super::{clear, domain, name, open, process, put};

fn plants() -> [Plant; 4] {
    [
        Plant::Symlink(b"elsewhere".to_vec()),
        Plant::Fifo,
        Plant::Socket,
        Plant::File(b"bytes".to_vec()),
    ]
}

/// A tree in which something is planted under this name, in the root or in the boot's directory.
fn planted(in_boot: bool, text: &str, plant: &Plant) -> SimDisk {
    let disk = SimDisk::new(SimOptions::default());
    let root = disk.process().root().unwrap();
    open(disk.process().root().unwrap());
    let parent = match in_boot {
        true => {
            root.make_directory(name("boot-boot-1")).unwrap();
            root.open_directory(name("boot-boot-1")).unwrap()
        }
        false => root,
    };
    parent.plant(name(text), plant.clone()).unwrap();
    disk
}

#[test]
fn what_stands_in_place_of_a_domains_directory_is_reported() {
    for plant in plants() {
        let disk = planted(true, &domain().to_string(), &plant);
        let before = disk.tree();
        let (_, store) = process(&disk);
        let xl = Userid::new("xl").unwrap();
        for result in [
            store.get(&domain(), &xl).map(drop),
            store.stat(&domain(), &xl).map(drop),
            store.list(&domain()).map(drop),
            put(&store, "xl", b"value").map(drop),
            clear(&store, Keep::Nothing).map(drop),
        ] {
            let error = result.unwrap_err();
            let found = plant.file_type();
            assert!(
                matches!(error.kind(), StoreErrorKind::NotDirectory(kind) if *kind == found),
                "{error:?}"
            );
        }
        let mut owned = Vec::new();
        let listed = store.owners(&mut |one| {
            owned.push(one.owner.key());
            std::ops::ControlFlow::Continue(())
        });
        listed.unwrap();
        assert_eq!(owned, [Some(domain())]);
        assert_eq!(disk.tree(), before);
    }
}

#[test]
fn what_stands_in_place_of_the_boots_directory_is_reported() {
    for plant in plants() {
        let disk = planted(false, "boot-boot-1", &plant);
        let before = disk.tree();
        let (_, store) = process(&disk);
        for result in [
            put(&store, "xl", b"value").map(drop),
            store.list(&domain()).map(drop),
        ] {
            let error = result.unwrap_err();
            assert!(
                matches!(error.kind(), StoreErrorKind::NotDirectory(_)),
                "{error:?}"
            );
        }
        assert_eq!(disk.tree(), before);
    }
}

#[test]
fn without_a_trash_a_domain_is_cleared_file_by_file() {
    for plant in plants() {
        let disk = SimDisk::new(SimOptions::default());
        let root = disk.process().root().unwrap();
        open(disk.process().root().unwrap());
        root.remove_directory(name("trash")).unwrap();
        root.plant(name("trash"), plant.clone()).unwrap();
        let (_, store) = process(&disk);
        put(&store, "xl", b"value").unwrap();
        let cleared = clear(&store, Keep::Nothing).unwrap();
        assert_eq!(cleared.removed, [Userid::new("xl").unwrap()]);
        assert_eq!(store.list(&domain()).unwrap(), []);
        let error = store.reclaim(&mut || true).unwrap_err();
        assert!(matches!(error.kind(), StoreErrorKind::NotDirectory(_)));
        let found = root.metadata_at(name("trash")).unwrap();
        assert_eq!(found.file_type, plant.file_type());
    }
}

#[test]
fn what_stands_in_place_of_a_value_is_reported() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let directory = super::domain_directory(&disk);
    for plant in [Plant::Symlink(b"t".to_vec()), Plant::Fifo, Plant::Socket] {
        directory.plant(name("d.xl"), plant.clone()).unwrap();
        let error = store
            .get(&domain(), &Userid::new("xl").unwrap())
            .unwrap_err();
        let found = plant.file_type();
        assert!(
            matches!(error.kind(), StoreErrorKind::NotRegular(kind) if *kind == found),
            "{error:?}"
        );
        let file = format!("{}/d.xl", domain());
        assert_eq!(error.file(), file.as_bytes());
        assert_ne!(found, FileType::Regular);
    }
}
