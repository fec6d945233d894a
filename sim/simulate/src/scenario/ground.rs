//! `Ground`: the host on which a scenario runs, and what the scenario before it left there.

use std::sync::{Arc, Mutex};

use hv_sim::SimHost;
use userdata::sweep::Sightings;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Storage};
use userdata_sim::random::Random;
use userdata_sim::{SimDisk, SimOptions};

use super::{Scenario, ScenarioError, Then};
use crate::history::History;
use crate::schedule::Ending;
use crate::walk::Seen;

/// The host on which a scenario runs.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) disk: SimDisk,
    pub(super) host: SimHost,
    /// What sweeps have seen, as if they kept it in a file that outlives a boot.
    pub(super) sightings: Arc<Mutex<Sightings>>,
    /// What sweeps of this boot report to have seen.
    pub(super) seen: Vec<Seen>,
}

impl Ground {
    /// A host on which nothing has happened.
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            disk: SimDisk::new(options(scenario)),
            host: SimHost::new(scenario.host_options()),
            sightings: Arc::default(),
            seen: Vec::new(),
        }
    }

    /// The same host after a scenario with this end, storage and history.
    pub(super) fn then(
        &self,
        then: &Then,
        end: Ending,
        storage: &Storage,
        history: &History,
    ) -> Result<Self, ScenarioError> {
        let (host, sightings) = (self.host.clone(), Arc::clone(&self.sightings));
        let disk = match then.boots {
            true => {
                host.boot_host().map_err(ScenarioError::Boot)?;
                let left = match end {
                    Ending::PowerCut => cut(storage, then.scenario.seed),
                    _ => storage.killed(),
                };
                SimDisk::boot(left, options(&then.scenario))
            }
            false => self.disk.clone(),
        };
        let seen = match then.boots {
            true => Vec::new(),
            false => self.seen.iter().copied().chain(history.seen()).collect(),
        };
        Ok(Self {
            disk,
            host,
            sightings,
            seen,
        })
    }
}

fn options(scenario: &Scenario) -> SimOptions {
    let mut options = SimOptions::default().with_seed(scenario.seed);
    options.storage.block = scenario.block;
    options.storage.capacity = scenario.capacity;
    options
}

/// A state that a power cut may leave, by any of the models.
fn cut(storage: &Storage, seed: u64) -> Storage {
    let mut random = Random::new(seed);
    let mut heads = || random.draw().is_multiple_of(2);
    let names = match heads() {
        true => NameOrder::Journalled,
        false => NameOrder::Weak,
    };
    let sizes = match heads() {
        true => Sizes::FollowBytes,
        false => Sizes::Vary,
    };
    let states = storage.crash_states(CrashModel { names, sizes });
    let index = states.draw(&mut random);
    states.state(index)
}
