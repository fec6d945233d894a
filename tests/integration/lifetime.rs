//! The facade on a simulated host: data lives exactly as long as its domain, whatever happens.

use std::collections::BTreeMap;

use hv_sim::{Event, EventError, HostOptions, SimHost, Until};
use proptest::prelude::*;
use userdata::{Outcome, Userdata, UserdataErrorKind};
use userdata_core::store::Durability;
use userdata_core::{DomainKey, Domid, Hypervisor as _, Life, Userid, WritableUserid};
use userdata_fs::FileStore;
use userdata_sim::{SimDirectory, SimDisk, SimOptions};
use userdata_testkit::strategies;

/// A step: an event on the host, or a call of the facade. A domain is named by its place among the
/// existing ones.
#[derive(Clone, Debug)]
enum Step {
    Happen(Event),
    Store(usize, WritableUserid, Vec<u8>),
    Remove(usize, WritableUserid),
    Destroy(usize, Until),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..6_usize;
    let until = proptest::sample::select(&[Until::Dead, Until::Gone][..]);
    prop_oneof![
        4 => strategies::event().prop_map(Step::Happen),
        4 => (which.clone(), strategies::writable_userids(), strategies::values())
            .prop_map(|(which, userid, data)| Step::Store(which, userid, data)),
        1 => (which.clone(), strategies::writable_userids())
            .prop_map(|(which, userid)| Step::Remove(which, userid)),
        3 => (which, until).prop_map(|(which, until)| Step::Destroy(which, until)),
    ]
}

/// Whether an event ends a domain, or changes the name of its data, without the facade. Data then
/// stays.
fn is_beyond_the_facade(event: &Event) -> bool {
    matches!(
        event,
        Event::Destroy {
            until: Until::Dead | Until::Gone,
            ..
        } | Event::Reboot { .. }
            | Event::MigrateEnd { .. }
            | Event::SetUuid { .. }
            | Event::Unpin { .. }
            | Event::Hide { .. }
            | Event::BootHost
    )
}

struct World {
    host: SimHost,
    userdata: Userdata<SimHost, FileStore<SimDirectory>>,
    /// The values that must be stored.
    model: BTreeMap<(DomainKey, Userid), Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let (host, disk) = (
            SimHost::new(HostOptions::new(7)),
            SimDisk::new(SimOptions::default()),
        );
        let store = FileStore::new(disk.process().root().unwrap());
        let userdata = Userdata::new(host.clone(), store).with_durability(Durability::Process);
        Self {
            host,
            userdata,
            model: BTreeMap::new(),
        }
    }

    fn domain(&self, which: usize) -> Option<(DomainKey, Life, bool)> {
        let domains = self.host.domains().unwrap();
        let domain = domains.get(which)?;
        let leaving = self.host.leaving(&domain.key).unwrap();
        Some((domain.key, domain.life, leaving))
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Happen(event) if is_beyond_the_facade(event) => {}
            Step::Happen(event) => {
                // Impossible events are skipped.
                let _ = self.host.apply(event);
            }
            Step::Store(which, userid, data) => self.store(*which, userid, data),
            Step::Remove(which, userid) => self.remove(*which, userid),
            Step::Destroy(which, until) => self.destroy(*which, *until),
        }
    }

    fn store(&mut self, which: usize, userid: &WritableUserid, data: &[u8]) {
        let Some((key, life, leaving)) = self.domain(which) else {
            return;
        };
        let stored = self.userdata.store(key, userid, data);
        match (
            life,
            leaving,
            stored.as_ref().map_err(userdata::UserdataError::kind),
        ) {
            (Life::Alive, false, Ok(Outcome::Stored { .. })) => {
                self.model
                    .insert((key, userid.clone().into()), data.to_vec());
            }
            (Life::Alive, true, Err(UserdataErrorKind::BeingDestroyed))
            | (Life::Dying, _, Err(UserdataErrorKind::BeingDestroyed))
            | (Life::Dead, _, Err(UserdataErrorKind::NoSuchDomain)) => {}
            (life, leaving, other) => panic!("{key}, {life}, leaving {leaving}: {other:?}"),
        }
    }

    fn remove(&mut self, which: usize, userid: &WritableUserid) {
        let Some((key, life, _)) = self.domain(which) else {
            return;
        };
        let was = self.model.remove(&(key, userid.clone().into()));
        let removed = self.userdata.remove(key, userid);
        match (
            life,
            was,
            removed.as_ref().map_err(userdata::UserdataError::kind),
        ) {
            (Life::Dead, None, Err(UserdataErrorKind::NoSuchDomain))
            | (_, Some(_), Ok(Outcome::Removed { .. }))
            | (_, None, Ok(Outcome::NothingToRemove)) => {}
            (life, was, other) => panic!("{key}, {life}, {was:?}: {other:?}"),
        }
    }

    /// A toolstack's destroy. At every stage another client tries to store.
    fn destroy(&mut self, which: usize, until: Until) {
        let Some((key, life, _)) = self.domain(which) else {
            return;
        };
        let (host, userdata) = (self.host.clone(), self.userdata.clone());
        let late = WritableUserid::new("late").unwrap();
        let destroyed = self.userdata.destroy(key, |key| -> Result<(), EventError> {
            for until in [Until::Leaving, Until::Dying, until] {
                let stored = userdata.store(*key, &late, b"too late");
                assert!(stored.is_err(), "a store succeeds before {until:?}");
                match host.destroy_until(key.domid, until) {
                    // The domain was further already.
                    Err(EventError::WrongPhase { .. }) => {}
                    other => other?,
                }
            }
            Ok(())
        });
        match (key.domid, life, &destroyed) {
            // Domain 0 and dead domains can't be destroyed.
            (Domid::ZERO, _, Err(userdata::DestroyError::Failed { problems, .. })) => {
                assert!(problems.is_empty(), "{problems:?}");
            }
            (_, Life::Dead, Err(userdata::DestroyError::NotStarted(_))) => {}
            (_, _, Ok(destroyed)) => {
                assert!(destroyed.problems.is_empty(), "{:?}", destroyed.problems);
                self.model.retain(|(owner, _), _| *owner != key);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Panics unless the store has exactly the values that it must have, and all of them belong to
    /// existing domains.
    fn check(&self) {
        let mut stored = BTreeMap::new();
        let scanned = self.userdata.scan(|record| {
            assert_eq!(record.kind, userdata::file_name::Kind::Data, "{record:?}");
            let key = record.owner.key().unwrap();
            let value = self
                .userdata
                .retrieve(key, &record.entry.userid)
                .unwrap()
                .unwrap();
            stored.insert((key, record.entry.userid), value.into_bytes());
            std::ops::ControlFlow::Continue(())
        });
        scanned.unwrap();
        assert_eq!(stored, self.model);
        for (key, userid) in stored.keys() {
            let domain = self.host.domain(key.domid).unwrap();
            assert_eq!(
                domain.map(|domain| domain.key),
                Some(*key),
                "{userid} is forbidden"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_data_outlives_a_domain_destroyed_through_the_facade(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
    }
}
