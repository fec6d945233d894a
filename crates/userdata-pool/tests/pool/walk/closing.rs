//! A destroy with an export, and what happens beside it: between its exports, and once the domain
//! is gone. Each run of the facade's own code follows a script of choices; where the script ends,
//! the run goes on alone and notes the scripts that choose something else.

use std::cell::RefCell;

use userdata::follow::{Exported, Limits, Selection};
use userdata::{DestroyError, Destroyed, UserdataErrorKind};
use userdata_pool::Revision;

use super::*;

/// A destroy that is under way.
struct Closing<'a> {
    world: World,
    domain: Domain,
    script: Vec<usize>,
    /// How many choices were made.
    chosen: usize,
    /// The number of the store that each export has; 0 if it has none.
    exports: Vec<u32>,
    /// The newest store that was acknowledged to the domain and must be exported, if it is not in
    /// the pool.
    owed: u32,
    is_lost: bool,
    /// The revision of the turn at the last export.
    exported_at: Revision,
    /// Whether an earlier run came to where the script ends, so that this one breaks off.
    is_known: bool,
    scripts: &'a mut Vec<Vec<usize>>,
    seen: &'a mut HashSet<String>,
}

impl World {
    /// The worlds after a destroy with an export of each domain, by all that may happen beside it.
    /// What was seen under way is not tried again.
    pub(super) fn destroys(&self, seen: &mut HashSet<String>) -> Vec<Self> {
        let mut worlds = Vec::new();
        if self.left.destroys > 0 {
            for domain in self.domains.iter().filter(|domain| self.may_end(domain)) {
                let mut scripts = vec![Vec::new()];
                while let Some(script) = scripts.pop() {
                    worlds.extend(self.destroy_with_export(domain, script, &mut scripts, seen));
                }
            }
        }
        worlds
    }

    /// The toolstack destroys a guest, or the source of a migration after the switch.
    fn may_end(&self, domain: &Domain) -> bool {
        let migration = self.migration.as_ref();
        migration.is_none_or(|migration| migration.switched && migration.source == *domain)
    }

    fn destroy_with_export(
        &self,
        domain: &Domain,
        script: Vec<usize>,
        scripts: &mut Vec<Vec<usize>>,
        seen: &mut HashSet<String>,
    ) -> Option<Self> {
        let mut world = self.copy();
        world.left.destroys -= 1;
        world.trace.push(format!("destroy of {domain:?}"));
        let (name, xen) = (NAMES[domain.host], world.hosts[domain.host].clone());
        let host = Host::of(&world.engine, name, xen);
        let closing = RefCell::new(Closing {
            domain: domain.clone(),
            script,
            chosen: 0,
            exports: Vec::new(),
            owed: world.acknowledged[usize::from(domain.guest)],
            world,
            is_lost: false,
            exported_at: 0,
            is_known: false,
            scripts,
            seen,
        });
        let export = |exported: Exported| closing.borrow_mut().export(&exported);
        let (which, limits) = (Selection::new(), Limits::default());
        let destroy = |_: &DomainKey| closing.borrow_mut().destroy();
        let facade = &host.facade;
        let destroyed = facade.destroy_with_export(domain.key, &which, &limits, export, destroy);
        let closing = closing.into_inner();
        (!closing.is_known).then(|| closing.end(&destroyed))
    }
}

