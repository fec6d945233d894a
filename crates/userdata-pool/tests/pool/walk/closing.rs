//! A destroy with an export, and what happens beside it: between its exports, behind its reads, and
//! once the domain is gone. Each run of the facade's own code follows a script of choices; where
//! the script ends, the run goes on alone and notes the scripts that choose something else.

mod happens;

use std::cell::RefCell;
use std::rc::Rc;

use userdata::follow::{Exported, Limits, Selection};
use userdata::{DestroyError, Destroyed, UserdataError, UserdataErrorKind};
use userdata_pool::Revision;

use super::sound::parsed;
use super::*;
use crate::engine::{Fault, with_watch};

/// A destroy that is under way.
struct Closing {
    world: World,
    domain: Domain,
    script: Vec<usize>,
    /// How many choices were made.
    chosen: usize,
    /// The numbers of the stores that each export has under each userid; 0 if it has none.
    exports: Vec<[u32; 2]>,
    /// The newest store under each userid that was acknowledged to the domain and must be exported,
    /// if it is not in the pool.
    owed: [u32; 2],
    is_lost: bool,
    /// Whether the next change of the destroy itself leaves its host and arrives late.
    is_late: bool,
    /// What was there at each export, and behind each read.
    looks: Vec<Look>,
    /// Whether an earlier run came to where the script ends, so that this one breaks off.
    is_known: bool,
    tried: Tried,
}

/// What was tried until now.
#[derive(Default)]
struct Tried {
    /// The scripts that are to be run.
    scripts: Vec<Vec<usize>>,
    seen: HashSet<String>,
}

/// The records that a destroy saw: the revisions of turn and grave, and the values.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    turn: Revision,
    grave: Revision,
    values: [Stored; 2],
}

impl World {
    /// The worlds after a destroy with an export of each domain, by all that may happen beside it.
    /// What was seen under way is not tried again.
    pub(super) fn destroys(&self, seen: &mut HashSet<String>) -> Vec<Self> {
        let mut worlds = Vec::new();
        if self.left.destroys > 0 {
            let mut tried = Tried {
                seen: std::mem::take(seen),
                ..Tried::default()
            };
            for domain in self.domains.iter().filter(|domain| self.may_end(domain)) {
                tried.scripts.push(Vec::new());
                while let Some(script) = tried.scripts.pop() {
                    worlds.extend(self.destroy_with_export(domain, script, &mut tried));
                }
            }
            *seen = tried.seen;
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
        tried: &mut Tried,
    ) -> Option<Self> {
        let mut world = self.copy();
        world.left.destroys -= 1;
        world.trace.push(format!("destroy of {domain:?}"));
        let (name, xen) = (NAMES[domain.host], world.hosts[domain.host].clone());
        let mut host = Host::of(&world.engine, name, xen);
        let mut closing = Closing {
            domain: domain.clone(),
            script,
            chosen: 0,
            exports: Vec::new(),
            owed: world.acknowledged[usize::from(domain.guest)],
            world,
            is_lost: false,
            is_late: false,
            looks: Vec::new(),
            is_known: false,
            tried: std::mem::take(tried),
        };
        if let Some(patience) = closing.patience() {
            host.facade = host.facade.with_timeout(patience);
        }
        let closing = Rc::new(RefCell::new(closing));
        let export = |exported: Exported| closing.borrow_mut().export(&exported);
        let (which, limits) = (Selection::new(), Limits::default());
        let destroy = |_: &DomainKey| closing.borrow_mut().destroy();
        let watched = Rc::clone(&closing);
        let watch = move || {
            // The reads of what happens beside the destroy are not its own.
            if let Ok(mut closing) = watched.try_borrow_mut() {
                closing.behind_a_read();
            }
        };
        let facade = &host.facade;
        let destroyed = with_watch(Rc::new(watch), || {
            facade.destroy_with_export(domain.key, &which, &limits, export, destroy)
        });
        let mut closing = Rc::into_inner(closing).unwrap().into_inner();
        *tried = std::mem::take(&mut closing.tried);
        (!closing.is_known).then(|| closing.end(&destroyed))
    }
}

impl Closing {
    /// The script's next choice. Where it has ended it is 0, and the others are noted.
    fn choose(&mut self, of: &str, choices: usize) -> usize {
        if self.chosen == self.script.len() {
            let digest = self.digest(of);
            self.is_known |= !self.tried.seen.insert(digest);
            if !self.is_known {
                let other = |choice| self.script.iter().copied().chain([choice]).collect();
                self.tried.scripts.extend((1..choices).map(other));
            }
            self.script.push(0);
        }
        self.chosen += 1;
        self.script[self.chosen - 1]
    }

