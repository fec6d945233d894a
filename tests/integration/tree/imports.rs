//! Several values into a domain without values: all or none, also against a kill.

use userdata_core::Store as _;
use userdata_fs::Directory as _;
use userdata_sim::{Plant, SimDisk, SimOptions};

use super::{domain_directory, domain_path, get, name, paths, process, put, put_all};

const VALUES: [(&str, &[u8]); 3] = [("a", b"1"), ("b", b"22"), ("c", b"333")];

fn count(disk: &SimDisk) -> usize {
    let values = format!("{}/d.", domain_path());
    let of_domain = paths(disk).into_iter();
    of_domain.filter(|path| path.starts_with(&values)).count()
}

#[test]
fn an_import_killed_at_any_step_leaves_all_or_none() {
    for with_leftovers in [false, true] {
        let disk = SimDisk::new(SimOptions::default());
        let (_, store) = process(&disk);
        if with_leftovers {
            put(&store, "x", b"gone").unwrap();
            let directory = domain_directory(&disk);
            directory.unlink(name("d.x")).unwrap();
            let plant = |bytes: &[u8]| Plant::File(bytes.to_vec());
            directory.plant(name("t.1"), plant(b"half")).unwrap();
            directory.plant(name("c.closing"), plant(b"")).unwrap();
        }
        disk.record_steps();
        put_all(&store, &VALUES).unwrap();
        assert_eq!(count(&disk), 3);
        let steps = disk.take_steps();
        let mut seen = [false; 2];
        for step in &steps {
            let disk = SimDisk::boot(step.storage.killed(), SimOptions::default());
            let found = count(&disk);
            assert!(found == 0 || found == 3, "{found} after {}", step.call);
            seen[usize::from(found == 3)] = true;
            let (_, store) = process(&disk);
            store.reclaim(&mut || true).unwrap();
            let stages = paths(&disk).into_iter();
            let mut left = stages.filter(|path| path.contains("stage-") || path.contains("trash/"));
            assert_eq!(left.next(), None, "{}", step.call);
            // The same change completes it.
            put_all(&store, &VALUES).unwrap();
            assert_eq!(count(&disk), 3);
        }
        assert_eq!(seen, [true; 2]);
    }
}

#[test]
fn an_import_beside_a_value_keeps_it() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "x", b"kept").unwrap();
    put_all(&store, &VALUES).unwrap();
    assert_eq!(get(&store, "x").as_deref(), Some(&b"kept"[..]));
    assert_eq!(count(&disk), 4);
}

#[test]
fn an_import_beside_a_foreign_file_keeps_it() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "x", b"gone").unwrap();
    let directory = domain_directory(&disk);
    directory.unlink(name("d.x")).unwrap();
    let plant = Plant::File(b"foreign".to_vec());
    directory.plant(name("foreign"), plant).unwrap();
    put_all(&store, &VALUES).unwrap();
    assert_eq!(count(&disk), 3);
    let foreign = format!("{}/foreign", domain_path());
    assert!(paths(&disk).contains(&foreign));
}

#[test]
fn reclaiming_leaves_an_import_that_goes_on() {
    use userdata_sim::interpose::{Call, Interceptor, Interposed, Verdict};

    struct Reclaiming(SimDisk);
    impl Interceptor for Reclaiming {
        fn before(&self, _: u32, _: &Call<'_>) -> Verdict {
            let (_, other) = process(&self.0);
            other.reclaim(&mut || true).unwrap();
            Verdict::Proceed
        }
    }

    let disk = SimDisk::new(SimOptions::default());
    let root = Interposed::new(disk.process().root().unwrap(), Reclaiming(disk.clone()));
    // Between the making of the directory and its lock it counts as one that was left over.
    match put_all(&super::open(root), &VALUES) {
        Ok(_) => assert_eq!(count(&disk), 3),
        Err(error) => {
            assert!(!error.is_applied(), "{error:?}");
            assert_eq!(count(&disk), 0);
        }
    }
}
