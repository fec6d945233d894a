//! The pool that `--pool FILE` names, as this host sees it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::{Args, ValueHint};
use thiserror::Error;
use userdata::store::{Home, HostName};
use userdata::{DomainKey, Hypervisor as _, Uuid};
use userdata_etcd::{EtcdEngine, EtcdError};
use userdata_pool::{EngineError, Identity, PoolOptions, PoolStore};

use crate::failure::Failure;
use crate::host::{Host, MACHINE_ID};
use crate::options::Options;
use crate::pool_file::{PoolFile, PoolFileError, Unread};
use crate::reading::Reading;
use crate::status::Status;

/// The uuid of the machine, as its firmware tells it. Only root may read it.
const PRODUCT_UUID: &str = "/sys/class/dmi/id/product_uuid";

/// A pool, as the commands use it.
pub(crate) type Pool = PoolStore<EtcdEngine>;

#[derive(Args, Clone, Debug)]
pub(crate) struct PoolOption {
    /// Works on the pool of hosts that FILE describes, instead of this host's files. Not together
    /// with --dir and --layout; if those are given and the variable is set, the files are used
    #[arg(long = "pool", id = "pool_file", global = true, value_name = "FILE")]
    #[arg(env = "USERDATA_POOL", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// The file is read once: it may be a pipe.
    #[arg(skip)]
    opened: OnceLock<Opened>,
}

/// What the file says, and the engine of its cluster.
#[derive(Clone, Debug)]
struct Opened {
    engine: Arc<EtcdEngine>,
    me: HostName,
    options: PoolOptions,
}

/// Why a command on a pool failed.
#[derive(Debug, Error)]
pub(crate) enum PoolFailure {
    #[error(transparent)]
    File(#[from] PoolFileError),
    #[error("no pool is named: name its file with --pool FILE")]
    NoPool,
    #[error("cannot use the pool")]
    Etcd(#[from] EtcdError),
    #[error("cannot ask the cluster for its version")]
    Server(#[source] EngineError),
    #[error("cannot tell this boot of the host from the next, as a pool needs it")]
    NoBoot(#[source] userdata::hypervisor::HypervisorError),
    #[error(
        "the cluster keeps all of its {revisions} changes and so fills its disk: start etcd with \
         --auto-compaction-retention=1h, or join with --force"
    )]
    NotCompacted { revisions: u64 },
    #[error("a host is forgotten only if it is dead or fenced: say so with --it-is-dead")]
    NotSaidDead,
    #[error(
        "the host {0} is not a member of the pool, and no data is there or moves there: \
         'pool status' shows the members"
    )]
    UnknownHost(String),
    #[error("'{command}' did not move domain {domain}, which runs here: the move is cancelled")]
    NotMoved { domain: DomainKey, command: String },
    #[error(
        "domain {domain} is here and does not run, or has another uuid for now, so the destination \
         may run it: the move stays open; claim it there, or resume it and cancel"
    )]
    StaysOpen { domain: DomainKey },
    #[error(
        "cannot end the move of domain {domain} here: 'pool status' shows whether it is open; then \
         a sweep of this host ends it if the domain is gone, and 'pool cancel' if it runs"
    )]
    NotFinished {
        domain: DomainKey,
        source: Box<Failure>,
    },
    #[error("the move of domain {domain} was cancelled meanwhile, by another call")]
    CancelledMeanwhile { domain: DomainKey },
    #[error("'{command}' failed, although domain {domain} is gone from here")]
    CommandFailed { domain: DomainKey, command: String },
    #[error(
        "the outcome of the attempt cannot be told any more: 16 changes of the domain, or a clear, \
         came after it, or, behind its first store, a removal of another domain whose uuid ends \
         alike; read the values"
    )]
    NotSettled,
}

impl From<&PoolFailure> for Status {
    fn from(failure: &PoolFailure) -> Self {
        match failure {
            PoolFailure::File(PoolFileError::Unread {
                source: Unread::Io(error),
                ..
            }) => error.into(),
            PoolFailure::File(_)
            | PoolFailure::NoPool
            | PoolFailure::NotSaidDead
            | PoolFailure::UnknownHost(_) => Self::Usage,
            PoolFailure::Server(error) => match error {
                EngineError::NotSent(_) | EngineError::Lost(_) => Self::DeadlinePassed,
                EngineError::NotPermitted(_) => Self::NotPermitted,
                _ => Self::Failure,
            },
            PoolFailure::StaysOpen { .. } | PoolFailure::CancelledMeanwhile { .. } => {
                Self::Elsewhere
            }
            PoolFailure::NotFinished { source, .. } => (&**source).into(),
            PoolFailure::NotSettled => Self::OutcomeUnknown,
            _ => Self::Failure,
        }
    }
}

