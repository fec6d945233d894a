//! `Scene`: a host with domains and data, before anything happens to it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use hv_sim::{EventError, HostOptions, NewDomain, SimHost};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::{DomainKey, Domid, Uuid, WritableUserid};
use userdata_fs::{Directory as _, Errno, Name, Promises};

use super::action::Slot;
use super::expectation::Expectation;
use super::layout::{BOOT, boot_directory, open_store};
use crate::root::plain_root;
use userdata_sim::crash::Storage;
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

/// The properties of a walk besides its actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// How files are named, and so the layout.
    pub format: NameFormat,
    /// The bytes of a file reach the disk in blocks of this size. The values here have 6 to 15
    /// bytes.
    pub block: Option<NonZeroUsize>,
    /// Whether no other file fits on the disk, and no link either, as on a full tmpfs.
    pub full: bool,
}

/// A host with two living domains and their data, the data of an incarnation that is gone, and
/// files that are not userdata. No operation on the first domain may touch any data but its own.
///
/// In libxl's layout the second domain has the uuid of the first, as during a migration on one
/// host. The seed layout can't tell such domains apart, so there it has a uuid of its own.
///
/// In a tree a third domain lives, without data. What is promised after a power cut is promised to
/// those who name the same boot again, and a host that boots does not: of the boot before, nothing
/// is visible then, and one sweep removes all of it.
#[derive(Clone, Debug)]
pub struct Scene {
    setting: Setting,
    storage: Storage,
    values: BTreeMap<Slot, Vec<u8>>,
    others: BTreeMap<Vec<u8>, Vec<u8>>,
    promises: Promises,
}

const UUIDS: [u128; 3] = [
    0x11111111_2222_3333_4444_abcdef555555,
    0x66666666_7777_8888_9999_abcdef000000,
    0xdeadbeef_dead_beef_dead_beef00000005,
];

impl Scene {
    /// The userids that have values at the beginning, for both domains.
    pub const USERIDS: [&str; 3] = ["xl", "xl.backup", "libxl-json"];

    /// The userid of a value that only the incarnation which is gone has.
    pub const CARRIED: &str = "agent";

    /// A userid without a value. Other userids begin with it.
    pub const ABSENT: &str = "x";

    /// The grace of sweeps.
    pub const GRACE: Duration = Duration::from_secs(3600);

    /// The boot in which it begins.
    pub const BOOT: &str = BOOT;

    /// More userids without a value: together with the others they make a batch.
    pub const BATCH: [&str; 7] = ["b1", "b2", "b3", "b4", "b5", "b6", "b7"];

    /// A value of nine bytes.
    pub const NEW: &[u8] = b"a new one";

    /// The scene of a setting.
    ///
    /// # Errors
    ///
    /// The `errno` of the simulated disk if the files can't be put there.
    pub fn new(setting: Setting) -> Result<Self, Errno> {
        let mut options = SimOptions::default();
        options.storage.block = setting.block;
        let disk = SimDisk::new(options);
        let root = disk.process().root()?;
        if setting.format == NameFormat::Tree {
            open_store(setting.format, plain_root(&disk.process())?, BOOT)?;
            plant_directory(&root, &boot_directory(BOOT))?;
        }
        let mut scene = Self {
            setting,
            storage: disk.storage(),
            values: BTreeMap::new(),
            others: BTreeMap::new(),
            promises: Promises::NONE,
        };
        for domain in [scene.first(), scene.second(), scene.before()] {
            for userid in Self::USERIDS {
                let slot = slot(domain, userid);
                let value = format!("{}'s {userid}", domain.domid).into_bytes();
                scene.values.insert(slot, value);
            }
        }
        let carried = slot(scene.before(), Self::CARRIED);
        scene.values.insert(carried, b"of one gone".to_vec());
        for (slot, value) in &scene.values {
            let name = FileName::data(setting.format, &slot.domain, slot.userid.as_userid())
                .map_err(|_| Errno::NAMETOOLONG)?;
            let directory = scene.directory_of(&root, &slot.domain)?;
            let directory = directory.as_ref().unwrap_or(&root);
            directory.plant((&name).into(), Plant::File(value.clone()))?;
        }
        for other in [
            "qemu-save.5",
            "userdata-d.5",
            "userdata-d",
            "xuserdata-d.5.xl",
            "save",
        ] {
            let name = Name::new(other.as_bytes()).ok_or(Errno::INVAL)?;
            let bytes = format!("is {other}").into_bytes();
            root.plant(name, Plant::File(bytes.clone()))?;
            scene.others.insert(other.into(), bytes);
        }
        // A value of Domain-0 under a uuid that Domain-0 does not have.
        let of_domain_0 = slot(key(0, UUIDS[0]), "agent");
        let name = |format| {
            let userid = of_domain_0.userid.as_userid();
            FileName::data(format, &of_domain_0.domain, userid).map_err(|_| Errno::NAMETOOLONG)
        };
        let directory = scene.directory_of(&root, &of_domain_0.domain)?;
        let format = match setting.format {
            NameFormat::Tree => NameFormat::Tree,
            _ => NameFormat::Libxl,
        };
        let plant = Plant::File(b"of Domain-0".to_vec());
        let directory = directory.as_ref().unwrap_or(&root);
        directory.plant((&name(format)?).into(), plant)?;
        let shown = name(NameFormat::Libxl)?.as_bytes().to_vec();
        scene.others.insert(shown, b"of Domain-0".to_vec());
        scene.storage = disk.storage();
        Ok(scene)
    }

