//! Checking what came of a scenario.

use hv_sim::HostState;
use userdata_core::file_name::NameFormat;

use super::{Checked, Checker, CrashCheck, CrashChecked, HostImage, MalformedHistory};
use crate::scenario::{Run, Scenario};
use crate::schedule::Ending;
use userdata_sim::crash::{CrashModel, Tree};

impl HostImage {
    /// The host of a scenario before anything happens to it.
    #[must_use]
    pub fn before(scenario: &Scenario) -> Self {
        Self {
            host: HostState::new(scenario.host_options()),
            tree: Tree::default(),
        }
    }
}

impl Run {
    /// Checks it against the guarantees.
    ///
    /// # Errors
    ///
    /// [`MalformedHistory`] if its events are not a history.
    pub fn check(&self, scenario: &Scenario) -> Result<Checked, MalformedHistory> {
        let before = HostImage::before(scenario);
        let after = HostImage {
            host: self.host.clone(),
            tree: self.storage.tree(),
        };
        let checker = Checker {
            history: &self.history,
            format: NameFormat::Libxl,
            before: &before,
            after: (self.end == Ending::Quiet).then_some(&after),
            storage: Some(&self.storage),
        };
        checker.check()
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
            format: NameFormat::Libxl,
            before: &HostImage::before(scenario),
            storage: &self.storage,
            models,
            states_max,
            seed: scenario.seed,
        };
        check.check()
    }
}
