//! What must hold after each step of the walk.

use std::time::Duration;

use userdata::sweep::{Sightings, SweepOptions};
use userdata_core::Store;
use userdata_pool::Revision;

use super::*;

impl World {
    /// The guest whose data is stored, and the number of the store.
    pub(super) fn data(&self) -> Option<(u8, u32)> {
        let key = format!("/userdata/1/data/{}/agent", uuid());
        let text = self.engine.value(&key)?;
        let (guest, number) = text.split_once(':')?;
        Some((guest.parse().ok()?, number.parse().ok()?))
    }

    pub(super) fn turn(&self) -> Option<String> {
        self.engine.value(&turn_key())
    }

    pub(super) fn turn_revision(&self) -> Revision {
        self.engine.revision_of(&turn_key())
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
        let (guest, number) = self.data().unzip();
        let number = number.unwrap_or(0);
        let has = |domain: &Domain| {
            let adopted = self.adopted.is_some() && self.adopted == guest.zip(Some(domain.guest));
            guest == Some(domain.guest) || adopted
        };
        let turn = self.turn();
        for domain in &self.domains {
            let host = self.host(domain.host);
            let found = host.xen.domain(domain.key.domid).unwrap().unwrap();
            if !found.runs() {
                continue;
            }
            let acknowledged = self.acknowledged[usize::from(domain.guest)];
            let kept = has(domain) && number >= acknowledged;
            assert!(
                acknowledged == 0 || kept,
                "an acknowledged value is lost: {self}"
            );
            let settled = turn.as_ref().is_some_and(|turn| !turn.contains(" to="));
            match host.pool.get(&domain.key, agent().as_userid()) {
                Ok(None) => assert!(acknowledged == 0, "a guest is told it has no data: {self}"),
                Ok(Some(_)) if settled => {
                    assert!(has(domain), "a guest has another's data: {self}");
                }
                _ => {}
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
