//! `World`: two directories that are the same, in which the same is done by two.

use std::path::Path;

use anyhow::{Result, bail};
use hv_sim::{Event as Happening, HostOptions, NewDomain, SimHost, Until};
use tempfile::TempDir;
use userdata_core::{Domid, Hypervisor as _};

use crate::answer::Answer;
use crate::difference::{Seen, expected};
use crate::differences;
use crate::libxl::Libxl;
use crate::ours::{self, Ours};
use crate::setting::Setting;
use crate::step::{By, Call, Event, Step};
use crate::tree::{Node, Tree, path};

/// Two directories of one host. In the first, real libxl makes every call; in the second, somebody
/// else makes the same call. Whatever was done differently on purpose is then made the same, so
/// that every call begins with two directories that are alike.
#[derive(Debug)]
pub(crate) struct World {
    host: SimHost,
    first: Arm,
    second: Arm,
    ours: Ours,
}

/// One directory, and libxl in it.
#[derive(Debug)]
struct Arm {
    directory: TempDir,
    libxl: Libxl,
}

impl Arm {
    fn new(driver: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let libxl = Libxl::start(driver, directory.path())?;
        Ok(Self { directory, libxl })
    }

    /// Lets libxl make a call. A pipe under the name of a value would keep it for ever.
    fn call(&mut self, setting: &Setting<'_>) -> Result<Answer> {
        if setting.is_retrieve() && setting.data() == Some(&Node::Pipe) {
            let pipe = path(self.directory.path(), &setting.data_name());
            let returned = self.libxl.call_at_pipe(setting.call, &pipe)?;
            return Ok(returned.map_or(Answer::Waits, Answer::from));
        }
        Ok(self.libxl.call(setting.call)?.into())
    }

    fn tree(&self) -> Result<Tree> {
        Tree::read(self.directory.path())
    }
}

impl World {
    /// A host with nobody but Domain-0, and two empty directories.
    pub(crate) fn new(driver: &Path) -> Result<Self> {
        // As Xen up to 4.20 tells it, a domain lives until it is dead.
        let host = SimHost::new(HostOptions::new(0).with_reports_dying(false));
        let (first, second) = (Arm::new(driver)?, Arm::new(driver)?);
        let ours = ours::open(&host, second.directory.path())?;
        let mut world = Self {
            host,
            first,
            second,
            ours,
        };
        world.tell_libxl()?;
        Ok(world)
    }

    /// Takes a step, and says which differences it showed. It fails where the two have done
    /// something that is not the same and no difference that is wanted.
    pub(crate) fn take(&mut self, step: &Step) -> Result<Vec<&'static str>> {
        match step {
            Step::Happen(domid, event) => {
                happen(&self.host, *domid, *event);
                self.tell_libxl()?;
                Ok(vec![])
            }
            Step::Plant(name, node) => {
                for arm in [&self.first, &self.second] {
                    if arm.tree()?.get(name).is_none() {
                        node.plant(arm.directory.path(), name)?;
                    }
                }
                Ok(vec![])
            }
            Step::Call(call, by) => self.compare(call, *by),
        }
    }

    fn compare(&mut self, call: &Call, by: By) -> Result<Vec<&'static str>> {
        let before = self.first.tree()?;
        let setting = Setting::new(call, by, &self.host, &before)?;
        let libxl = Seen {
            answer: self.first.call(&setting)?,
            after: self.first.tree()?,
        };
        let answer = match by {
            By::Libxl => self.second.call(&setting)?,
            By::Us | By::UsAsLibxl => ours::call(&self.ours, &self.host, call, by),
        };
        let found = Seen {
            answer,
            after: self.second.tree()?,
        };
        let (wanted, names) = match by {
            By::Libxl => (libxl.clone(), vec![]),
            By::Us | By::UsAsLibxl => expected(differences::ALL, &setting, &libxl),
        };
        if found != wanted {
            bail!(
                "  {call:?}, by {by:?}\n    in {before:?}\n    libxl: {libxl:?}\n    \
                 expected, by {names:?}: {wanted:?}\n    found: {found:?}"
            );
        }
        if matches!(call, Call::Destroy { .. }) {
            if by == By::Libxl && found.answer == Answer::Done {
                // It refuses for Domain-0 and for who is gone already.
                let _ = self.host.destroy(call.domid());
            }
            self.tell_libxl()?;
        }
        found
            .after
            .turn_into(&libxl.after, self.second.directory.path())?;
        Ok(names)
    }

    fn tell_libxl(&mut self) -> Result<()> {
        self.first.libxl.see(&self.host)?;
        self.second.libxl.see(&self.host)
    }
}

/// Lets something happen on a host; what can't is left out.
fn happen(host: &SimHost, domid: Domid, event: Event) {
    let until = |until| Happening::Destroy { domid, until };
    let events = match event {
        Event::Create(uuid) => {
            vec![Happening::Create(
                NewDomain::new().with_domid(domid).with_uuid(uuid),
            )]
        }
        Event::SetUuid(uuid) => vec![Happening::SetUuid { domid, uuid }],
        Event::Leave => vec![until(Until::Leaving)],
        Event::Vanish => vec![until(Until::Gone)],
        Event::Die => vec![Happening::Pin { domid }, until(Until::Dead)],
        Event::Release => match host.domain(domid) {
            Ok(Some(domain)) if domain.life == userdata_core::Life::Dead => {
                vec![Happening::Unpin { domid }]
            }
            _ => vec![],
        },
    };
    for event in events {
        if host.apply(&event).is_err() {
            break;
        }
    }
}

/// Takes all of these steps in a new world, and says which differences they showed, one by one.
pub(crate) fn take_all(driver: &Path, steps: &[Step]) -> Result<Vec<Vec<&'static str>>> {
    let mut world = World::new(driver)?;
    steps.iter().map(|step| world.take(step)).collect()
}
