//! The calls of the facade that walks make on one domain.

use std::time::Duration;

use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Keep};

use super::{Action, Scene, Slot, Waits};

impl Scene {
    /// Calls of the facade on the first domain, once for each content that they may find there.
    #[must_use]
    pub fn protocols(&self, durability: Durability) -> Vec<Action> {
        let domain = self.first();
        let store = |userid, value: &[u8]| Action::Store {
            slot: self.slot(userid),
            value: value.to_vec(),
            durability,
        };
        let update = |userid| Action::Update {
            slot: self.slot(userid),
            value: Self::NEW.to_vec(),
            durability,
        };
        let remove = |userid| Action::Remove {
            slot: self.slot(userid),
            durability,
        };
        let retrieve = |userid| Action::Retrieve {
            slot: self.slot(userid),
        };
        let clear = |keep| Action::Clear {
            domain,
            keep,
            durability,
        };
        let mut all = vec![
            store(Self::ABSENT, Self::NEW),
            store("xl", Self::NEW),
            store("libxl-json", Self::NEW),
            store("xl", b""),
            store(Self::ABSENT, b""),
            update("xl"),
            update(Self::ABSENT),
            remove("xl.backup"),
            remove("libxl-json"),
            remove(Self::ABSENT),
            clear(Keep::Essential),
            clear(Keep::Nothing),
            Action::Destroy { domain, durability },
            Action::DestroyWithError { domain, durability },
            Action::DestroyInVain { domain },
            Action::Import {
                domain,
                values: ["xl", Self::ABSENT]
                    .map(|userid| (self.slot(userid).userid, Self::NEW.to_vec()))
                    .to_vec(),
                durability,
            },
            Action::ImportDamaged { domain },
            // The values that both have are equal.
            Action::Carry {
                from: self.before(),
                to: domain,
                values: self.values_of(self.before()),
                durability,
            },
            retrieve("xl"),
            retrieve(Self::ABSENT),
            Action::List { domain },
        ];
        all.extend(self.imported().map(|slots| Action::Import {
            domain: slots[0].domain,
            values: slots.map(|slot| (slot.userid, Self::NEW.to_vec())).to_vec(),
            durability,
        }));
        // In the seed layout a sweep is refused.
        if self.setting().format != NameFormat::Seed {
            let sweep = |grace, orphans| {
                let waits = Waits::grace(grace);
                Action::Sweep { waits, orphans }
            };
            all.push(sweep(Duration::ZERO, vec![self.before()]));
            all.push(sweep(Self::GRACE, Vec::new()));
        }
        all
    }

    /// Calls that put so many values at once that a file system which can be synced as a whole is
    /// synced by one barrier.
    #[must_use]
    pub fn batches(&self, durability: Durability) -> Vec<Action> {
        // One value of the first domain is replaced. The third domain has none.
        let values = || {
            let userids = ["xl"].into_iter().chain(Self::BATCH);
            userids.map(|userid| (self.slot(userid).userid, Self::NEW.to_vec()))
        };
        let domains = [Some(self.first()), self.third()].into_iter().flatten();
        let imports = domains.map(|domain| Action::Import {
            domain,
            values: values().collect(),
            durability,
        });
        // The last of the domains has the most values, so that one of the others can fail without
        // them.
        let few = [self.first(), self.second()].map(|domain| ("xl", domain));
        let last = self.third().unwrap_or_else(|| self.second());
        let many = Self::BATCH.map(|userid| (userid, last));
        let each = few.into_iter().chain(many).map(|(userid, domain)| {
            let userid = self.slot(userid).userid;
            (Slot { domain, userid }, Self::NEW.to_vec())
        });
        let each = Action::StoreEach {
            values: each.collect(),
            durability,
        };
        imports.chain([each]).collect()
    }
}
