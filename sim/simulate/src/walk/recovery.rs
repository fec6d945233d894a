//! Checks a host that starts again, with the real code.

use hv_sim::{HostOptions, SimHost};
use userdata::sweep::{Sightings, SweepOptions, What};
use userdata::{Outcome, Userdata};
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{Durability, Keep, StoreErrorKind};
use userdata_core::{DomainKey, Domid, WritableUserid};
use userdata_fs::FileStore;

use super::action::Slot;
use super::expectation::{Cause, Expectation, Found};
use super::layout::{BOOT, NEXT_BOOT, boot_directory, open_store, opens_for_another, shown, view};
use super::{Broken, Guarantee, Incident, Scene};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Storage, Tree};
use userdata_sim::{SimDisk, SimOptions};

use crate::root::{Root, plain_root};

pub(crate) type Recovered = Userdata<SimHost, FileStore<Root>>;

/// A host that starts again has other random numbers than before.
const SEED: u64 = 2;

/// The value that is stored at the end, to see that it can be: shorter than the bytes that a killed
/// writer may have left in a temporary file.
const LAST: &[u8] = b"last";

/// The hosts that may start on the disk that was left.
pub(crate) struct Recovery<'a> {
    scene: &'a Scene,
    /// The domains are back, with the same domids and uuids.
    back: SimHost,
    /// They are gone.
    gone: SimHost,
}

/// A check that failed.
pub(crate) struct Violation {
    pub(crate) guarantee: Guarantee,
    pub(crate) why: String,
    pub(crate) tree: Tree,
}

impl Violation {
    pub(crate) fn after(self, what: String, incident: Incident) -> Broken {
        Broken {
            guarantee: self.guarantee,
            after: what,
            why: self.why,
            tree: self.tree.to_string(),
            incident: Box::new(incident),
        }
    }
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(scene: &'a Scene, back: SimHost) -> Self {
        let gone = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
        Self { scene, back, gone }
    }

    /// Checks what a crash left: what can be read, and that stores and removals work, whether the
    /// domains come back or not.
    pub(crate) fn check(
        &self,
        storage: &Storage,
        expectation: &Expectation,
        cause: Cause,
    ) -> Result<(), Violation> {
        let start = || SimDisk::boot(storage.clone(), SimOptions::default().with_seed(SEED));
        let disk = start();
        self.read(&disk, expectation, cause)?;
        if cause == Cause::Kill {
            self.next_change(&start())?;
        }
        self.go_on(&disk, expectation, cause)?;
        self.clean_up(&start(), expectation, cause)?;
        match self.scene.setting().format {
            NameFormat::Tree if cause == Cause::PowerCut => self.boot(&start(), expectation),
            _ => Ok(()),
        }
    }

    /// Opens the store. From then on there is space, if there was none before.
    fn open(&self, disk: &SimDisk, host: &SimHost) -> Result<Recovered, Violation> {
        self.open_in(BOOT, disk, host)
    }

    fn open_in(&self, boot: &str, disk: &SimDisk, host: &SimHost) -> Result<Recovered, Violation> {
        disk.reconfigure(|options| options.inodes_max = None);
        let root = plain_root(&disk.process());
        let store = root.and_then(|root| open_store(self.scene.setting().format, root, boot));
        let store = store.map_err(|errno| Violation {
            guarantee: Guarantee::Bounded,
            why: format!("the store can't be opened: {errno:?}"),
            tree: disk.tree(),
        })?;
        Ok(Userdata::new(host.clone(), store))
    }

