//! What happens beside a destroy, and what becomes of its own changes.

use std::time::Duration;

use super::*;

impl Closing {
    /// What happens before the destroy goes on.
    pub(super) fn beside(&mut self) {
        loop {
            let steps = self.steps();
            let Some(choice) = self.choose("step", steps.len() + 1).checked_sub(1) else {
                return;
            };
            let (step, late) = &steps[choice];
            self.happens(step, *late);
        }
    }

    /// What happens behind a read of the destroy, before it acts on what it has read.
    pub(super) fn behind_a_read(&mut self) {
        if self.world.left.behind_reads == 0 {
            return;
        }
        self.send();
        self.looks.push(self.look());
        while self.world.left.behind_reads > 0 {
            let mut steps = self.steps();
            // A finish releases as a sweep does, and a cancel moves the turn as a store does.
            steps.retain(|(step, _)| !matches!(step, Step::Cancel | Step::Finish));
            let Some(choice) = self.choose("read", steps.len() + 1).checked_sub(1) else {
                return;
            };
            let (step, late) = &steps[choice];
            if !matches!(step, Step::LoseMark) {
                self.world.left.behind_reads -= 1;
            }
            self.world.trace.push("behind a read:".to_owned());
            self.happens(step, *late);
        }
    }

    fn happens(&mut self, step: &Step, late: bool) {
        self.is_lost |= matches!(step, Step::LoseMark);
        let (was_marked, before) = (self.world.is_marked(), self.world.values());
        self.world.step(step, late);
        if self.chosen == self.script.len() {
            // The steps before it were checked with the script that ended there.
            self.world.check();
        }
        let (is_marked, after) = (self.world.is_marked(), self.world.values());
        let is_empty = after.iter().all(Option::is_none);
        let stays = after == before || is_empty || !self.is_home();
        assert!(
            stays || !was_marked || !is_marked,
            "a mark admits a store: {}",
            self.world
        );
        self.owed = match self.is_home() {
            true => self.world.acknowledged[usize::from(self.domain.guest)],
            // Another domain has claimed the data.
            false => [0; 2],
        };
        self.plan();
    }

    /// The steps that are tried beside the destroy.
    fn steps(&self) -> Vec<(Step, bool)> {
        let mut steps = self.world.steps();
        steps.retain(|(step, _)| {
            matches!(
                step,
                Step::Create(_)
                    | Step::Store(..)
                    | Step::Claim(_)
                    | Step::Cancel
                    | Step::Finish
                    | Step::Sweep(_)
                    | Step::SweepUnclaimed(_)
                    | Step::Deliver(_)
            )
        });
        if self.world.left.lost_marks > 0 && self.world.is_marked() {
            steps.push((Step::LoseMark, false));
        }
        steps
    }

    /// The timeout of a destroy whose mark or clear may arrive late: it ends without an answer, or
    /// waits long enough to make the change a second time.
    pub(super) fn patience(&mut self) -> Option<Duration> {
        if self.world.left.late_closings == 0 {
            return None;
        }
        let patience = match self.choose("patience", 2) {
            0 => WAIT,
            _ => 2 * WAIT,
        };
        self.may_leave("mark");
        Some(patience)
    }

    /// The next change of the destroy itself may leave its host and arrive late.
    pub(super) fn may_leave(&mut self, what: &str) {
        if self.world.left.late_closings > 0 {
            self.is_late = self.choose(what, 2) == 1;
            self.plan();
        }
    }

    fn plan(&self) {
        let fault = self.is_late.then_some(Some(Fault::Delayed));
        self.world.engine.plan(fault);
    }

    /// Notes a change of the destroy itself that is on its way.
    pub(super) fn send(&mut self) {
        if self.world.engine.under_way() > self.world.sent.len() {
            self.world.left.late_closings -= 1;
            self.is_late = false;
            self.world.trace.push("a change of it leaves late".into());
            self.world.send_of_destroy(self.domain.host);
        }
    }
}
