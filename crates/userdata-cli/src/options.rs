//! `Options`: the options of every command, and what they open.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum, ValueHint};
use hv_sim::HostFile;
use hv_xen::Xen;
#[cfg(feature = "pool")]
use userdata::Uuid;
use userdata::file_name::NameFormat;
use userdata::hypervisor::BootId;
use userdata::registry::stays_behind;
use userdata::store::Durability;
use userdata::{DomainKey, Domid, Hypervisor as _, Store, Userdata, Userid};
use userdata_fs::{FileStore, OsDirectory};

use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::host::{Host, Swept};
use crate::hypervisor::{HypervisorChoice, default_simulated, is_xen};
use crate::output::Output;
#[cfg(feature = "pool")]
use crate::pool::PoolOption;
use crate::reading::Reading;
use crate::userid::shown;

/// The least timeout for xenstore. A timeout of 0 means that a lock is tried once; xenstore still
/// needs time to answer.
const XENSTORE_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Longer than this is a mistake where sweeps wait: ten years.
const SPAN_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The userdata of a host, as the commands use it.
pub(crate) type HostData<'host> = Userdata<&'host Host, Box<dyn Store>>;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command, before or after it")]
pub(crate) struct Options {
    /// The directory of the files. Default on Xen: /var/lib/xen, in the layout tree /run/userdata;
    /// for a host that is simulated in FILE: FILE.userdata, in the layout tree FILE.tree
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(env = "USERDATA_DIR", hide_env_values = true)]
    dir: Option<PathBuf>,

    /// Where the files are, and how they are named. libxl: as libxl does it, by domid and uuid.
    /// tree: each domain has a directory of its own, for toolstacks without libxl and for many
    /// domains; the data ends with the boot of the host, that of Domain-0 as well. seed: by uuid
    /// alone, as in an early libxl that was in no release
    #[arg(long, global = true, value_enum, default_value_t)]
    #[arg(env = "USERDATA_LAYOUT", hide_env_values = true)]
    layout: Layout,

    #[cfg(feature = "pool")]
    #[command(flatten)]
    pub(crate) pool: PoolOption,

    /// The host: auto, xen, or sim:FILE for a host that is simulated in FILE. auto: xen if the
    /// machine has a privcmd device, else a simulated host in your state directory
    #[arg(long, global = true, value_name = "HYPERVISOR", default_value = "auto")]
    #[arg(env = "USERDATA_HYPERVISOR", hide_env_values = true)]
    #[arg(value_parser = OsStringValueParser::new().try_map(HypervisorChoice::parse))]
    hypervisor: HypervisorChoice,

    /// Writes one JSON document instead of text, even after a failure
    #[arg(long, global = true)]
    json: bool,

    /// How long a change may wait for the domain's lock, and a read for a file on which another
    /// process has a lease. Each answer of xenstore may take as long, but never less than a second.
    /// On a pool: how long the cluster may take to answer
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10")]
    #[arg(value_parser = seconds, allow_negative_numbers = true)]
    timeout: Duration,

    /// Stores without asking xenstore whether the toolstack has begun to destroy the domain: for
    /// toolstacks that do not write /local/domain/DOMID/vm, and hosts without xenstore. A value
    /// that is stored while such a domain is destroyed may stay behind
    #[arg(long, global = true)]
    no_leaving_check: bool,

    /// The boot of the host that runs now: 1 to 64 of a-z, 0-9 and -. Needed on Xen outside of the
    /// initial domain, which alone boots exactly when the host does. A simulated host names its
    /// boots itself, so this option is refused there
    #[arg(long, global = true, value_name = "ID")]
    boot: Option<BootId>,

    /// What a change must survive. process: the end of this command, but not a power cut. file:
    /// after a power cut there is the whole old value or the whole new one. full: after a power cut
    /// there is the new value. Default: full; with the layout tree, whose data ends with the boot,
    /// process. A pool ignores it: each change is full
    #[arg(long, global = true, value_name = "LEVEL", value_enum)]
    durability: Option<Level>,

    /// The size of the largest value that is stored or read
    #[arg(long, global = true, value_name = "BYTES")]
    #[arg(default_value_t = FileStore::<OsDirectory>::VALUE_MAX)]
    max_size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Layout {
    #[default]
    Libxl,
    Seed,
    Tree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Process,
    File,
    Full,
}

impl Options {
    pub(crate) const fn output(&self) -> Output {
        Output::new(self.json)
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) const fn max_size(&self) -> u64 {
        self.max_size
    }

