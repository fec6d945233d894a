//! `Catalogue`: the exhaustive cases, each with its number.

use std::num::NonZeroUsize;
use std::str::FromStr;

use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_fs::Promises;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_simulate::scenario::{Mix, MixError};
use userdata_simulate::walk::{Action, Scene, Setting, WalkError};

use crate::case::{Case, Family};
use crate::small::{self, Small};

/// Every protocol of one process, under every layout and durability, and on a full tmpfs; and last,
/// batches of values on a file system that is synced by one barrier.
#[derive(Debug)]
pub(crate) struct Catalogue {
    scenes: Vec<Scene>,
    /// Each with the number of its scene.
    protocols: Vec<(usize, Action)>,
    small: Vec<Small>,
    pub(crate) mix: NamedMix,
}

/// What histories are made of, and how the command line gave it.
#[derive(Clone, Debug)]
pub(crate) struct NamedMix {
    pub(crate) mix: Mix,
    words: String,
}

impl FromStr for NamedMix {
    type Err = MixError;

    fn from_str(words: &str) -> Result<Self, MixError> {
        Ok(Self {
            mix: words.parse()?,
            words: words.to_owned(),
        })
    }
}

/// What one process does, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) action: &'a Action,
}

const DURABILITIES: [Durability; 3] = [Durability::Process, Durability::File, Durability::Full];

/// The models of a power cut, the mildest first; the last one includes the others.
pub(crate) const MODELS: [CrashModel; 4] = [
    model(NameOrder::Journalled, Sizes::FollowBytes),
    model(NameOrder::Journalled, Sizes::Vary),
    model(NameOrder::Weak, Sizes::FollowBytes),
    model(NameOrder::Weak, Sizes::Vary),
];

const fn model(names: NameOrder, sizes: Sizes) -> CrashModel {
    CrashModel { names, sizes }
}

/// The size of a block: a file reaches the disk in blocks of three bytes.
pub(crate) const BLOCK: Option<NonZeroUsize> = NonZeroUsize::new(3);

impl Catalogue {
    pub(crate) fn new(mix: NamedMix) -> Result<Self, WalkError> {
        let settings = [
            (NameFormat::Libxl, false),
            (NameFormat::Seed, false),
            (NameFormat::Libxl, true),
            (NameFormat::Tree, false),
            (NameFormat::Tree, true),
        ];
        let scene = |(format, full)| {
            Scene::new(Setting {
                format,
                block: BLOCK,
                full,
            })
        };
        let mut scenes = settings
            .into_iter()
            .map(scene)
            .collect::<Result<Vec<_>, _>>()?;
        for format in [NameFormat::Libxl, NameFormat::Tree] {
            scenes.push(scene((format, false))?.with_promises(Promises::ALL, true));
        }
        let of_scene = |(number, scene): (usize, &Scene)| {
            let mut protocols: Vec<(usize, Action)> = Vec::new();
            for durability in DURABILITIES {
                let actions = match scene.has_barrier() {
                    true => scene.batches(durability),
                    false => scene.protocols(durability),
                };
                // Those that have no durability are the same each time.
                for action in actions {
                    let protocol = (number, action);
                    if !protocols.contains(&protocol) {
                        protocols.push(protocol);
                    }
                }
            }
            protocols
        };
        let protocols = scenes.iter().enumerate().flat_map(of_scene).collect();
        Ok(Self {
            scenes,
            protocols,
            small: small::all(),
            mix,
        })
    }

    /// How many cases a family has; `None` if there is one for every seed.
    pub(crate) fn count(&self, family: Family) -> Option<u64> {
        let protocols = self.protocols.len() as u64;
        match family {
            Family::Crash => Some(protocols * MODELS.len() as u64),
            Family::Fault => Some(protocols),
            Family::Pair => Some(self.durable().count() as u64),
            Family::Schedule => Some(self.small.len() as u64),
            Family::History => None,
        }
    }

    /// A protocol and a model, by the number of a crash case.
    pub(crate) fn crash(&self, number: u64) -> Option<(Protocol<'_>, CrashModel)> {
        let models = MODELS.len() as u64;
        let model = MODELS.get(usize::try_from(number % models).ok()?)?;
        Some((self.protocol(number / models)?, *model))
    }

    /// A protocol, by its number.
    pub(crate) fn protocol(&self, number: u64) -> Option<Protocol<'_>> {
        let (scene, action) = self.protocols.get(usize::try_from(number).ok()?)?;
        Some(Protocol {
            scene: self.scenes.get(*scene)?,
            action,
        })
    }

    /// A protocol by the number of a pair case: at the other durabilities fewer calls are made, and
    /// single faults show what differs. A batch makes too many calls for pairs.
    pub(crate) fn durable_protocol(&self, number: u64) -> Option<Protocol<'_>> {
        self.durable().nth(usize::try_from(number).ok()?)
    }

    fn durable(&self) -> impl Iterator<Item = Protocol<'_>> {
        let protocols = (0..self.protocols.len() as u64).filter_map(|number| self.protocol(number));
        protocols.filter(|protocol| {
            let other = [Durability::File, Durability::Process];
            let is_sweep = matches!(protocol.action, Action::Sweep { .. });
            let is_durable = is_sweep || !other.contains(&protocol.action.durability());
            is_durable && !protocol.scene.has_barrier()
        })
    }

    /// A small scenario, by its number.
    pub(crate) fn small(&self, number: u64) -> Option<&Small> {
        self.small.get(usize::try_from(number).ok()?)
    }

    /// The arguments that replay a case.
    pub(crate) fn words(&self, case: Case) -> String {
        match case.family {
            Family::History => format!("{case} --mix {}", self.mix.words),
            _ => case.to_string(),
        }
    }
}
