//! `World`: two equal directories, in which two libraries make the same calls.

use anyhow::{Context as _, Result, bail};
use hv_sim::{Event as Happening, HostOptions, NewDomain, SimHost, Until};
use tempfile::TempDir;
use userdata_core::{Domid, Hypervisor as _};

use crate::answer::Answer;
use crate::difference::{Seen, expected};
use crate::differences;
use crate::libxl::{Driver, Libxl};
use crate::ours::{self, Ours};
use crate::setting::Setting;
use crate::step::{By, Call, Event, Step};
use crate::tree::{Node, Tree, path};

/// Two directories of one host. Real libxl makes every call in the first one, and the library of
/// the step makes the same call in the second one. Deliberate differences are undone afterwards, so
/// that every call begins with two equal directories.
#[derive(Debug)]
pub(crate) struct World {
    host: SimHost,
    first: Arm,
    second: Arm,
    ours: Ours,
    /// In the second directory.
    drop_in: Option<Libxl>,
}

/// One directory, and libxl in it.
#[derive(Debug)]
struct Arm {
    directory: TempDir,
    libxl: Libxl,
}

impl Arm {
    fn new(driver: &Driver) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let libxl = Libxl::start(driver, directory.path())?;
        Ok(Self { directory, libxl })
    }

    /// Makes a call with libxl. A retrieve of a value that is a pipe would wait for ever, so the
    /// pipe is opened.
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
    /// A host with domain 0 alone, and two empty directories.
    pub(crate) fn new(driver: &Driver) -> Result<Self> {
        // As on Xen up to 4.20, a domain appears alive until it is dead.
        let host = SimHost::new(HostOptions::new(0).with_reports_dying(false));
        let (first, second) = (Arm::new(driver)?, Arm::new(driver)?);
        let ours = ours::open(&host, second.directory.path())?;
        let drop_in = Libxl::start_with_drop_in(driver, second.directory.path())?;
        let mut world = Self {
            host,
            first,
            second,
            ours,
            drop_in,
        };
        world.show_libxl()?;
        Ok(world)
    }

    /// Takes a step, and returns the names of the differences that it showed. Fails if the results
    /// differ in any other way.
    pub(crate) fn take(&mut self, step: &Step) -> Result<Vec<&'static str>> {
        match step {
            Step::Happen(domid, event) => {
                happen(&self.host, *domid, *event);
                self.show_libxl()?;
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
        // Only the calls for userdata are the drop-in's.
        let by = match (by, call) {
            (By::DropIn, Call::Destroy { .. }) => By::Libxl,
            _ => by,
        };
        let before = self.first.tree()?;
        let setting = Setting::new(call, by, &self.host, &before)?;
        let libxl = Seen {
            answer: self.first.call(&setting)?,
            after: self.first.tree()?,
        };
        let answer = match by {
            By::Libxl => self.second.call(&setting)?,
            By::Us | By::UsAsLibxl => ours::call(&self.ours, &self.host, call, by),
            By::DropIn => {
                let drop_in = self.drop_in.as_mut().context("the drop-in is not loaded")?;
                drop_in.call(call)?.into()
            }
        };
        let found = Seen {
            answer,
            after: self.second.tree()?,
        };
        let (wanted, names) = match by {
            By::Libxl => (libxl.clone(), vec![]),
            _ => expected(differences::ALL, &setting, &libxl),
        };
        if found != wanted {
            bail!(
                "  {call:?}, by {by:?}\n    in {before:?}\n    libxl: {libxl:?}\n    \
                 expected, by {names:?}: {wanted:?}\n    found: {found:?}"
            );
        }
        if matches!(call, Call::Destroy { .. }) {
            if by == By::Libxl && found.answer == Answer::Done {
                // The host refuses this for domain 0 and for a domain that is gone.
                let _ = self.host.destroy(call.domid());
            }
            self.show_libxl()?;
        }
        found
            .after
            .turn_into(&libxl.after, self.second.directory.path())?;
        Ok(names)
    }

    fn show_libxl(&mut self) -> Result<()> {
        self.first.libxl.see(&self.host)?;
        self.second.libxl.see(&self.host)?;
        match &mut self.drop_in {
            Some(drop_in) => drop_in.see(&self.host),
            None => Ok(()),
        }
    }
}

/// Applies an event to a host. Impossible events are skipped.
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

/// Takes these steps in a new world, and returns the names of the differences that each step
/// showed.
pub(crate) fn take_all(driver: &Driver, steps: &[Step]) -> Result<Vec<Vec<&'static str>>> {
    let mut world = World::new(driver)?;
    steps.iter().map(|step| world.take(step)).collect()
}
