//! Runs one case, from its number to its result.

use std::panic::{AssertUnwindSafe, catch_unwind};

use userdata_sim::interpose::WithoutSyncs;
use userdata_simulate::walk::{
    Action, Broken, CrashWalk, FaultWalk, Faulted, Scene, WalkError, Walked,
};

use crate::case::{Case, Family};
use crate::catalogue::Catalogue;
use crate::coverage::Coverage;
use crate::findings::{Counts, Failure};
use crate::stage::Stage;

/// How many states of one moment of a batch are drawn: its unsynced files leave too many for all.
const STATES_OF_A_BATCH: u128 = 64;

/// The result of one case.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) coverage: Coverage,
    pub(crate) failures: Vec<Failure>,
}

impl Catalogue {
    /// Runs one case. A panic of the code under test is a failure like any other.
    pub(crate) fn perform(&self, case: Case) -> Outcome {
        let run = || match case.family {
            Family::Crash => self.crash_walk(case).map_err(|error| error.to_string()),
            Family::Fault => self
                .fault_walk(case, false)
                .map_err(|error| error.to_string()),
            Family::Pair => self
                .fault_walk(case, true)
                .map_err(|error| error.to_string()),
            Family::Schedule => self.schedules(case),
            Family::History => self.history(case),
        };
        let failed = |why| Outcome {
            failures: vec![Failure::without_picture(self.words(case), why)],
            ..Outcome::default()
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => failed(why),
            Err(panic) => failed(format!("it panicked: {}", reported(&*panic))),
        }
    }

    fn crash_walk(&self, case: Case) -> Result<Outcome, WalkError> {
        let Some((protocol, model)) = self.crash(case.number) else {
            return Ok(Outcome::default());
        };
        let actions = std::slice::from_ref(protocol.action);
        let walk = CrashWalk {
            scene: protocol.scene,
            actions,
            model,
            bug: WithoutSyncs::default(),
            states_max: match protocol.scene.has_barrier() {
                true => STATES_OF_A_BATCH,
                false => u128::MAX,
            },
            seed: 0,
        };
        Ok(of_walk(case, protocol.scene, actions, walk.walk()?))
    }

    fn fault_walk(&self, case: Case, pairs: bool) -> Result<Outcome, WalkError> {
        let protocol = match pairs {
            true => self.durable_protocol(case.number),
            false => self.protocol(case.number),
        };
        let Some(protocol) = protocol else {
            return Ok(Outcome::default());
        };
        let walk = FaultWalk {
            scene: protocol.scene,
            action: protocol.action,
            pairs,
            power_cuts: !pairs,
        };
        let faulted = walk.walk()?;
        let coverage = Coverage::of_faults(protocol.action.kind(), &faulted);
        let Faulted {
            singles,
            pairs,
            failed,
            recovered,
            broken,
            ..
        } = faulted;
        let stage = Stage::new(protocol.scene, std::slice::from_ref(protocol.action));
        Ok(Outcome {
            counts: Counts {
                singles,
                pairs,
                failed,
                recovered,
                ..Counts::default()
            },
            coverage,
            failures: failures(case, &stage, broken),
        })
    }
}

fn of_walk(case: Case, scene: &Scene, actions: &[Action], walked: Walked) -> Outcome {
    let coverage = Coverage::of_walk(&walked);
    let Walked {
        steps,
        kills,
        states,
        recovered,
        broken,
        ..
    } = walked;
    let counts = Counts {
        steps,
        kills,
        states: u64::try_from(states).unwrap_or(u64::MAX),
        recovered,
        ..Counts::default()
    };
    Outcome {
        counts,
        coverage,
        failures: failures(case, &Stage::new(scene, actions), broken),
    }
}

/// The first failure of a case: one bug may break a guarantee in many of its runs.
fn failures(case: Case, stage: &Stage<'_>, broken: Vec<Broken>) -> Vec<Failure> {
    let failure = |broken: Broken| Failure {
        replay: case.to_string(),
        guarantee: broken.guarantee.to_string(),
        picture: stage.play(&broken),
        after: broken.after,
        why: broken.why,
        tree: broken.tree,
    };
    broken.into_iter().take(1).map(failure).collect()
}

impl Failure {
    fn without_picture(replay: String, why: String) -> Self {
        Self {
            replay,
            guarantee: "G6 honest errors".to_owned(),
            after: String::new(),
            why,
            tree: String::new(),
            picture: None,
        }
    }
}

fn reported(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it gave no message")
}
