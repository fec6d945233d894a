//! What must hold after each step of the walk.

use super::*;

impl World {
    /// The guest whose data is stored, and the number of the store.
    pub(super) fn data(&self) -> Option<(u8, u32)> {
        let key = format!("/userdata/1/data/{}/agent", uuid());
        let text = self.engine.value(&key)?;
        let (guest, number) = text.split_once(':')?;
        Some((guest.parse().ok()?, number.parse().ok()?))
    }

    pub(super) fn check(&self) {
        let (guest, number) = self.data().unzip();
        let number = number.unwrap_or(0);
        let has = |domain: &Domain| {
            let adopted = self.adopted.is_some() && self.adopted == guest.zip(Some(domain.guest));
            guest == Some(domain.guest) || adopted
        };
        let turn = self.engine.value(&format!("/userdata/1/turn/{}", uuid()));
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
        if self.domains.is_empty() && self.migration.is_none() && self.engine.under_way() == 0 {
            let mut quiet = self.copy();
            for number in 0..2 {
                quiet.join(number);
            }
            for _ in 0..2 {
                for number in 0..2 {
                    quiet.on(number, |host| {
                        sweep(host);
                        let mut seen = |_, _| Duration::from_secs(1);
                        host.pool
                            .sweep_unclaimed(
                                &host.xen,
                                Duration::ZERO,
                                false,
                                &mut seen,
                                &mut |_| {},
                            )
                            .unwrap();
                    });
                }
            }
            let keys = quiet.engine.keys();
            let left = |key: &String| key.contains("/data/") || key.contains("/turn/");
            assert!(!keys.iter().any(left), "sweeps leave {keys:?}: {self}");
        }
    }
}

pub(super) fn sweep(host: &Host) {
    let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
    host.facade.sweep(&options, &mut sightings, |_| {}).unwrap();
}
