//! What sweeps have seen, as a file keeps it for the next sweep.

use std::collections::BTreeSet;
use std::time::Duration;

use hv_sim::{HostOptions, NewDomain, SimHost};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use userdata::Userdata;
use userdata::sweep::{Sightings, SweepOptions, What};
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::{DomainKey, Domid, Hypervisor as _, Userid, Uuid};
use userdata_fs::{FileStore, Name};
use userdata_sim::{Plant, SimDisk, SimOptions};

const GRACE: Duration = Duration::from_secs(3600);
const SETTLE: Duration = Duration::from_secs(600);

/// When the first sweep begins, by the clock that runs from the boot.
const NOW: Duration = Duration::from_secs(10_000);

/// How much the clock moves by itself when it is read.
const TICKS: Duration = Duration::from_millis(1);

/// The part of the command's file that matters here.
#[derive(Deserialize, Serialize)]
struct Document {
    sightings: Sightings,
}

/// A domain that lives under this uuid, one whose domid has another uuid now, and one that is gone.
const UUID: Uuid = Uuid::from_u128(0x11111111_2222_3333_4444_abcdef555555);
const OTHER_UUID: Uuid = Uuid::from_u128(0x66666666_7777_8888_9999_abcdef000000);

/// Bytes that are not sightings are refused. Whatever sightings say, a sweep keeps the data of the
/// living and of Domain-0, and removes nothing that was not seen in this boot for as long as the
/// options demand.
pub fn sightings(data: &[u8]) {
    let Ok(Document { sightings }) = serde_json::from_slice(data) else {
        return;
    };
    let form = written(&sightings);
    let Document { sightings: again } =
        serde_json::from_value(form.clone()).unwrap_or_else(|error| panic!("{error}: {form}"));
    assert_eq!(again, sightings);
    assert_eq!(written(&again), form);
    let mut of_another_file = sightings.clone();
    of_another_file.agree_with(&Sightings::new());
    assert!(of_another_file.is_empty());

    let world = World::new();
    world.sweep_twice(part(&form, "sightings"), sightings.clone());
    let booted = World::new();
    assert!(booted.host.boot_host().is_ok());
    booted.sweep_twice(part(&form, "sightings"), sightings);
}

fn written(sightings: &Sightings) -> Value {
    let sightings = sightings.clone();
    serde_json::to_value(Document { sightings }).unwrap_or_else(|error| panic!("{error}"))
}

struct World {
    disk: SimDisk,
    host: SimHost,
}

impl World {
    /// A host whose domains have a value each.
    fn new() -> Self {
        let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
        for (domid, uuid) in [(5, OTHER_UUID), (7, UUID)] {
            let new = NewDomain::new().with_domid(key(domid, uuid).domid);
            assert!(host.create(new.with_uuid(uuid)).is_ok());
        }
        let disk = SimDisk::new(SimOptions::default());
        disk.pass(NOW);
        let Ok(root) = disk.process().root() else {
            panic!("the disk has no root");
        };
        for owner in owners() {
            let file = FileName::data(NameFormat::Libxl, &owner, &userid());
            let planted = file.is_ok_and(|file| {
                let name = Name::new(file.as_bytes());
                name.is_some_and(|name| root.plant(name, Plant::File(b"value".to_vec())).is_ok())
            });
            assert!(planted, "{owner}");
        }
        Self { disk, host }
    }

    /// Two sweeps, one after the other. What the first one sees is new to the second one.
    fn sweep_twice(&self, before: &Value, mut sightings: Sightings) {
        for later in [Duration::ZERO, GRACE / 2] {
            self.disk.pass(later);
            let now = self.disk.clock();
            let removed = self.sweep(&mut sightings);
            let living = self.host.domains().unwrap_or_default();
            let lives = |owner: &DomainKey| living.iter().any(|domain| domain.key == *owner);
            for owner in owners() {
                let is_known = owner.domid != Domid::ZERO
                    && !lives(&owner)
                    && self.seen(before, &owner, now, later > Duration::ZERO);
                assert!(
                    is_known || !removed.contains(&owner),
                    "{owner} goes at {now:?} after {before}"
                );
            }
        }
    }

    /// Whether sweeps had seen this for long enough.
    fn seen(&self, before: &Value, owner: &DomainKey, now: Duration, is_second: bool) -> bool {
        let other = self.host.domain(owner.domid).ok().flatten();
        let (sight, needed) = match other {
            None => (Value::from("gone"), SETTLE),
            Some(other) => {
                let uuid = other.key.uuid.to_string();
                (serde_json::json!({ "other-uuid": uuid }), GRACE)
            }
        };
        // The first sweep saw it, and that was half the grace before.
        if is_second && needed <= GRACE / 2 {
            return true;
        }
        let boot = self.host.boot().ok().map(|boot| boot.to_string());
        let seen = part(part(before, "seen"), &owner.to_string());
        let since = part(seen, "since");
        let since = Duration::new(
            part(since, "secs").as_u64().unwrap_or(u64::MAX),
            part(since, "nanos")
                .as_u64()
                .and_then(|nanos| nanos.try_into().ok())
                .unwrap_or_default(),
        );
        boot.is_some()
            && part(before, "boot").as_str() == boot.as_deref()
            && *part(seen, "sight") == sight
            && since.saturating_add(needed) <= now + TICKS
    }

    /// The domains whose values a sweep removes.
    fn sweep(&self, sightings: &mut Sightings) -> BTreeSet<DomainKey> {
        let Ok(root) = self.disk.process().root() else {
            panic!("the disk has no root");
        };
        let userdata = Userdata::new(self.host.clone(), FileStore::new(root));
        let mut options = SweepOptions::default();
        (options.grace, options.settle) = (GRACE, SETTLE);
        let mut removed = BTreeSet::new();
        let swept = userdata.sweep(&options, sightings, |told| {
            if let What::Removed(record) = told.what
                && record.kind == Kind::Data
            {
                removed.insert(told.domain);
            }
        });
        assert!(swept.is_ok(), "{swept:?}");
        removed
    }
}

/// A member of an object; null if it has none of this name.
fn part<'v>(object: &'v Value, name: &str) -> &'v Value {
    object.get(name).unwrap_or(&Value::Null)
}

fn owners() -> [DomainKey; 4] {
    [
        key(0, Uuid::nil()),
        key(5, UUID),
        key(6, UUID),
        key(7, UUID),
    ]
}

fn key(domid: u16, uuid: Uuid) -> DomainKey {
    // Invariant: the domids here are small.
    DomainKey::new(Domid::new(domid).unwrap_or(Domid::ZERO), uuid)
}

fn userid() -> Userid {
    Userid::new("xl").unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(document: &[u8]) -> Vec<DomainKey> {
        let Document { mut sightings } = serde_json::from_slice(document).unwrap();
        World::new().sweep(&mut sightings).into_iter().collect()
    }

    #[test]
    fn the_corpus_has_sightings_that_are_old_enough() {
        let boot = World::new().host.boot().unwrap().to_string();
        let old = include_bytes!("../corpus/sightings/old_enough");
        assert!(str::from_utf8(old).unwrap().contains(&boot), "{boot}");
        assert_eq!(removed(old), [key(5, UUID), key(6, UUID)]);
        let young = include_bytes!("../corpus/sightings/not_old_enough");
        assert!(str::from_utf8(young).unwrap().contains(&boot), "{boot}");
        assert_eq!(removed(young), []);
    }
}