impl Closing<'_> {
    /// The script's next choice. Where it has ended it is 0, and the others are noted.
    fn choose(&mut self, of: &str, choices: usize) -> usize {
        if self.chosen == self.script.len() {
            self.is_known |= !self.seen.insert(self.digest(of));
            if !self.is_known {
                let other = |choice| self.script.iter().copied().chain([choice]).collect();
                self.scripts.extend((1..choices).map(other));
            }
            self.script.push(0);
        }
        self.chosen += 1;
        self.script[self.chosen - 1]
    }

    /// All that matters for what can happen next.
    fn digest(&self, of: &str) -> String {
        let is_changed = self.world.turn_revision() != self.exported_at;
        let Self {
            domain,
            exports,
            owed,
            world,
            ..
        } = self;
        let world = world.digest();
        format!("{of} of {domain:?}: {exports:?}{owed}{is_changed}{world}")
    }

    fn export(&mut self, exported: &Exported) -> Result<(), std::io::Error> {
        let number = exported.values.first().map_or(0, |(_, value)| {
            let text = std::str::from_utf8(value.as_bytes()).unwrap();
            text.split_once(':').unwrap().1.parse().unwrap()
        });
        self.exports.push(number);
        self.exported_at = self.world.turn_revision();
        self.world.trace.push(format!("export of {number}"));
        self.beside();
        self.goes_on()
    }

    fn goes_on(&self) -> Result<(), std::io::Error> {
        match self.is_known {
            true => Err(std::io::Error::other("known")),
            false => Ok(()),
        }
    }

    fn destroy(&mut self) -> Result<(), std::io::Error> {
        if self.choose("end", 2) == 1 {
            self.world
                .trace
                .push("the domain is not destroyed".to_owned());
            return Err(std::io::Error::other("refused"));
        }
        self.world.destroy(&self.domain);
        let source = &self.domain;
        self.world
            .migration
            .take_if(|moves| moves.source == *source);
        self.world.trace.push("the domain is destroyed".to_owned());
        self.beside();
        Ok(())
    }

    /// What happens before the destroy goes on.
    fn beside(&mut self) {
        loop {
            let steps = self.steps();
            let Some(choice) = self.choose("step", steps.len() + 1).checked_sub(1) else {
                return;
            };
            let (step, late) = &steps[choice];
            self.is_lost |= matches!(step, Step::LoseMark);
            let (was_marked, before) = (self.world.is_marked(), self.world.data());
            self.world.step(step, *late);
            if self.chosen == self.script.len() {
                // The steps before it were checked with the script that ended there.
                self.world.check();
            }
            let (is_marked, after) = (self.world.is_marked(), self.world.data());
            let stays = after == before || after.is_none() || !self.is_home();
            assert!(
                stays || !was_marked || !is_marked,
                "a mark admits a store: {}",
                self.world
            );
            self.owed = match self.is_home() {
                true => self.world.acknowledged[usize::from(self.domain.guest)],
                // Another domain has claimed the data.
                false => 0,
            };
        }
    }

    /// The steps that are tried beside the destroy.
    fn steps(&self) -> Vec<(Step, bool)> {
        let mut steps = self.world.steps();
        steps.retain(|(step, _)| {
            matches!(
                step,
                Step::Create(_)
                    | Step::Store(_)
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

    /// The number of the guest's store that is in the pool; 0 if there is none.
    fn own(&self) -> u32 {
        let own = |(guest, number)| (guest == self.domain.guest).then_some(number);
        self.world.data().and_then(own).unwrap_or(0)
    }

    fn is_home(&self) -> bool {
        let home = self.world.home.as_ref();
        home.is_none_or(|home| *home == self.domain)
    }

    /// What was acknowledged to the domain is in the last export or in the pool, or the destroy
    /// tells that a sweep, or another life of the domain, may have removed it.
    fn end(mut self, destroyed: &Result<Destroyed<()>, DestroyError>) -> World {
        self.world.trace.push(format!("{destroyed:?}"));
        let problems = destroyed.as_ref().map(|destroyed| &destroyed.problems);
        let is_uncertain = problems
            .into_iter()
            .flatten()
            .any(|problem| matches!(problem.kind(), UserdataErrorKind::ExportUncertain));
        let exported = self.exports.last().copied().unwrap_or(0);
        let is_kept = self.owed <= exported.max(self.own());
        assert!(
            is_kept || is_uncertain,
            "what was acknowledged is neither stored nor exported: {}",
            self.world
        );
        assert!(
            self.is_lost || !is_uncertain,
            "a kept mark is told as lost: {}",
            self.world
        );
        self.world
    }
}
