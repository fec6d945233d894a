//! Which steps a world offers.

use super::*;

impl World {
    /// The steps, and whether each leaves its host and arrives late.
    pub(super) fn steps(&self) -> Vec<(Step, bool)> {
        let mut steps = Vec::new();
        self.of_guests(&mut steps);
        self.of_the_move(&mut steps);
        self.by_hand(&mut steps);
        let members = (0..self.hosts.len()).filter(|number| self.members[*number]);
        for number in members {
            steps.push(Step::Sweep(number));
            if self.is_released_to(number) {
                steps.push(Step::SweepUnclaimed(number));
            }
        }
        if self.engine.is_full() {
            steps.push(Step::MakeRoom);
        } else if self.left.fills > 0 {
            steps.push(Step::Fill);
        }
        if self.left.crashes > 0 {
            steps.extend((0..self.hosts.len()).map(Step::Crash));
        }
        steps.extend((0..self.engine.under_way()).map(Step::Deliver));
        // Hosts without a part in anything are alike, so the first of them stands for all.
        steps.retain(|step| self.part(step).is_none_or(|host| host <= self.used));
        let both = |step: Step| match self.may_be_late(&step) {
            true => vec![(step.clone(), false), (step, true)],
            false => vec![(step, false)],
        };
        steps.into_iter().flat_map(both).collect()
    }

    /// The host that gets a part by this step. A sweep of a host without one finds nothing.
    pub(super) fn part(&self, step: &Step) -> Option<usize> {
        match *step {
            Step::Create(host)
            | Step::Clone(host)
            | Step::Begin(_, host)
            | Step::Crash(host)
            | Step::Forget(host) => Some(host),
            Step::Discard => self.some_member().filter(|_| self.turn().is_some()),
            _ => None,
        }
    }

    fn of_guests(&self, steps: &mut Vec<Step>) {
        let left = self.left;
        if left.guests > 0 && self.domains.is_empty() && self.migration.is_none() {
            steps.extend((0..self.hosts.len()).map(Step::Create));
        }
        let alone = self.domains.len() == 1 && self.migration.is_none();
        for (place, domain) in self.domains.iter().enumerate() {
            for host in (0..self.hosts.len()).filter(|_| alone) {
                let is_own = host == domain.host;
                if !is_own && left.clones > 0 {
                    steps.push(Step::Clone(host));
                }
                if is_own && left.local_moves > 0 || !is_own && left.moves > 0 {
                    steps.push(Step::Begin(place, host));
                }
            }
            if self.migration.is_none() {
                steps.push(Step::Destroy(place));
            }
            if left.stores > 0 {
                let userids = if left.second > 0 { 0..2 } else { 0..1 };
                steps.extend(userids.map(|userid| Step::Store(place, userid)));
            }
            let moved = self.moved.as_ref();
            if moved.is_some_and(|moved| moved.guest == domain.guest && moved != domain) {
                steps.push(Step::Claim(place));
            }
        }
    }

    fn of_the_move(&self, steps: &mut Vec<Step>) {
        if let Some(migration) = &self.migration {
            match (&migration.arrived, migration.switched) {
                (None, _) => steps.extend([Step::Copied, Step::Fails]),
                (Some(_), false) => steps.extend([Step::Switched, Step::Fails]),
                (Some(_), true) => steps.push(Step::SourceGone),
            }
            if !migration.renamed && self.left.renames > 0 {
                steps.push(Step::Renamed);
            }
        }
        if self.moved.is_some() {
            steps.push(Step::Finish);
            // Not while the toolstack goes on; but it may report a failure after the switch.
            let migration = self.migration.as_ref();
            if migration.is_none_or(|migration| migration.switched) {
                steps.push(Step::Cancel);
            }
        }
    }

    pub(super) fn is_released_to(&self, number: usize) -> bool {
        let released = format!(" to={} released", NAMES[number]);
        self.turn().is_some_and(|turn| turn.contains(&released))
    }
}