    /// Every slot holds what it may hold, and nothing else is shown.
    pub(crate) fn read(
        &self,
        disk: &SimDisk,
        expectation: &Expectation,
        cause: Cause,
    ) -> Result<(), Violation> {
        let userdata = self.open(disk, &self.back)?;
        let wrong = |guarantee, why| Violation {
            guarantee,
            why,
            tree: disk.tree(),
        };
        if self.scene.setting().format == NameFormat::Tree {
            match plain_root(&disk.process()).and_then(opens_for_another) {
                Ok(false) => {}
                opened => {
                    let why = format!("a tree that another host opens: {opened:?}");
                    return Err(wrong(Guarantee::Isolated, why));
                }
            }
        }
        for slot in expectation.slots() {
            let found = match userdata.retrieve(slot.domain, &slot.userid) {
                Ok(None) => Found::Nothing,
                Ok(Some(value)) => Found::Value(value.into_bytes()),
                Err(error) => match error.kind() {
                    userdata::UserdataErrorKind::Store(error)
                        if matches!(error.kind(), StoreErrorKind::Empty) =>
                    {
                        Found::Empty
                    }
                    _ => return Err(wrong(Guarantee::Atomic, format!("{slot}: {error}"))),
                },
            };
            if !expectation.allows(slot, &found, cause) {
                let is_anothers = slot.domain != self.scene.first();
                let guarantee = match cause {
                    _ if is_anothers && !expectation.is_concerned(slot) => Guarantee::Isolated,
                    Cause::PowerCut if expectation.is_lost(slot) => Guarantee::Durability,
                    _ => Guarantee::Atomic,
                };
                return Err(wrong(guarantee, format!("{slot} holds {found}")));
            }
        }
        let tree = view(self.scene.setting().format, disk.tree());
        let is_half_done = expectation.is_half_done(|slot| {
            Found::of(tree.file(&data_name(self.scene.setting().format, slot)))
        });
        if cause == Cause::Kill && is_half_done {
            let why = "a change of a whole domain is half done".to_owned();
            return Err(wrong(Guarantee::Atomic, why));
        }
        self.others_are_whole(disk)?;
        for domain in [self.scene.first(), self.scene.second(), self.scene.before()] {
            let entries = userdata
                .list(domain)
                .map_err(|error| wrong(Guarantee::Atomic, format!("listing fails: {error}")))?;
            for entry in entries {
                if !expectation
                    .slots()
                    .any(|s| s.domain == domain && *s.userid.as_userid() == entry.userid)
                {
                    let why = format!("no operation stored {} for {domain}", entry.userid);
                    return Err(wrong(Guarantee::Isolated, why));
                }
            }
        }
        Ok(())
    }

    /// Files that are not userdata are as they were.
    fn others_are_whole(&self, disk: &SimDisk) -> Result<(), Violation> {
        let tree = view(self.scene.setting().format, disk.tree());
        let mut others = self.scene.others().iter();
        match others.find(|(name, bytes)| tree.file(name) != Some(bytes.as_slice())) {
            Some((name, _)) => Err(Violation {
                guarantee: Guarantee::Isolated,
                why: format!("{} was touched", name.escape_ascii()),
                tree,
            }),
            None => Ok(()),
        }
    }

    /// A value can be stored, survives, and can be removed, and so can all the rest.
    pub(crate) fn go_on(
        &self,
        disk: &SimDisk,
        expectation: &Expectation,
        cause: Cause,
    ) -> Result<(), Violation> {
        let userdata = self.open(disk, &self.back)?;
        let wrong = |guarantee, why| Violation {
            guarantee,
            why,
            tree: disk.tree(),
        };
        store_once_more(
            &userdata,
            disk,
            self.scene.setting().format,
            &self.scene.slot("xl"),
        )
        .map_err(|(guarantee, why)| wrong(guarantee, why))?;
        self.clear(&userdata, disk)?;
        self.others_stand(disk, expectation, cause)
    }

    /// The next change of a domain removes the temporary file of a process that was killed.
    fn next_change(&self, disk: &SimDisk) -> Result<(), Violation> {
        let userdata = self.open(disk, &self.back)?;
        let slot = self.scene.slot("xl");
        let stored = userdata.store(slot.domain, &slot.userid, LAST);
        let wrong = |why| Violation {
            guarantee: Guarantee::Lifetime,
            why,
            tree: disk.tree(),
        };
        stored.map_err(|error| wrong(format!("store afterwards: {error}")))?;
        let left = files_of_first(self.scene, disk.tree());
        // In a tree, the next change removes the temporary file whose name it uses, the first one.
        let is_tree = self.scene.setting().format == NameFormat::Tree;
        let goes = |name: &&FileName| {
            let is_first = name
                .as_bytes()
                .ends_with(b".00000000000000000000000000000000");
            name.kind() == Kind::Temporary && (is_first || !is_tree)
        };
        match left.iter().find(goes) {
            Some(left) => Err(wrong(format!("{left} is left after the next change"))),
            None => Ok(()),
        }
    }

