//! `FaultWalk::walk_misled`: the hypervisor does not answer, or answers wrongly.

use hv_sim::Failure;

use super::recovery::Recovery;
use super::{FaultWalk, Faulted, WalkError};
use crate::misanswer::Misanswer;
use userdata_sim::faults::every_fault;

/// Every way in which an answer can be wrong.
const MISANSWERS: [Misanswer; 9] = [
    Misanswer::Fails(Failure::Unavailable),
    Misanswer::Fails(Failure::NotPermitted),
    Misanswer::Fails(Failure::Unsupported),
    Misanswer::Fails(Failure::DeadlinePassed(std::time::Duration::from_secs(1))),
    Misanswer::Fails(Failure::Malformed),
    Misanswer::Fails(Failure::Failed),
    Misanswer::Stale,
    Misanswer::Absent,
    Misanswer::Others,
];

impl FaultWalk<'_> {
    /// Lets the hypervisor answer each question in every wrong way, one at a time; with pairs, each
    /// kind of wrong answer with every later one, and with every fault of the directory.
    ///
    /// # Errors
    ///
    /// [`WalkError`] if the simulated host of the scene can't start.
    pub fn walk_misled(&self) -> Result<Faulted, WalkError> {
        let recovery = Recovery::new(self.scene, self.scene.host()?);
        let mut faulted = Faulted::default();
        let asked = self.run(Vec::new())?.asked;
        for number in 0..asked {
            for misanswer in MISANSWERS {
                let single = self.run_misled(Vec::new(), vec![(number, misanswer)])?;
                faulted.singles += 1;
                self.examine(&single, &recovery, &mut faulted);
            }
            if self.pairs {
                for misanswer in Misanswer::KINDS {
                    self.pair((number, misanswer), &recovery, &mut faulted)?;
                }
            }
        }
        faulted.calls = asked;
        Ok(faulted)
    }

    fn pair(
        &self,
        first: (u64, Misanswer),
        recovery: &Recovery<'_>,
        faulted: &mut Faulted,
    ) -> Result<(), WalkError> {
        let single = self.run_misled(Vec::new(), vec![first])?;
        for number in first.0 + 1..single.asked {
            for misanswer in Misanswer::KINDS {
                let pair = self.run_misled(Vec::new(), vec![first, (number, misanswer)])?;
                faulted.pairs += 1;
                self.examine(&pair, recovery, faulted);
            }
        }
        for fault in every_fault(&single.calls, 0) {
            let pair = self.run_misled(vec![fault], vec![first])?;
            faulted.pairs += 1;
            self.examine(&pair, recovery, faulted);
        }
        Ok(())
    }
}
