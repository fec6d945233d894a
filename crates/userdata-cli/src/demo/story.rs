//! `Story`: what the demo shows, in order.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hv_sim::{EventError, NewDomain, SimHost, Until};
use userdata::store::Durability;
use userdata::{
    DomainKey, Hypervisor as _, Outcome, Store, Target, Userdata, UserdataError, UserdataErrorKind,
    Userid, WritableUserid,
};

use super::narrator::{DemoFailed, Narrator, Wrong, verify};
use super::race;

/// xl keeps the configuration file of a domain as it was given.
const WEB: &[u8] = include_bytes!("web.cfg");
const CACHE: &[u8] = include_bytes!("cache.cfg");
/// libvirt keeps its XML with a NUL at the end.
const DB: &[u8] = concat!(include_str!("db.xml"), "\0").as_bytes();

/// A simulated host, a store in a folder, and three domains.
pub(super) struct Story<S> {
    host: SimHost,
    store: S,
    folder: PathBuf,
}

/// The domains of the story.
struct Cast {
    web: DomainKey,
    db: DomainKey,
    cache: DomainKey,
}

impl<S: Store> Story<S> {
    /// `folder` is where the store keeps its files.
    pub(super) fn new(host: SimHost, store: S, folder: &Path) -> Self {
        Self {
            host,
            store,
            folder: folder.to_owned(),
        }
    }

    fn userdata(&self) -> Userdata<&SimHost, &S> {
        Userdata::new(&self.host, &self.store)
    }

    /// Tells the story to its end, or up to the step that fails.
    pub(super) fn tell(&self, narrator: &mut Narrator) -> Result<(), DemoFailed> {
        let mut cast = None;
        narrator.step("A toolstack creates three domains", |narrator| {
            cast = Some(self.create(narrator)?);
            Ok(())
        })?;
        let Some(cast) = cast else {
            return Ok(());
        };
        narrator.step("The configuration of each is stored", |narrator| {
            self.store(&cast, narrator)
        })?;
        narrator.step("A value is replaced while others read it", |narrator| {
            self.race(&cast, narrator)
        })?;
        narrator.step("Another program keeps a value of its own", |narrator| {
            self.isolate(&cast, narrator)
        })?;
        narrator.step("A domain is being destroyed", |narrator| {
            self.destroy(&cast, narrator)
        })?;
        narrator.step("A domain that is gone stays gone", |narrator| {
            self.refuse(&cast, narrator)
        })?;
        narrator.step("Nothing is left behind", |narrator| {
            self.clean_up(&cast, narrator)
        })
    }

    fn create(&self, narrator: &mut Narrator) -> Result<Cast, Wrong> {
        let mut create = |name: &str| -> Result<DomainKey, Wrong> {
            let key = self.host.create(NewDomain::new().with_name(name))?;
            let there = self.host.domain(key.domid)?;
            verify(
                there.is_some_and(|domain| domain.key == key),
                "it is not there",
            )?;
            narrator.shown(format_args!(
                "{name:5} is domain {}, {}",
                key.domid, key.uuid
            ))?;
            Ok(key)
        };
        Ok(Cast {
            web: create("web")?,
            db: create("db")?,
            cache: create("cache")?,
        })
    }

    fn store(&self, cast: &Cast, narrator: &mut Narrator) -> Result<(), Wrong> {
        for (key, userid, data, what) in [
            (cast.web, "xl", WEB, "web's xl.cfg"),
            (cast.db, "libvirt-xml", DB, "db's libvirt XML"),
            (cast.cache, "xl", CACHE, "cache's xl.cfg"),
        ] {
            let userid = WritableUserid::new(userid)?;
            let outcome = self.userdata().store(key, &userid, data)?;
            let durability = Durability::Full;
            verify(
                outcome
                    == Outcome::Stored {
                        durability,
                        displaced: None,
                    },
                "it was not stored",
            )?;
            self.expect(key, userid.as_userid(), Some(data))?;
            let file = format!("userdata-d.{key}.{userid}");
            let path = self.folder.join(&file);
            verify(fs::read(&path)? == data, "the file is not what libxl reads")?;
            let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
            verify(mode == 0o600, "others can read the file")?;
            let size = data.len();
            narrator.shown(format_args!("{what}, {size} bytes: {file}"))?;
        }
        narrator.shown(
            "each survives a power cut, comes back byte for byte, and is a file as libxl has it",
        )
    }

    fn race(&self, cast: &Cast, narrator: &mut Narrator) -> Result<(), Wrong> {
        let userid = WritableUserid::new("counter")?;
        // Syncs make no difference to readers, so this step does without them.
        let quick = self.userdata().with_durability(Durability::Process);
        let seen = race::run(&quick, cast.web, &userid)?;
        narrator.shown(format_args!(
            "{} values of {} KiB, one after the other, while {} threads read",
            race::REPLACEMENTS,
            race::SIZE >> 10,
            race::READERS,
        ))?;
        narrator.shown(format_args!(
            "{} reads saw {} changes; each saw one whole value, and none an older one than before",
            seen.reads, seen.changes
        ))?;
        self.userdata().remove(cast.web, &userid)?;
        self.expect(cast.web, userid.as_userid(), None)
    }