    /// The domain does not come back, and nothing of it stays.
    fn clean_up(
        &self,
        disk: &SimDisk,
        expectation: &Expectation,
        cause: Cause,
    ) -> Result<(), Violation> {
        let userdata = self.open(disk, &self.gone)?;
        if self.scene.setting().format != NameFormat::Seed {
            self.sweep(&userdata, disk)?;
            return self.others_are_whole(disk);
        }
        self.clear(&userdata, disk)?;
        self.others_stand(disk, expectation, cause)
    }

    /// After a reboot of the host, before any domain is created, one sweep removes all data.
    fn sweep(&self, userdata: &Recovered, disk: &SimDisk) -> Result<(), Violation> {
        let wrong = |why| Violation {
            guarantee: Guarantee::Lifetime,
            why,
            tree: disk.tree(),
        };
        let mut failed = Vec::new();
        let options = SweepOptions::default();
        let swept = userdata.sweep(&options, &mut Sightings::new(), |told| {
            if let What::Failed(error) | What::NotReclaimed(error) = told.what {
                failed.push(error.to_string());
            }
        });
        if swept.is_err() || !failed.is_empty() {
            return Err(wrong(format!("sweeping afterwards: {swept:?}, {failed:?}")));
        }
        let format = self.scene.setting().format;
        let tree = view(format, disk.tree());
        let is_left = |path: &[u8]| match FileName::parse(shown(format), path) {
            Some(name) => name.owner().domid != Some(Domid::ZERO),
            None => format == NameFormat::Tree && self.is_out_of_reach(path),
        };
        let mut paths = tree.iter().map(|(path, _)| path);
        match paths.find(|path| is_left(path)) {
            Some(left) => {
                let left = left.escape_ascii();
                Err(wrong(format!("{left} outlasts a sweep")))
            }
            None => Ok(()),
        }
    }

    /// Whether no domain of a tree can reach what is at this path: it is in the trash, of another
    /// boot, or of an import that did not end.
    fn is_out_of_reach(&self, path: &[u8]) -> bool {
        let is_kept = [b"tree", &b"trash"[..]].contains(&path)
            || [BOOT, NEXT_BOOT]
                .iter()
                .any(|boot| path == boot_directory(boot).as_bytes())
            || self.scene.others().contains_key(path);
        !is_kept
    }

    /// The host boots, and its domains have the same domids and uuids as before: no value of the
    /// boot before is visible, and one sweep removes all of that boot.
    fn boot(&self, disk: &SimDisk, expectation: &Expectation) -> Result<(), Violation> {
        let userdata = self.open_in(NEXT_BOOT, disk, &self.back)?;
        let wrong = |guarantee, why| Violation {
            guarantee,
            why,
            tree: disk.tree(),
        };
        for slot in expectation.slots() {
            let read = userdata.retrieve(slot.domain, &slot.userid);
            let listed = userdata.list(slot.domain);
            if !matches!((&read, &listed), (Ok(None), Ok(listed)) if listed.is_empty()) {
                let why = format!("after a boot, {slot} shows {read:?}, {listed:?}");
                return Err(wrong(Guarantee::Isolated, why));
            }
        }
        self.sweep(&userdata, disk)?;
        let before = boot_directory(BOOT);
        let tree = disk.tree();
        match tree
            .iter()
            .find(|(path, _)| path.starts_with(before.as_bytes()))
        {
            None => Ok(()),
            Some(_) => {
                let why = "the boot before outlasts a sweep".to_owned();
                Err(wrong(Guarantee::Lifetime, why))
            }
        }
    }

