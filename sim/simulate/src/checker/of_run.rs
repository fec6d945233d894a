//! Checking what came of a scenario.

use std::time::Duration;

use userdata::UserdataError;

use super::{Checked, Checker, Complaint, CrashCheck, CrashChecked, HostImage, MalformedHistory};
use crate::history::{Event, Response};
use crate::scenario::{Role, Run, Scenario};
use crate::schedule::Ending;
use crate::walk::{Guarantee, boot_name, view_in};
use userdata_sim::crash::CrashModel;

/// How long a call waits at least, so that only processes that wait for each other are too late:
/// runs are much shorter by the simulated clock.
const PATIENCE_MIN: Duration = Duration::from_secs(10);

impl Run {
    /// Checks it against the guarantees, without what came after it.
    ///
    /// # Errors
    ///
    /// [`MalformedHistory`] if its events are not a history.
    pub fn check(&self, scenario: &Scenario) -> Result<Checked, MalformedHistory> {
        let after = HostImage {
            host: self.host.clone(),
            tree: view_in(
                &boot_name(self.host.boots()),
                scenario.format,
                self.storage.tree(),
            ),
        };
        let checker = Checker {
            history: &self.history,
            format: scenario.format,
            before: &self.began,
            seen: &self.seen,
            after: (self.end == Ending::Quiet).then_some(&after),
            storage: Some(&self.storage),
        };
        let mut checked = checker.check()?;
        checked.complaints.extend(self.waits_for_ever(scenario));
        Ok(checked)
    }

    /// A call that waited until its deadline, although no process was disturbed and each had ten
    /// seconds: each waited for the other.
    fn waits_for_ever(&self, scenario: &Scenario) -> Option<Complaint> {
        let is_calm = scenario.processes.iter().all(|process| {
            matches!(process.role, Role::Library | Role::Toolstack)
                && process.faults.is_empty()
                && process.misanswers.is_empty()
                && process.kill.is_none()
                && process.deadline >= PATIENCE_MIN
        });
        if !is_calm {
            return None;
        }
        let events = &self.history.events;
        let is_late = |event: &&Event| match event {
            Event::Responded {
                response: Response::Userdata(report),
                ..
            } => report.failures().into_iter().any(UserdataError::is_busy),
            _ => false,
        };
        events.iter().find(is_late).map(|event| Complaint {
            guarantee: Guarantee::Bounded,
            file: None,
            why: format!("two calls wait for each other until a deadline passes: {event:?}"),
            involved: Vec::new(),
            kept: None,
        })
    }

    /// Cuts the power at its end, in every way of these models or in `states_max` ways that are
    /// drawn by its seed, and checks what is left against the guarantees.
    ///
    /// # Errors
    ///
    /// [`MalformedHistory`] if its events are not a history.
    pub fn check_crashes(
        &self,
        scenario: &Scenario,
        models: &[CrashModel],
        states_max: u128,
    ) -> Result<CrashChecked, MalformedHistory> {
        let check = CrashCheck {
            history: &self.history,
            format: scenario.format,
            before: &self.began,
            storage: &self.storage,
            models,
            states_max,
            seed: scenario.seed,
        };
        check.check()
    }
}