    fn isolate(&self, cast: &Cast, narrator: &mut Narrator) -> Result<(), Wrong> {
        let (agent, star) = (
            WritableUserid::new("backup-agent")?,
            WritableUserid::new("*")?,
        );
        self.userdata()
            .store(cast.web, &agent, b"last backup: never")?;
        self.userdata().store(cast.web, &star, b"not a pattern")?;
        self.others_unchanged(cast)?;
        narrator.shown("web has three values: xl, backup-agent and * (a userid, not a pattern)")?;
        self.userdata()
            .store(cast.web, &agent, b"last backup: today")?;
        self.userdata().remove(cast.web, &star)?;
        self.expect(cast.web, agent.as_userid(), Some(b"last backup: today"))?;
        self.expect(cast.web, star.as_userid(), None)?;
        self.others_unchanged(cast)?;
        narrator.shown("one is replaced, one is removed, and all others are as they were")
    }

    fn destroy(&self, cast: &Cast, narrator: &mut Narrator) -> Result<(), Wrong> {
        let userid = WritableUserid::new("libvirt-xml")?;
        let store = || self.userdata().store(cast.db, &userid, b"too late");
        let mut seen = Ok(());
        let destroyed = self.userdata().destroy(cast.db, |key| {
            seen = (|| {
                refused(store(), is_being_destroyed)?;
                narrator
                    .shown("the toolstack has begun to destroy db: a store for db is refused")?;
                self.host.destroy_until(key.domid, Until::Dying)?;
                refused(store(), is_being_destroyed)?;
                self.expect(cast.db, userid.as_userid(), Some(DB))?;
                narrator.shown("db is dying: a store is refused, and a read still works")
            })();
            self.host.destroy(key.domid)
        })?;
        seen?;
        verify(
            destroyed.problems.is_empty(),
            "there were problems with the data",
        )?;
        self.expect(cast.db, userid.as_userid(), None)?;
        self.others_are(&[(cast.web, WEB), (cast.cache, CACHE)])?;
        narrator.shown("db and its value are gone; the other domains keep theirs")
    }

    fn refuse(&self, cast: &Cast, narrator: &mut Narrator) -> Result<(), Wrong> {
        let userid = WritableUserid::new("xl")?;
        for target in [Target::from(cast.db), Target::from(cast.db.domid)] {
            let store = self.userdata().store(target, &userid, b"too late");
            refused(store, |kind| {
                matches!(kind, UserdataErrorKind::NoSuchDomain)
            })?;
        }
        narrator.shown("a store for db is refused: no such domain")?;
        let again = self
            .host
            .create(NewDomain::new().with_name("db").with_uuid(cast.db.uuid))?;
        verify(self.userdata().list(again)?.is_empty(), "it inherited data")?;
        narrator.shown(format_args!(
            "db is started again with its uuid, as domain {}: it inherits nothing",
            again.domid
        ))?;
        self.end(again)
    }

    fn clean_up(&self, cast: &Cast, narrator: &mut Narrator) -> Result<(), Wrong> {
        self.end(cast.web)?;
        self.end(cast.cache)?;
        let mut records = 0;
        self.userdata().scan(&mut |_| {
            records += 1;
            ControlFlow::Continue(())
        })?;
        verify(records == 0, format_args!("{records} records are left"))?;
        let files = fs::read_dir(&self.folder)?.count();
        verify(files == 0, format_args!("{files} files are left"))?;
        narrator.shown("web and cache are destroyed; the directory is empty: no value, no lock")
    }

    /// Destroys a domain with its data.
    fn end(&self, key: DomainKey) -> Result<(), Wrong> {
        let destroyed = self
            .userdata()
            .destroy(key, |key| -> Result<(), EventError> {
                self.host.destroy(key.domid)
            })?;
        verify(
            destroyed.problems.is_empty(),
            "there were problems with the data",
        )
    }

    fn others_unchanged(&self, cast: &Cast) -> Result<(), Wrong> {
        self.others_are(&[(cast.web, WEB), (cast.cache, CACHE)])?;
        let libvirt = WritableUserid::new("libvirt-xml")?;
        self.expect(cast.db, libvirt.as_userid(), Some(DB))
    }

    fn others_are(&self, values: &[(DomainKey, &[u8])]) -> Result<(), Wrong> {
        let xl = WritableUserid::new("xl")?;
        values
            .iter()
            .try_for_each(|(key, data)| self.expect(*key, xl.as_userid(), Some(data)))
    }

    fn expect(&self, key: DomainKey, userid: &Userid, data: Option<&[u8]>) -> Result<(), Wrong> {
        let value = self.userdata().retrieve(key, userid)?;
        let same = value.as_ref().map(AsRef::as_ref) == data;
        verify(
            same,
            format_args!("'{userid}' of domain {key} is not what it should be"),
        )
    }
}

/// Fails the step unless a store was refused for the reason it should be.
fn refused(
    store: Result<Outcome, UserdataError>,
    reason: impl Fn(&UserdataErrorKind) -> bool,
) -> Result<(), Wrong> {
    match store {
        Ok(_) => Err("the store was not refused".into()),
        Err(error) if reason(error.kind()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

const fn is_being_destroyed(kind: &UserdataErrorKind) -> bool {
    matches!(kind, UserdataErrorKind::BeingDestroyed)
}
