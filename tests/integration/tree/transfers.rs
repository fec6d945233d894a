//! Values that move from one domain's directory to that of another.

use userdata_core::store::{Durability, StoreErrorKind, Transfer};
use userdata_core::{DomainKey, Store as _};
use userdata_fs::FileStore;
use userdata_sim::{SimDirectory, SimDisk, SimOptions};

use super::{domain, paths, process, put, put_op};
use crate::scene::{PATIENT, userid};

fn other() -> DomainKey {
    let key = "9.11111111-2222-3333-4444-abcdef555555".parse();
    key.expect("DOMID.UUID")
}

fn transfer(
    store: &FileStore<SimDirectory>,
    durability: Durability,
) -> Result<usize, userdata_core::store::StoreError> {
    let transfer = Transfer::new(domain(), other(), &|_| true).with_durability(durability);
    let moved = store.transfer(&transfer, PATIENT, &mut |_, _| Ok(()))?;
    Ok(moved.moved.len())
}

#[test]
fn a_transfer_of_all_values_removes_the_directory() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "a", b"1").unwrap();
    put(&store, "b", b"2").unwrap();
    assert_eq!(transfer(&store, Durability::Full).unwrap(), 2);
    let of_other = |text: &str| format!("boot-boot-1/{}{text}", other());
    let expected = [
        "boot-boot-1".to_owned(),
        of_other(""),
        of_other("/d.a"),
        of_other("/d.b"),
        "trash".to_owned(),
        "tree".to_owned(),
    ];
    assert_eq!(paths(&disk), expected);
}

#[test]
fn a_transfer_killed_at_any_step_is_completed_by_the_next() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "a", b"1").unwrap();
    put(&store, "b", b"2").unwrap();
    disk.record_steps();
    transfer(&store, Durability::Full).unwrap();
    let steps = disk.take_steps();
    assert!(steps.len() > 3);
    for step in steps {
        let disk = SimDisk::boot(step.storage.killed(), SimOptions::default());
        let values = |paths: Vec<String>| paths.iter().filter(|path| path.contains("/d.")).count();
        assert_eq!(values(paths(&disk)), 2, "{}", step.call);
        let (_, store) = process(&disk);
        transfer(&store, Durability::Full).unwrap();
        assert_eq!(store.list(&other()).unwrap().len(), 2);
        assert_eq!(store.list(&domain()).unwrap(), []);
    }
}

#[test]
fn a_clash_names_the_domain_whose_value_it_is() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"1").unwrap();
    let xl = userid("xl");
    let op = [put_op(&xl, b"2")];
    store
        .change(&other(), PATIENT, &mut |_| Ok(()), &op)
        .unwrap();
    let error = transfer(&store, Durability::Process).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::PreconditionFailed { .. }
    ));
    assert_eq!(error.file(), format!("{}/d.xl", other()).as_bytes());
}
