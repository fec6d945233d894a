//! Everything that one process can do to one domain.

use userdata_core::{Clear, Durability};

use super::{Action, Scene};

impl Scene {
    /// Every call of the facade on the first domain, once for each thing that it may meet there.
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
        let destroy_all = |what| Action::DestroyAll {
            domain,
            what,
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
            destroy_all(Clear::Spare),
            destroy_all(Clear::Everything),
            Action::Destroy { domain, durability },
            Action::DestroyInVain { domain },
            retrieve("xl"),
            retrieve(Self::ABSENT),
            Action::List { domain },
        ]
    }
}