    /// All that matters for what can happen next.
    fn digest(&self, of: &str) -> String {
        let Self {
            domain,
            exports,
            owed,
            is_late,
            world,
            looks,
            ..
        } = self;
        let mut text = format!("{of} of {domain:?}: {exports:?}{owed:?}{is_late}");
        let now = self.look();
        for look in looks {
            let turn = match look.turn {
                0 => "no",
                turn if turn == now.turn => "this",
                _ => "other",
            };
            let is_same_grave = look.grave == now.grave;
            write!(text, " {turn}{is_same_grave}{:?}", look.values).unwrap();
        }
        text + &world.digest()
    }

    fn look(&self) -> Look {
        Look {
            turn: self.world.turn_revision(),
            grave: self.world.grave_revision(),
            values: self.world.values(),
        }
    }

    fn export(&mut self, exported: &Exported) -> Result<(), std::io::Error> {
        self.send();
        let numbers = userids().map(|userid| {
            let mut values = exported.values.iter();
            let value = values.find(|(exported, _)| *exported == *userid.as_userid());
            value.map_or(0, |(_, value)| {
                let text = std::str::from_utf8(value.as_bytes()).unwrap();
                parsed(text).1
            })
        });
        self.exports.push(numbers);
        self.looks.push(self.look());
        self.world.trace.push(format!("export of {numbers:?}"));
        self.beside();
        self.may_leave("clear");
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
            self.world.trace.push("the domain is not destroyed".into());
            return Err(std::io::Error::other("refused"));
        }
        self.world.destroy(&self.domain);
        let source = &self.domain;
        self.world
            .migration
            .take_if(|moves| moves.source == *source);
        self.world.trace.push("the domain is destroyed".into());
        self.beside();
        self.may_leave("clear");
        Ok(())
    }

    /// The numbers of the guest's stores that are in the pool; 0 if there is none.
    fn own(&self) -> [u32; 2] {
        let own = |(guest, number)| (guest == self.domain.guest).then_some(number);
        let values = self.world.values();
        values.map(|value| value.and_then(own).unwrap_or(0))
    }

    fn is_home(&self) -> bool {
        let home = self.world.home.as_ref();
        home.is_none_or(|home| *home == self.domain)
    }

    /// What was acknowledged to the domain is in the last export or in the pool, or the destroy
    /// tells that a sweep, or another life of the domain, may have removed it. What is released to
    /// another host may be removed there, so it is not in the pool unless the destroy tells of it.
    fn end(mut self, destroyed: &Result<Destroyed<()>, DestroyError>) -> World {
        self.world.engine.plan([]);
        self.send();
        self.world.trace.push(format!("{destroyed:?}"));
        let problems = destroyed.as_ref().map(|destroyed| &destroyed.problems);
        let mut kinds = problems.into_iter().flatten().map(UserdataError::kind);
        let told = kinds.find(|kind| {
            use UserdataErrorKind::{ExportOutdated, ExportUncertain};
            matches!(kind, ExportUncertain | ExportOutdated { .. })
        });
        let is_uncertain = matches!(told, Some(UserdataErrorKind::ExportUncertain));
        let leaves = destroyed.is_ok() && told.is_none() && self.world.is_released();
        let own = if leaves { [0; 2] } else { self.own() };
        let exported = self.exports.last().copied().unwrap_or([0; 2]);
        let is_kept = (0..2).all(|userid| self.owed[userid] <= exported[userid].max(own[userid]));
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