impl Options {
    /// The pool, if the options name one. Nothing is sent.
    pub(crate) fn pool(&self, host: &Host, reading: Reading) -> Result<Option<Pool>, Failure> {
        match &self.pool.file {
            Some(_) => self.connect(host, reading).map(|pool| Some(pool.0)),
            None => Ok(None),
        }
    }

    /// The pool and its engine; refused if the options name none.
    pub(crate) fn connect(
        &self,
        host: &Host,
        reading: Reading,
    ) -> Result<(Pool, Arc<EtcdEngine>), Failure> {
        let Opened {
            engine,
            me: name,
            mut options,
        } = self.opened()?.clone();
        options.timeout = self.timeout();
        options.any_home = reading.homes.any_home;
        options.stale = reading.stale;
        options.value_max = options.value_max.min(self.max_size());
        let boot = host.boot().map_err(PoolFailure::NoBoot)?;
        let (machine, product) = host.machine()?;
        let me = Identity {
            name,
            machine,
            product,
            boot,
        };
        let pool = PoolStore::new(Arc::clone(&engine), me, options);
        Ok((pool, engine))
    }

    /// What every key of the pool begins with.
    pub(crate) fn pool_prefix(&self) -> Result<&str, PoolFailure> {
        Ok(&self.opened()?.options.prefix)
    }

    /// The name of this host.
    pub(crate) fn pool_host(&self) -> Result<&HostName, PoolFailure> {
        Ok(&self.opened()?.me)
    }

    /// The engine and the file, which is read at the first call.
    fn opened(&self) -> Result<&Opened, PoolFailure> {
        if let Some(opened) = self.pool.opened.get() {
            return Ok(opened);
        }
        let path = self.pool.file.as_deref().ok_or(PoolFailure::NoPool)?;
        let file = PoolFile::read(path)?;
        let opened = Opened {
            engine: Arc::new(EtcdEngine::new(file.etcd)?),
            me: file.host,
            options: file.options,
        };
        Ok(self.pool.opened.get_or_init(|| opened))
    }

    /// The homes of all data, or of the data of one domain; none without a pool.
    pub(crate) fn homes(
        &self,
        host: &Host,
        uuid: Option<Uuid>,
        reading: Reading,
    ) -> Result<Homes, Failure> {
        let Some(pool) = self.pool(host, reading)? else {
            return Ok(Homes::default());
        };
        let me = self.opened()?.me.clone();
        let roster = match uuid {
            Some(uuid) => pool.roster_of(uuid)?,
            None => pool.roster()?,
        };
        let placed = roster.placed.into_iter();
        let of = placed.filter_map(|placed| Some((placed.uuid, placed.home?)));
        Ok(Homes {
            me: Some(me),
            of: of.collect(),
        })
    }
}

/// The home of each domain's data, for a list.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    me: Option<HostName>,
    of: BTreeMap<Uuid, Home>,
}

impl Homes {
    pub(crate) fn home(&self, uuid: Uuid) -> Option<&Home> {
        self.of.get(&uuid)
    }

    /// Whether this host's hypervisor knows nothing of the domain, whose home is another host.
    pub(crate) fn is_elsewhere(&self, uuid: Uuid) -> bool {
        self.home(uuid)
            .is_some_and(|home| Some(&home.host) != self.me.as_ref())
    }
}

impl Host {
    /// The machine-id and the product uuid. A simulated host is a machine of its own.
    fn machine(&self) -> Result<(String, String), Failure> {
        match self {
            Self::Xen(_) => {
                let failed =
                    |what: &str| Failure::io(format!("read {what}, which names this host"));
                let machine = fs::read_to_string(MACHINE_ID).map_err(failed(MACHINE_ID))?;
                let product = match fs::read_to_string(PRODUCT_UUID) {
                    Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
                    read => read.map_err(failed(PRODUCT_UUID))?,
                };
                let text = |text: &str| text.trim().to_owned();
                match machine.trim() {
                    "" => Err(failed(MACHINE_ID)(io::ErrorKind::UnexpectedEof.into())),
                    machine => Ok((machine.to_owned(), text(&product))),
                }
            }
            Self::Simulated(_) => Ok((self.owner()?.to_string(), String::new())),
        }
    }
}