    /// The host that the options choose.
    pub(crate) fn host(&self) -> Result<Host, Failure> {
        match self.simulated()? {
            Some(_) if self.boot.is_some() => Err(Failure::BootOfSimulated),
            Some(file) => Ok(Host::Simulated(file)),
            None => {
                let mut options = hv_xen::Options::default();
                options.check_leaving = !self.no_leaving_check;
                options.xenstore_timeout = self.timeout.max(XENSTORE_TIMEOUT_MIN);
                options.boot.clone_from(&self.boot);
                Ok(Host::Xen(Xen::open(options)?))
            }
        }
    }

    /// Whether the values are those of a pool.
    pub(crate) const fn is_pool(&self) -> bool {
        #[cfg(feature = "pool")]
        return self.pool.file.is_some();
        #[cfg(not(feature = "pool"))]
        return false;
    }

    /// What a sweep with these options is about.
    pub(crate) fn swept(&self) -> Swept {
        match (self.is_pool(), self.is_tree()) {
            (true, _) => Swept::Pool,
            (false, true) => Swept::Tree,
            (false, false) => Swept::Files,
        }
    }

    /// The host whose domains decide which files a sweep removes. Refused where they cannot.
    pub(crate) fn host_to_sweep(&self) -> Result<Host, Failure> {
        if self.is_pool() {
            return self.host();
        }
        if self.layout == Layout::Seed {
            return Err(Failure::SweepOfSeed);
        }
        let host = self.host()?;
        let (Host::Simulated(simulated), Some(directory)) = (&host, &self.dir) else {
            return Ok(host);
        };
        if is_same_file(directory, &host.default_directory(self.is_tree()).path) {
            return Ok(host);
        }
        let directory = directory.clone();
        // A simulated host that was not asked for knows its own domains alone, and would have those
        // of a Xen host that was booted without Xen removed.
        if matches!(self.hypervisor, HypervisorChoice::Auto) {
            return Err(Failure::SweepOfOthers { directory });
        }
        // One whose file is missing, perhaps because its name was mistyped, knows no domain at all.
        if fs::metadata(simulated.path()).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            let host = simulated.path().to_owned();
            return Err(Failure::SweepWithoutHost { host, directory });
        }
        Ok(host)
    }

    /// The simulated host if the options choose one, `None` if they choose the real one.
    pub(crate) fn simulated(&self) -> Result<Option<HostFile>, Failure> {
        let path = match &self.hypervisor {
            HypervisorChoice::Xen => return Ok(None),
            HypervisorChoice::Simulated(path) => path.clone(),
            HypervisorChoice::Auto => {
                if is_xen(Path::new("/"))? {
                    return Ok(None);
                }
                let path = default_simulated()?;
                self.output().note(format_args!(
                    "this machine has no Xen: the simulated host in {} is used",
                    path.display()
                ));
                path
            }
        };
        Ok(Some(HostFile::new(path).with_timeout(self.timeout)))
    }

    /// The incarnation that is named, found in one snapshot of the host.
    pub(crate) fn key(&self, domain: &DomainArgument, host: &Host) -> Result<DomainKey, Failure> {
        let key = match domain.exact() {
            Some(key) => key,
            None => domain.key(&host.snapshot()?)?,
        };
        self.check_place(&key)?;
        Ok(key)
    }

    /// Refuses Domain-0 and the nil uuid on a pool: they are the same on every host.
    pub(crate) fn check_place(&self, domain: &DomainKey) -> Result<(), Failure> {
        if self.is_pool() && (domain.domid == Domid::ZERO || domain.uuid.is_nil()) {
            return Err(Failure::NotInAPool(format!("domain {domain}")));
        }
        Ok(())
    }

    /// The same for a domain of any host, of which the uuid alone is known.
    #[cfg(feature = "pool")]
    pub(crate) fn check_uuid(uuid: Uuid) -> Result<(), Failure> {
        match uuid.is_nil() {
            true => Err(Failure::NotInAPool(format!("uuid {uuid}"))),
            false => Ok(()),
        }
    }

    /// Refuses on a pool a userid whose owner reads it from the host's files.
    pub(crate) fn check_userid(&self, userid: &Userid) -> Result<(), Failure> {
        if self.is_pool() && stays_behind(userid) {
            return Err(Failure::NotInAPool(format!("userid '{}'", shown(userid))));
        }
        Ok(())
    }

    /// The userdata of a host's domains, for commands that change it. The default directory of a
    /// simulated host is created.
    pub(crate) fn userdata<'host>(&self, host: &'host Host) -> Result<HostData<'host>, Failure> {
        #[cfg(feature = "pool")]
        if let Some(pool) = self.pool(host, Reading::default())? {
            return Ok(self.with_options(host, Box::new(pool)));
        }
        check_variable()?;
        self.files(host)
    }

    /// The userdata in the host's files, for commands that change it.
    pub(crate) fn files<'host>(&self, host: &'host Host) -> Result<HostData<'host>, Failure> {
        let (path, ours) = self.directory(host);
        if ours {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(Failure::io(format!(
                    "create the directory {}",
                    path.display()
                )))?;
        }
        self.open(host, &path)
    }

    /// The same for commands that only read, and create nothing: `None` if the default directory of
    /// a simulated host does not exist yet, so that there are no values.
    pub(crate) fn userdata_to_read<'host>(
        &self,
        host: &'host Host,
        reading: Reading,
    ) -> Result<Option<HostData<'host>>, Failure> {
        #[cfg(feature = "pool")]
        if let Some(pool) = self.pool(host, reading)? {
            if reading.stale {
                self.output()
                    .note("one member of the cluster answers with what it knows, which may be old");
            }
            return Ok(Some(self.with_options(host, Box::new(pool))));
        }
        reading.needs_a_pool()?;
        check_variable()?;
        let (path, ours) = self.directory(host);
        match fs::metadata(&path) {
            Err(error) if ours && error.kind() == io::ErrorKind::NotFound => Ok(None),
            // The error of opening it says what is wrong.
            _ if self.is_tree() => {
                let found = FileStore::find_tree(&path, &host.owner()?, &boot_of(host)?)?;
                Ok(found.map(|store| self.with_store(host, store)))
            }
            _ => self.open(host, &path).map(Some),
        }
    }

    fn open<'host>(&self, host: &'host Host, path: &Path) -> Result<HostData<'host>, Failure> {
        let store = match self.layout {
            Layout::Tree => FileStore::open_tree(path, &host.owner()?, &boot_of(host)?)?,
            _ => FileStore::open(path)?.with_name_format(self.name_format()),
        };
        Ok(self.with_store(host, store))
    }

    fn with_store<'host>(
        &self,
        host: &'host Host,
        store: FileStore<OsDirectory>,
    ) -> HostData<'host> {
        let store = store
            .with_value_max(self.max_size)
            .with_read_timeout(self.timeout);
        self.with_options(host, Box::new(store))
    }

    /// The userdata in a store that is open.
    pub(crate) fn with_options<'host>(
        &self,
        host: &'host Host,
        store: Box<dyn Store>,
    ) -> HostData<'host> {
        let default = match self.layout {
            Layout::Tree => Durability::Process,
            _ => Durability::Full,
        };
        Userdata::new(host, store)
            .with_timeout(self.timeout)
            .with_durability(self.durability.map_or(default, Durability::from))
    }

    pub(crate) fn is_tree(&self) -> bool {
        self.layout == Layout::Tree
    }

    /// How the files of the layout are named.
    pub(crate) const fn name_format(&self) -> NameFormat {
        match self.layout {
            Layout::Libxl => NameFormat::Libxl,
            Layout::Seed => NameFormat::Seed,
            Layout::Tree => NameFormat::Tree,
        }
    }

    /// The directory of the values, and whether it is the default one of a simulated host.
    fn directory(&self, host: &Host) -> (PathBuf, bool) {
        match &self.dir {
            Some(chosen) => (chosen.clone(), false),
            None => {
                let default = host.default_directory(self.is_tree());
                (default.path, default.ours)
            }
        }
    }
}

impl From<Level> for Durability {
    fn from(level: Level) -> Self {
        match level {
            Level::Process => Self::Process,
            Level::File => Self::File,
            Level::Full => Self::Full,
        }
    }
}

/// Refuses the variable that names a pool in a build that has none: the files are not meant.
fn check_variable() -> Result<(), Failure> {
    #[cfg(not(feature = "pool"))]
    if std::env::var_os("USERDATA_POOL").is_some_and(|file| !file.is_empty()) {
        return Err(Failure::NoPools);
    }
    Ok(())
}

/// Whether both paths name the same file or directory, which exists.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// The boot of the host that runs now.
fn boot_of(host: &Host) -> Result<BootId, Failure> {
    host.boot().map_err(|error| match host {
        Host::Xen(_) => Failure::NoBoot(error),
        Host::Simulated(_) => Failure::Hypervisor(error),
    })
}

/// A span of time that sweeps wait for.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        span if span <= SPAN_MAX => Ok(span),
        _ => Err(format!(
            "{} seconds, ten years, is the limit",
            SPAN_MAX.as_secs()
        )),
    }
}

/// A span of time on the command line.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| {
            "the timeout must be a number of seconds that is not negative, such as 10 or 0.5"
                .to_owned()
        })
}
