//! Hosts of one pool, each with a simulated hypervisor.

use std::sync::Arc;
use std::time::Duration;

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::{Userdata, UserdataError};
use userdata_core::store::{Home, Refused, Stage, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Hypervisor, Uuid, WritableUserid};
use userdata_pool::{Identity, PoolOptions, PoolStore};

use crate::engine::SimEngine;

/// Small, so that few keys fill several pages.
pub(crate) const PAGE: usize = 1_000;

pub(crate) type Pool = PoolStore<SimEngine>;

/// One host: its hypervisor, its view of the pool, and the facade over both.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) xen: SimHost,
    pub(crate) pool: Pool,
    pub(crate) facade: Userdata<SimHost, Pool>,
}

pub(crate) fn identity(name: &str, boot: &str) -> Identity {
    Identity {
        name: name.parse().unwrap(),
        machine: format!("machine-{name}"),
        product: "product".into(),
        boot: boot.parse().unwrap(),
    }
}

impl Host {
    /// A member that has joined.
    pub(crate) fn new(engine: &Arc<SimEngine>, name: &str) -> Self {
        let host = Self::of(engine, name, SimHost::new(HostOptions::new(1)));
        host.pool.join().unwrap();
        host
    }

    pub(crate) fn of(engine: &Arc<SimEngine>, name: &str, xen: SimHost) -> Self {
        let boot = xen.boot().unwrap();
        let me = identity(name, boot.as_str());
        let mut options = PoolOptions::default();
        options.page = PAGE;
        let pool = PoolStore::new(Arc::clone(engine), me, options);
        Self {
            name: name.to_owned(),
            facade: Userdata::new(xen.clone(), pool.clone()),
            pool,
            xen,
        }
    }

    /// The host after a reboot; it has not joined yet.
    pub(crate) fn rebooted(self, engine: &Arc<SimEngine>) -> Self {
        self.xen.boot_host().unwrap();
        Self::of(engine, &self.name, self.xen)
    }

    pub(crate) fn create(&self) -> DomainKey {
        self.xen.create(NewDomain::new().with_uuid(uuid())).unwrap()
    }

    pub(crate) fn store(&self, domain: DomainKey, value: &str) -> Result<(), UserdataError> {
        let stored = self.facade.store(domain, &agent(), value.as_bytes());
        stored.map(drop)
    }

    /// The value, or `None`.
    pub(crate) fn value(&self, domain: DomainKey) -> Option<String> {
        let value = self.facade.retrieve(domain, agent()).unwrap()?;
        Some(String::from_utf8(value.into_bytes()).unwrap())
    }
}

pub(crate) fn uuid() -> Uuid {
    Uuid::from_u128(0x1111_2222)
}

pub(crate) fn agent() -> WritableUserid {
    WritableUserid::new("agent").unwrap()
}

/// Another userid.
pub(crate) fn second() -> WritableUserid {
    WritableUserid::new("second").unwrap()
}

pub(crate) fn two_hosts() -> (Arc<SimEngine>, Host, Host) {
    let engine = Arc::new(SimEngine::default());
    let (a, b) = (Host::new(&engine, "a"), Host::new(&engine, "b"));
    (engine, a, b)
}

/// A domain on the first host, with the value "old", or with a grave alone.
pub(crate) fn with_old_value(old: bool) -> (Arc<SimEngine>, Host, DomainKey) {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    match old {
        true => a.store(domain, "old").unwrap(),
        false => make_grave(&engine),
    }
    (engine, a, domain)
}

/// Begins a move.
pub(crate) fn begin(from: &Host, domain: &DomainKey, to: &Host) {
    let to = to.name.parse().unwrap();
    from.pool.begin(&from.xen, domain, &to).unwrap();
}

/// The stage of a move to this host.
pub(crate) fn stage_to(host: &Host) -> Stage {
    Stage::Moving(host.name.parse().unwrap())
}

/// Makes the grave of the uuid, so that the first store finds it.
pub(crate) fn make_grave(engine: &SimEngine) {
    engine.overwrite("/userdata/1/grave/22", b"1 numbers=abc");
}

/// The home that a refused store tells.
#[track_caller]
pub(crate) fn elsewhere<T: std::fmt::Debug>(stored: Result<T, UserdataError>) -> Home {
    match stored.unwrap_err().kind() {
        userdata::UserdataErrorKind::NotHere(Refused::Elsewhere(home)) => home.clone(),
        other => panic!("{other:?}"),
    }
}

/// The refusal of a call of the pool.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Refused {
    result.unwrap_err().into_refused().unwrap()
}

#[track_caller]
pub(crate) fn assert_elsewhere<T: std::fmt::Debug>(result: Result<T, StoreError>, stage: &Stage) {
    match refusal(result) {
        Refused::Elsewhere(home) => assert_eq!(home.stage, *stage),
        other => panic!("{other:?}"),
    }
}

/// Whether the outcome of a change is told as unknown.
pub(crate) fn is_unknown(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::OutcomeUnknown { .. })
}

pub(crate) const PATIENT: Duration = Duration::from_secs(10);
