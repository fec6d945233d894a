//! A sweep of a tree by the facade, which knows no layouts.

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::sweep::{Sightings, SweepOptions};
use userdata::{Userdata, WritableUserid};
use userdata_fs::{Directory as _, FileStore};
use userdata_sim::{SimDisk, SimOptions};

use super::{name, owner, paths};

#[test]
fn a_sweep_removes_the_dead_and_other_boots_and_keeps_the_living() {
    let disk = SimDisk::new(SimOptions::default());
    let host = SimHost::new(HostOptions::new(1));
    let of_boot = |boot: &str| {
        let root = disk.process().root().unwrap();
        let store = FileStore::tree(root, &owner(), &boot.parse().unwrap()).unwrap();
        Userdata::new(host.clone(), store)
    };
    let (living, dead) = (
        host.create(NewDomain::new()).unwrap(),
        host.create(NewDomain::new()).unwrap(),
    );
    let agent = WritableUserid::new("agent").unwrap();
    let (before, userdata) = (of_boot("boot-0"), of_boot("boot-1"));
    before.store(living, &agent, b"of the boot before").unwrap();
    for key in [living, dead] {
        userdata.store(key, &agent, b"value").unwrap();
    }
    // A writer that was killed left an empty directory of a domain, which is gone as well.
    let killed = host.create(NewDomain::new()).unwrap();
    let root = disk.process().root().unwrap();
    let boot = root.open_directory(name("boot-boot-1")).unwrap();
    boot.make_directory(name(&killed.to_string())).unwrap();
    for key in [dead, killed] {
        host.destroy(key.domid).unwrap();
    }
    let options = SweepOptions::default();
    let totals = userdata
        .sweep(&options, &mut Sightings::new(), |_| {})
        .unwrap();
    assert_eq!(totals.failed, 0);
    assert_eq!(totals.reclaimed, 1);
    let expected = [
        "boot-boot-1".to_owned(),
        format!("boot-boot-1/{living}"),
        format!("boot-boot-1/{living}/d.agent"),
        "trash".to_owned(),
        "tree".to_owned(),
    ];
    assert_eq!(paths(&disk), expected);
}
