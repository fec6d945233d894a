//! A host that boots in the middle of a scenario.

use hv_sim::Failure;
use userdata_core::{DomainKey, Domid, Uuid};

use super::super::{Process, Role, Scenario, Then};
use super::{Draw, STEPS_PER_TASK};
use crate::actor::{Request, Task, Whose};
use crate::misanswer::Misanswer;

impl Draw {
    /// Lets the host boot in the middle of a scenario: the first half of the tasks is done before,
    /// the second half afterwards, mostly for domains with the same domids and uuids. Between them,
    /// mostly, comes the sweep that is part of a boot.
    pub(super) fn reboot(&mut self, scenario: &mut Scenario) {
        let mut after = scenario.clone();
        for (before, after) in scenario.processes.iter_mut().zip(&mut after.processes) {
            after.tasks = before.tasks.split_off(before.tasks.len() / 2);
            // Faults and kills are counted from the beginning of a process.
            after.faults.truncate(after.faults.len() / 2);
            after.kill = before.kill.filter(|_| self.one_in(2));
        }
        after.power_cut = None;
        after.seed = self.random.draw();
        if self.one_in(4) {
            after.domains = self.domains();
        }
        // There are half as many tasks.
        scenario.power_cut = scenario.power_cut.map(|step| step / 2);
        if scenario.power_cut.is_none() {
            match self.below(4) {
                // All tasks are done.
                0 => {}
                1 => scenario.power_cut = Some(self.moment() / 2),
                _ => scenario.reset = Some(self.moment() / 2),
            }
        }
        let mut then = Then {
            boots: true,
            scenario: after,
        };
        if !self.one_in(3) {
            let mut sweep = Scenario::new([]);
            sweep.seed = self.random.draw();
            (sweep.block, sweep.reports_dying) = (scenario.block, scenario.reports_dying);
            sweep.format = scenario.format;
            sweep.processes = vec![self.boot_sweep()];
            then.boots = false;
            sweep.then = Some(Box::new(then));
            then = Then {
                boots: true,
                scenario: sweep,
            };
        }
        scenario.then = Some(Box::new(then));
    }

    /// The sweep before the first domain of a boot. It may fail and be killed, but the hypervisor
    /// says nothing wrong: it would say it of the boot before.
    fn boot_sweep(&mut self) -> Process {
        let tasks = [Task::Userdata(
            Whose::Exactly(DomainKey::new(Domid::ZERO, Uuid::nil())),
            Request::Sweep(self.waits()),
        )];
        let mut process = Process::new(Role::Library, tasks);
        let length = 10 * STEPS_PER_TASK;
        process.kill = self.one_in(16).then(|| self.below(length));
        if self.one_in(8) {
            process.faults.extend(self.fault(length));
        }
        if self.one_in(16) {
            let number = self.below(length / 5);
            let fails = Misanswer::Fails(Failure::Unavailable);
            process.misanswers.push((number, fails));
        }
        process
    }
}
