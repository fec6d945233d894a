//! What a sighting is worth, and when it ends.

use super::*;

fn settle(options: &mut SweepOptions) {
    options.settle = HOUR;
}

fn remove(host: &Host, name: &str) {
    let name = Name::new(name.as_bytes()).unwrap();
    userdata_fs::Directory::unlink(&host.root(), name).unwrap();
}

#[test]
fn a_sighting_ends_with_the_data_that_it_is_of() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.set_uuid(key.domid, Uuid::from_u128(7)).unwrap();
    assert_eq!(host.sweep().verdict(key), "other-uuid");
    remove(&host, &format!("userdata-d.{key}.agent"));
    host.sweep();
    assert!(host.sightings.is_empty());
    host.plant('d', key, "agent");
    host.disk.pass(HOUR * 2);
    assert_eq!(host.sweep().totals.orphans, 0);
    assert!(host.has_value(key));
}

#[test]
fn a_question_that_fails_ends_no_sighting() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.set_uuid(key.domid, Uuid::from_u128(7)).unwrap();
    host.sweep();
    host.disk.pass(HOUR);
    host.host.hide(key.domid).unwrap();
    assert_eq!(host.sweep().verdict(key), "unknown");
    host.host.show(key.domid).unwrap();
    assert_eq!(host.sweep().totals.orphans, 1);
}

#[test]
fn a_look_up_that_finds_the_domain_ends_its_sighting() {
    let mut host = Host::new();
    let key = host.create_with_value();
    let other = Uuid::from_u128(7);
    host.host.set_uuid(key.domid, other).unwrap();
    host.sweep();
    host.disk.pass(HOUR);
    // The handle changes back between the list and the look-up.
    let look_up = host.next_look_up();
    host.host.before_each(move |now, asked| {
        if (asked.call, asked.number) == look_up {
            now.set_uuid(key.domid, key.uuid).unwrap();
        }
    });
    assert_eq!(host.sweep().verdict(key), "alive");
    assert!(host.sightings.is_empty());
    host.host.set_uuid(key.domid, other).unwrap();
    assert_eq!(host.sweep().totals.orphans, 0);
    assert!(host.has_value(key));
}

#[test]
fn what_could_not_be_removed_need_not_settle_again() {
    let mut host = Host::new();
    let key = host.create_with_value();
    let name = format!("userdata-d.{key}.folder");
    let folder = Name::new(name.as_bytes()).unwrap();
    host.root().plant(folder, Plant::Directory).unwrap();
    host.host.destroy(key.domid).unwrap();
    assert_eq!(host.sweep_with(settle).verdict(key), "settling");
    host.disk.pass(HOUR);
    for removed in [1, 0] {
        let told = host.sweep_with(settle);
        assert_eq!(
            (told.verdict(key), told.totals.removed),
            ("absent", removed)
        );
        assert_eq!(told.totals.failed, 1);
    }
}

#[test]
fn a_dead_domain_has_no_claim_to_the_data_of_another_uuid() {
    let mut host = Host::new();
    let zombie = host.create();
    host.host.pin(zombie.domid).unwrap();
    host.host.destroy(zombie.domid).unwrap();
    let key = DomainKey::new(zombie.domid, Uuid::from_u128(7));
    host.plant('d', key, "agent");
    assert_eq!(host.sweep().verdict(key), "absent");
    assert!(!host.has_value(key));
}

#[test]
fn a_sweep_waits_a_second_for_a_lock_at_most() {
    let mut host = Host::new();
    let key = host.create_with_value();
    host.host.destroy(key.domid).unwrap();
    let _held = host.hold_lock(key);
    let begun = FileStore::new(host.root()).now();
    assert_eq!(host.sweep().verdict(key), "busy");
    let waited = FileStore::new(host.root()).now() - begun;
    assert!(waited <= Duration::from_millis(1010), "{waited:?}");
}

#[test]
fn a_sweep_syncs_nothing() {
    let mut host = Host::new();
    let (gone, alive) = (host.create_with_value(), host.create_with_value());
    host.plant('t', alive, "0123456789abcdef0123456789abcdef");
    host.host.destroy(gone.domid).unwrap();
    host.disk.pass(HOUR);
    host.disk.record_steps();
    assert_eq!(host.sweep().totals.removed, 2);
    let steps = host.disk.take_steps();
    assert!(!steps.is_empty());
    let mut synced = steps.iter().filter(|step| step.call.contains("sync"));
    assert!(synced.next().is_none(), "{steps:?}");
}