    fn clear(&self, userdata: &Recovered, disk: &SimDisk) -> Result<(), Violation> {
        let wrong = |why| Violation {
            guarantee: Guarantee::Lifetime,
            why,
            tree: disk.tree(),
        };
        let cleared = userdata.clear(self.scene.first(), Keep::Nothing);
        match &cleared {
            Ok(cleared) if cleared.failed.is_empty() => {}
            _ => return Err(wrong(format!("clearing afterwards: {cleared:?}"))),
        }
        match files_of_first(self.scene, disk.tree()).first() {
            Some(left) => Err(wrong(format!("{left} is left"))),
            None => Ok(()),
        }
    }

    /// All slots but those of the first domain hold what they may.
    fn others_stand(
        &self,
        disk: &SimDisk,
        expectation: &Expectation,
        cause: Cause,
    ) -> Result<(), Violation> {
        let tree = view(self.scene.setting().format, disk.tree());
        for slot in expectation
            .slots()
            .filter(|slot| slot.domain != self.scene.first())
        {
            let found = Found::of(tree.file(&data_name(self.scene.setting().format, slot)));
            if !expectation.allows(slot, &found, cause) {
                let (guarantee, why) = (Guarantee::Isolated, format!("{slot} holds {found}"));
                return Err(Violation {
                    guarantee,
                    why,
                    tree,
                });
            }
        }
        Ok(())
    }
}

/// A value can be stored, is durable at once, and can be removed.
pub(crate) fn store_once_more(
    userdata: &Recovered,
    disk: &SimDisk,
    format: NameFormat,
    slot: &Slot,
) -> Result<(), (Guarantee, String)> {
    let stored = userdata.store(slot.domain, &slot.userid, LAST);
    let full = matches!(
        stored,
        Ok(Outcome::Stored {
            durability: Durability::Full,
            ..
        })
    );
    if !full {
        let why = format!("store afterwards: {stored:?}");
        return Err((Guarantee::Bounded, why));
    }
    for names in [NameOrder::Journalled, NameOrder::Weak] {
        let model = CrashModel {
            names,
            sizes: Sizes::Vary,
        };
        let least = disk.storage().crash_states(model).state(0);
        let least = view(format, least.tree());
        if least.file(&data_name(format, slot)) != Some(LAST) {
            return Err((Guarantee::Durability, "the last store is lost".to_owned()));
        }
    }
    let removed = userdata.store(slot.domain, &slot.userid, b"");
    let left = userdata.exists(slot.domain, &slot.userid);
    match (&removed, &left) {
        (Ok(Outcome::Removed { .. }), Ok(false)) => Ok(()),
        _ => {
            let why = format!("storing nothing: {removed:?}, and then there is {left:?}");
            Err((Guarantee::Empty, why))
        }
    }
}

/// The files of the first domain, of any kind.
pub(crate) fn files_of_first(scene: &Scene, tree: Tree) -> Vec<FileName> {
    files_of(scene, tree, &[scene.first()])
}

/// The files of these domains, of any kind.
pub(crate) fn files_of(scene: &Scene, tree: Tree, domains: &[DomainKey]) -> Vec<FileName> {
    let format = scene.setting().format;
    view(format, tree)
        .iter()
        .filter_map(|(path, _)| FileName::parse(shown(format), path))
        .filter(|name| domains.iter().any(|domain| is_of(name, domain)))
        .collect()
}

/// Whether a file is one of this domain.
pub(crate) fn is_of(name: &FileName, domain: &DomainKey) -> bool {
    let owner = name.owner();
    owner.uuid == domain.uuid && owner.domid.is_none_or(|domid| domid == domain.domid)
}

fn data_name(format: NameFormat, slot: &Slot) -> Vec<u8> {
    let userid: &WritableUserid = &slot.userid;
    FileName::data(shown(format), &slot.domain, userid.as_userid())
        .map(|name| name.as_bytes().to_vec())
        .unwrap_or_default()
}
