//! The parts of a walk that the input chooses: its scene and its actions.

use std::num::NonZeroUsize;

use arbitrary::Arbitrary;
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Keep};
use userdata_simulate::walk::{Action, Scene, Setting, Slot};

/// The longest value: four blocks of the smallest size, or one of the largest.
const VALUE_MAX: usize = 16;

/// The scene of a walk.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Place {
    seed_format: bool,
    block: u8,
}

/// A call of the facade on the first domain.
#[derive(Arbitrary, Debug)]
pub(crate) enum Act {
    Store(Userid, Vec<u8>, Wanted),
    Update(Userid, Vec<u8>, Wanted),
    Remove(Userid, Wanted),
    Clear { essential: bool, wanted: Wanted },
    Destroy(Wanted),
    DestroyInVain,
    Retrieve(Userid),
    List,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Userid {
    Xl,
    Backup,
    LibxlJson,
    Absent,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Process,
    File,
    Full,
}

impl Place {
    pub(crate) fn scene(self) -> Scene {
        let format = match self.seed_format {
            true => NameFormat::Seed,
            false => NameFormat::Libxl,
        };
        let block = NonZeroUsize::new(4 << (self.block % 3));
        match Scene::new(Setting {
            format,
            block,
            full: false,
        }) {
            Ok(scene) => scene,
            Err(errno) => panic!("there is no scene: {errno:?}"),
        }
    }
}

impl Act {
    pub(crate) fn action(&self, scene: &Scene) -> Action {
        let domain = scene.first();
        match self {
            Self::Store(userid, value, wanted) => Action::Store {
                slot: userid.slot(scene),
                value: cut(value),
                durability: wanted.durability(),
            },
            Self::Update(userid, value, wanted) => Action::Update {
                slot: userid.slot(scene),
                value: cut(value),
                durability: wanted.durability(),
            },
            Self::Remove(userid, wanted) => Action::Remove {
                slot: userid.slot(scene),
                durability: wanted.durability(),
            },
            Self::Clear { essential, wanted } => Action::Clear {
                domain,
                keep: match essential {
                    true => Keep::Essential,
                    false => Keep::Nothing,
                },
                durability: wanted.durability(),
            },
            Self::Destroy(wanted) => Action::Destroy {
                domain,
                durability: wanted.durability(),
            },
            Self::DestroyInVain => Action::DestroyInVain { domain },
            Self::Retrieve(userid) => Action::Retrieve {
                slot: userid.slot(scene),
            },
            Self::List => Action::List { domain },
        }
    }
}

impl Userid {
    fn slot(self, scene: &Scene) -> Slot {
        let [xl, backup, libxl_json] = Scene::USERIDS;
        scene.slot(match self {
            Self::Xl => xl,
            Self::Backup => backup,
            Self::LibxlJson => libxl_json,
            Self::Absent => Scene::ABSENT,
        })
    }
}

impl Wanted {
    fn durability(self) -> Durability {
        match self {
            Self::Process => Durability::Process,
            Self::File => Durability::File,
            Self::Full => Durability::Full,
        }
    }
}

fn cut(value: &[u8]) -> Vec<u8> {
    value.iter().copied().take(VALUE_MAX).collect()
}
