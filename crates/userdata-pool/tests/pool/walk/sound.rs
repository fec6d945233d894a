//! What must hold after each step of the walk.

use std::time::Duration;

use userdata::sweep::{Sightings, SweepOptions};
use userdata_core::Store;
use userdata_pool::Revision;

use super::*;

impl World {
    /// What is stored under each userid.
    pub(super) fn values(&self) -> [Stored; 2] {
        ["agent", "second"].map(|userid| {
            let key = format!("/userdata/1/data/{}/{userid}", uuid());
            let text = self.engine.value(&key)?;
            Some(parsed(&text))
        })
    }

    pub(super) fn turn(&self) -> Option<String> {
        self.engine.value(&turn_key())
    }

    pub(super) fn is_released(&self) -> bool {
        self.turn().is_some_and(|turn| turn.contains(" released "))
    }

    pub(super) fn turn_revision(&self) -> Revision {
        self.engine.revision_of(&turn_key())
    }

    pub(super) fn grave_revision(&self) -> Revision {
        let uuid = uuid().to_string();
        let grave = format!("/userdata/1/grave/{}", &uuid[34..]);
        self.engine.revision_of(&grave)
    }

    pub(super) fn is_marked(&self) -> bool {
        let mark = format!("/userdata/1/mark/{}", uuid());
        self.engine.value(&mark).is_some()
    }

    /// The host that the turn names.
    pub(super) fn home_host(&self) -> Option<usize> {
        let turn = self.turn()?;
        let (_, rest) = turn.split_once("host=")?;
        let (name, _) = rest.split_once(' ')?;
        NAMES.iter().position(|known| *known == name)
    }

    pub(super) fn check(&self) {
        let values = self.values();
        let has = |domain: &Domain, value: Stored| {
            value.is_some_and(|(guest, _)| {
                guest == domain.guest || self.adopted == Some((guest, domain.guest))
            })
        };
        let turn = self.turn();
        for domain in &self.domains {
            let host = self.host(domain.host);
            let found = host.xen.domain(domain.key.domid).unwrap().unwrap();
            if !found.runs() {
                continue;
            }
            let settled = turn.as_ref().is_some_and(|turn| !turn.contains(" to="));
            let acknowledged = self.acknowledged[usize::from(domain.guest)];
            let all = userids().into_iter().zip(values).zip(acknowledged);
            for ((userid, value), acknowledged) in all {
                let is_newer = value.is_some_and(|(_, number)| number >= acknowledged);
                assert!(
                    acknowledged == 0 || has(domain, value) && is_newer,
                    "an acknowledged value is lost: {self}"
                );
                match host.pool.get(&domain.key, userid.as_userid()) {
                    Ok(None) => {
                        assert!(acknowledged == 0, "a guest is told it has no data: {self}");
                    }
                    Ok(Some(_)) if settled => {
                        assert!(has(domain, value), "a guest has another's data: {self}");
                    }
                    _ => {}
                }
            }
        }
        self.check_home(turn.as_deref());
        let is_quiet = self.migration.is_none() && self.engine.under_way() == 0;
        if self.domains.is_empty() && is_quiet && !self.is_marked() {
            self.check_swept();
        }
    }

    /// A domain that lives stays the home until another claims or adopts.
    fn check_home(&self, turn: Option<&str>) {
        let Some(home) = &self.home else { return };
        let domid = format!(" domid={} ", home.key.domid);
        let is_home = turn.is_some_and(|turn| {
            self.home_host() == Some(home.host)
                && turn.contains(&domid)
                && !turn.contains(" released ")
        });
        assert!(
            is_home || !self.domains.contains(home),
            "a living domain is not the home any more: {self}"
        );
    }

    fn check_swept(&self) {
        let mut quiet = self.copy();
        quiet.engine.make_room();
        for number in 0..quiet.hosts.len() {
            quiet.join(number);
        }
        for _ in 0..2 {
            for number in 0..quiet.hosts.len() {
                let host = quiet.host(number);
                sweep(&host);
                sweep_unclaimed(&host);
            }
        }
        let keys = quiet.engine.keys();
        let left = |key: &String| key.contains("/data/") || key.contains("/turn/");
        assert!(!keys.iter().any(left), "sweeps leave {keys:?}: {self}");
    }
}

/// What this value says: the guest, and the number of the store.
pub(super) fn parsed(text: &str) -> (u8, u32) {
    let (guest, number) = text.split_once(':').unwrap();
    (guest.parse().unwrap(), number.parse().unwrap())
}

fn turn_key() -> String {
    format!("/userdata/1/turn/{}", uuid())
}

pub(super) fn sweep(host: &Host) {
    let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
    host.facade.sweep(&options, &mut sightings, |_| {}).unwrap();
}

/// A sweep that has seen all unclaimed data for as long as the grace.
pub(super) fn sweep_unclaimed(host: &Host) {
    let mut seen = |_, _| Duration::from_secs(1);
    let (pool, xen) = (&host.pool, &host.xen);
    pool.sweep_unclaimed(xen, Duration::ZERO, false, &mut seen, &mut |_| {})
        .unwrap();
}
