//! Everything that one process can do to one domain.

use userdata_core::store::{Durability, Keep};

use super::{Action, Scene};

impl Scene {
    /// Every call of the facade on the first domain, once for each content that it may find there.
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
        vec![
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
            retrieve("xl"),
            retrieve(Self::ABSENT),
            Action::List { domain },
        ]
    }
}
