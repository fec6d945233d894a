//! Faults: an action, and failures of its calls.

use arbitrary::{Arbitrary, Unstructured};
use userdata_simulate::walk::FaultWalk;

use crate::walks::{Deed, Place};

/// The most faults in a run.
const FAULTS_MAX: usize = 6;

#[derive(Arbitrary, Debug)]
struct Struck {
    place: Place,
    power_cuts: bool,
    deed: Deed,
    choices: Vec<u16>,
}

/// Whatever fails, the result of a call describes the state of the store.
pub fn faults(data: &[u8]) {
    let Ok(struck) = Struck::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let scene = struck.place.scene();
    let action = struck.deed.action(&scene);
    let walk = FaultWalk {
        scene: &scene,
        action: &action,
        pairs: false,
        power_cuts: struck.power_cuts,
    };
    let choices: Vec<usize> = struck
        .choices
        .iter()
        .take(FAULTS_MAX)
        .map(|choice| usize::from(*choice))
        .collect();
    match walk.strike(&choices) {
        Ok(faulted) => {
            if let Some(broken) = faulted.broken.first() {
                panic!("{broken}");
            }
        }
        Err(error) => panic!("the walk did not begin: {error}"),
    }
}
