//! `CrashCheck`: reads with the real code what a power cut may leave of a run, compares it with the
//! history, and checks that stores and removals work from there on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::{Userdata, UserdataErrorKind};
use userdata_core::file_name::{FileName, Kind, NameFormat, Owner};
use userdata_core::store::Keep;
use userdata_core::{DomainKey, WritableUserid};

use super::complaint::Complaint;
use super::content::Content;
use super::facts::{Facts, HostImage};
use super::operation::MalformedHistory;
use super::registers::registers;
use super::survivor::{Survivor, survivors};
use crate::history::{Event, History};
use crate::root::plain_root;
use crate::walk::{Guarantee, Recovered, Slot, open_store, store_once_more};
use userdata_sim::crash::TreeEntry;
use userdata_sim::crash::{CrashModel, Storage, Tree};
use userdata_sim::random::Random;
use userdata_sim::{SimDisk, SimOptions};

/// A host that starts again has other random numbers than before.
const SEED: u64 = 2;

/// The facts about one power cut that are checked.
#[derive(Clone, Copy, Debug)]
pub struct CrashCheck<'a> {
    /// The history until then.
    pub history: &'a History,
    /// How files are named.
    pub format: NameFormat,
    /// The host when it began.
    pub before: &'a HostImage,
    /// The disk at that moment.
    pub storage: &'a Storage,
    /// The model of the power cut.
    pub models: &'a [CrashModel],
    /// How many states of each model are checked; if there are more, this many are drawn.
    pub states_max: u128,
    /// The seed of what is drawn.
    pub seed: u64,
}

/// The result of the checks after power cuts.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CrashChecked {
    /// How many states there were, equal ones included.
    pub states: u128,
    /// How many of them were checked: all that differ, or those that were drawn.
    pub checked: u64,
    /// How many values were read with the real code. A file that was read before is not read again.
    pub reads: u64,
    /// From how many states stores and removals were tried. States with the same names are tried
    /// once, since neither a store nor a removal reads a value.
    pub recovered: u64,
    /// What is wrong; the first of each model.
    pub complaints: Vec<Complaint>,
}

impl CrashChecked {
    /// Adds what was found in another run.
    pub fn add(&mut self, other: Self) {
        self.states = self.states.saturating_add(other.states);
        self.checked += other.checked;
        self.reads += other.reads;
        self.recovered += other.recovered;
        self.complaints.extend(other.complaints);
    }
}

impl CrashCheck<'_> {
    /// Checks.
    ///
    /// # Errors
    ///
    /// [`MalformedHistory`] if the events are not a history.
    pub fn check(&self) -> Result<CrashChecked, MalformedHistory> {
        let facts = Facts::of(self.history, self.format, self.before, usize::MAX)?;
        let registers = registers(&facts, None);
        let left = registers.iter().map(|register| survivors(&facts, register));
        let mut aftermath = Aftermath {
            facts: &facts,
            left: registers.iter().map(|r| &r.name).zip(left).collect(),
            known: BTreeSet::new(),
            names: BTreeSet::new(),
            checked: CrashChecked::default(),
        };
        let mut random = Random::new(self.seed);
        for model in self.models {
            let states = self.storage.crash_states(*model);
            let mut look = |(index, state): (u128, Storage)| {
                aftermath.checked.checked += 1;
                aftermath.look(&state).map_err(|mut complaint| {
                    complaint.kept = Some(states.describe(index));
                    complaint
                })
            };
            let count = states.count();
            let result = if count <= self.states_max {
                states
                    .distinct(&mut BTreeSet::new())
                    .try_for_each(&mut look)
            } else {
                (0..self.states_max).try_for_each(|_| {
                    let index = states.draw(&mut random);
                    look((index, states.state(index)))
                })
            };
            aftermath.checked.states += count.min(self.states_max);
            aftermath.checked.complaints.extend(result.err());
        }
        Ok(aftermath.checked)
    }
}

struct Aftermath<'a> {
    facts: &'a Facts<'a>,
    left: BTreeMap<&'a FileName, Vec<Survivor>>,
    /// The contents that were read and may be there, with their names.
    known: BTreeSet<(&'a FileName, Option<TreeEntry>)>,
    /// The sets of names from which stores and removals were tried.
    names: BTreeSet<Vec<Vec<u8>>>,
    checked: CrashChecked,
}