    /// The same scene on a file system that is said to make these promises. If `keeps` is false, it
    /// does not keep [`Promises::one_barrier`].
    #[must_use]
    pub fn with_promises(mut self, promises: Promises, keeps: bool) -> Self {
        self.promises = promises;
        self.storage
            .reconfigure(|options| options.one_barrier = promises.one_barrier && keeps);
        self
    }

    /// Whether the file system promises that one barrier makes many values durable.
    #[must_use]
    pub const fn has_barrier(&self) -> bool {
        self.promises.sync_all
    }

    /// The domain that the actions are about.
    #[must_use]
    pub fn first(&self) -> DomainKey {
        key(5, UUIDS[0])
    }

    /// Another domain, whose domid begins with the digits of the first one's.
    #[must_use]
    pub fn second(&self) -> DomainKey {
        let uuid = match self.setting.format {
            NameFormat::Seed => UUIDS[1],
            _ => UUIDS[0],
        };
        key(50, uuid)
    }

    /// The incarnation that had the domid of the first domain before.
    #[must_use]
    pub fn before(&self) -> DomainKey {
        key(5, UUIDS[2])
    }

    /// In a tree, a domain that lives and has no data.
    #[must_use]
    pub fn third(&self) -> Option<DomainKey> {
        let is_tree = self.setting.format == NameFormat::Tree;
        is_tree.then(|| key(500, UUIDS[1]))
    }

    /// The directory of a domain in a tree, made if it does not exist.
    fn directory_of(
        &self,
        root: &SimDirectory,
        domain: &DomainKey,
    ) -> Result<Option<SimDirectory>, Errno> {
        if self.setting.format != NameFormat::Tree {
            return Ok(None);
        }
        let boot = plant_directory(root, &boot_directory(BOOT))?;
        plant_directory(&boot, &domain.to_string()).map(Some)
    }

    /// The slot of a userid of the first domain.
    #[must_use]
    pub fn slot(&self, userid: &str) -> Slot {
        slot(self.first(), userid)
    }

    /// The setting that it was made with.
    #[must_use]
    pub const fn setting(&self) -> Setting {
        self.setting
    }

    /// A host on which the domains live.
    ///
    /// # Errors
    ///
    /// [`EventError`] if the simulated host refuses to create them.
    pub fn host(&self) -> Result<SimHost, EventError> {
        let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
        let domains = [Some(self.first()), Some(self.second()), self.third()];
        for domain in domains.into_iter().flatten() {
            host.create(
                NewDomain::new()
                    .with_domid(domain.domid)
                    .with_uuid(domain.uuid),
            )?;
        }
        Ok(host)
    }

    /// A new copy of its disk.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        let mut options = SimOptions::default();
        options.promises = self.promises;
        let disk = SimDisk::boot(self.storage.clone(), options);
        // Everything on it is older than the grace of a sweep.
        disk.pass(Self::GRACE * 2);
        if self.setting.full {
            // The root directory is one more.
            let inodes = disk.tree().iter().count() + 1;
            disk.reconfigure(|options| {
                options.inodes_max = Some(inodes);
                options.links_take_inodes = true;
            });
        }
        disk
    }

    pub(crate) fn expectation(&self) -> Expectation {
        let domains = [self.first(), self.second()];
        let absent = domains
            .into_iter()
            .flat_map(|domain| {
                let absent = [Self::ABSENT, Self::CARRIED].into_iter().chain(Self::BATCH);
                absent.map(move |userid| slot(domain, userid))
            })
            .chain(self.third().into_iter().flat_map(|third| {
                let absent = ["xl", Self::ABSENT].into_iter().chain(Self::BATCH);
                absent.map(move |userid| slot(third, userid))
            }))
            .map(|slot| (slot, None));
        let there = self
            .values
            .iter()
            .map(|(slot, value)| (slot.clone(), Some(value.clone())));
        Expectation::certain(there.chain(absent))
    }

    /// The slots of the domain without data that an import fills.
    pub(crate) fn imported(&self) -> Option<[Slot; 2]> {
        let third = self.third()?;
        Some(["xl", Self::ABSENT].map(|userid| slot(third, userid)))
    }

    /// The values of a domain at the beginning.
    pub(crate) fn values_of(&self, domain: DomainKey) -> Vec<(WritableUserid, Vec<u8>)> {
        let of_domain = self.values.iter().filter(|(slot, _)| slot.domain == domain);
        of_domain
            .map(|(slot, value)| (slot.userid.clone(), value.clone()))
            .collect()
    }

    /// The files that are not userdata.
    pub(crate) const fn others(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.others
    }
}

/// A directory, durable at once, unless it is there.
fn plant_directory(parent: &SimDirectory, name: &str) -> Result<SimDirectory, Errno> {
    let name = Name::new(name.as_bytes()).ok_or(Errno::INVAL)?;
    if parent.metadata_at(name) == Err(Errno::NOENT) {
        parent.plant(name, Plant::Directory)?;
    }
    parent.open_directory(name)
}

fn key(domid: u16, uuid: u128) -> DomainKey {
    // Invariant: the domids here are small.
    let domid = Domid::new(domid).unwrap_or(Domid::ZERO);
    DomainKey::new(domid, Uuid::from_u128(uuid))
}

fn slot(domain: DomainKey, userid: &str) -> Slot {
    // Of these userids, `libxl-json` is the only one that is not writable.
    let userid = WritableUserid::new(userid).unwrap_or_else(|_| WritableUserid::libxl_json());
    Slot { domain, userid }
}