impl Aftermath<'_> {
    fn look(&mut self, state: &Storage) -> Result<(), Complaint> {
        let tree = self.facts.view(state.tree());
        self.read(state, &tree)?;
        let names: Vec<Vec<u8>> = tree.iter().map(|(path, _)| path.to_vec()).collect();
        if self.names.insert(names) {
            self.checked.recovered += 1;
            self.go_on(state, &tree)?;
        }
        Ok(())
    }

    /// Every value is one that may be there, and there are no others.
    fn read(&mut self, state: &Storage, tree: &Tree) -> Result<(), Complaint> {
        let mut booted = None;
        for (name, left) in &self.left {
            let known = (*name, tree.get(name.as_bytes()).cloned());
            if self.known.contains(&known) {
                continue;
            }
            self.checked.reads += 1;
            let userdata = match &booted {
                Some(userdata) => userdata,
                None => booted.insert(self.open(&boot(state), &empty_host())?),
            };
            let found = self.retrieve(userdata, name)?;
            if !left
                .iter()
                .any(|l| l.superseded.is_none() && l.may_be(&found))
            {
                return Err(self.explain(name, left, &found));
            }
            self.known.insert(known);
        }
        let mut names = tree
            .iter()
            .filter_map(|(path, _)| FileName::parse(self.facts.format, path));
        // A wrong answer of the hypervisor sends libxl to the files of any uuid.
        let astray = |owner: Owner| {
            self.facts.operations.iter().any(|operation| {
                operation.libxl().is_some()
                    && operation.hypervisor_failed
                    && owner.domid.is_none_or(|domid| domid == operation.domid())
            })
        };
        let unknown = |name: &FileName| {
            name.kind() == Kind::Data && !self.left.contains_key(name) && !astray(name.owner())
        };
        match names.find(unknown) {
            Some(name) => {
                let why = "no operation stored anything there".to_owned();
                Err(self.complaint(Guarantee::Isolated, Some(&name), why, Vec::new()))
            }
            None => Ok(()),
        }
    }

    fn open(&self, disk: &SimDisk, host: &SimHost) -> Result<Recovered, Complaint> {
        let root = plain_root(&disk.process());
        let store = root.and_then(|root| open_store(self.facts.layout, root, &self.facts.boot));
        let store = store.map_err(|errno| {
            let why = format!("the directory can't be opened: {errno:?}");
            self.complaint(Guarantee::Bounded, None, why, Vec::new())
        })?;
        Ok(Userdata::new(host.clone(), store))
    }

    /// Reads a value with the real code.
    fn retrieve(&self, userdata: &Recovered, name: &FileName) -> Result<Content, Complaint> {
        // In the seed's names any domid will do.
        let key = key_of(name.owner());
        match userdata.retrieve(key, name.userid()) {
            Ok(None) => Ok(Content::Nothing),
            Ok(Some(value)) => Ok(Content::Value(value.into_bytes())),
            Err(error) => {
                let content = match error.kind() {
                    UserdataErrorKind::Store(error) => Content::refused(error.kind()),
                    _ => None,
                };
                content.ok_or_else(|| {
                    let why = format!("after the power cut it can't be read: {error}");
                    self.complaint(Guarantee::Atomic, Some(name), why, Vec::new())
                })
            }
        }
    }

    fn explain(&self, name: &FileName, left: &[Survivor], found: &Content) -> Complaint {
        let when = "after the power cut";
        if let Some(older) = left.iter().find(|left| left.may_be(found)) {
            let why =
                format!("{found} is there {when}, although a later change is reported as durable");
            let operations = older
                .operation
                .into_iter()
                .chain(older.superseded.flatten());
            return self.complaint(Guarantee::Durability, Some(name), why, operations.collect());
        }
        let elsewhere = self.left.iter().find(|(other, left)| {
            **other != name && left.iter().any(|left| left.content == *found)
        });
        let live = left.iter().filter(|left| left.superseded.is_none());
        let operations: Vec<usize> = live.filter_map(|left| left.operation).collect();
        let (guarantee, why) = match (found, elsewhere) {
            (Content::Empty, _) => (Guarantee::Atomic, format!("{found} is there {when}")),
            (_, Some((other, _))) => (
                Guarantee::Isolated,
                format!("{found} is there {when}, which is a value of {other}"),
            ),
            _ => (
                Guarantee::Atomic,
                format!("{found} is there {when}, and is not a value that was stored whole"),
            ),
        };
        self.complaint(guarantee, Some(name), why, operations)
    }

    /// A value can be stored, and all data of all domains can be removed.
    fn go_on(&self, state: &Storage, tree: &Tree) -> Result<(), Complaint> {
        let owners: BTreeSet<Owner> = tree
            .iter()
            .filter_map(|(path, _)| FileName::parse(self.facts.format, path))
            .map(|name| name.owner())
            .collect();
        let disk = boot(state);
        let mut is_first = true;
        // A directory can be neither replaced nor removed: those domains are left alone.
        for owner in owners.iter().filter(|owner| !self.has_plants(**owner)) {
            let key = key_of(*owner);
            let host = if is_first { host_of(key) } else { empty_host() };
            let userdata = self.open(&disk, &host)?;
            let wrong = |(guarantee, why)| self.complaint(guarantee, None, why, Vec::new());
            if std::mem::take(&mut is_first)
                && let Ok(userid) = WritableUserid::new("xl")
            {
                let slot = Slot {
                    domain: key,
                    userid,
                };
                store_once_more(&userdata, &disk, self.facts.layout, &slot).map_err(wrong)?;
            }
            let cleared = userdata.clear(key, Keep::Nothing);
            if !cleared
                .as_ref()
                .is_ok_and(|cleared| cleared.failed.is_empty())
            {
                let why = format!("clearing {key} afterwards: {cleared:?}");
                return Err(wrong((Guarantee::Lifetime, why)));
            }
        }
        let tree = self.facts.view(disk.tree());
        let names = tree
            .iter()
            .filter_map(|(path, _)| FileName::parse(self.facts.format, path));
        match names
            .into_iter()
            .find(|name| !self.has_plants(name.owner()))
        {
            Some(name) => {
                let why = "it is left when all data was removed after the power cut".to_owned();
                Err(self.complaint(Guarantee::Lifetime, Some(&name), why, Vec::new()))
            }
            None => Ok(()),
        }
    }

    fn has_plants(&self, owner: Owner) -> bool {
        self.facts.history.events.iter().any(|event| match event {
            Event::Planted { file, .. } => {
                FileName::parse(self.facts.format, file).is_some_and(|name| name.owner() == owner)
            }
            _ => false,
        })
    }

    fn complaint(
        &self,
        guarantee: Guarantee,
        name: Option<&FileName>,
        why: String,
        operations: Vec<usize>,
    ) -> Complaint {
        let file = name.map(ToString::to_string);
        Complaint::new(self.facts, guarantee, file, why, operations)
    }
}

fn boot(state: &Storage) -> SimDisk {
    SimDisk::boot(state.clone(), SimOptions::default().with_seed(SEED))
}

fn empty_host() -> SimHost {
    SimHost::new(HostOptions::new(1).with_spurious_one_in(0))
}

fn host_of(key: DomainKey) -> SimHost {
    let host = empty_host();
    let new = NewDomain::new().with_domid(key.domid).with_uuid(key.uuid);
    // It is the first domain on that host.
    let _ = host.create(new);
    host
}

fn key_of(owner: Owner) -> DomainKey {
    let domid = owner.domid.or_else(|| userdata_core::Domid::new(1).ok());
    DomainKey::new(domid.unwrap_or(userdata_core::Domid::ZERO), owner.uuid)
}

impl fmt::Display for CrashChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            states,
            checked,
            reads,
            recovered,
            complaints,
        } = self;
        write!(
            f,
            "{states} states after power cuts, {checked} looked at, {reads} values read, \
             {recovered} recovered from, {} guarantees broken",
            complaints.len(),
        )
    }
}
