//! Hosts of a pool, each with a simulated hypervisor, as clients of a real cluster.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::{Userdata, UserdataError};
use userdata_core::{DomainKey, Hypervisor, Uuid, WritableUserid};
use userdata_etcd::{EtcdEngine, EtcdOptions};
use userdata_pool::{Identity, PoolOptions, PoolStore};

use crate::cluster::Cluster;

/// A host's view of the pool.
pub(crate) type Pool = PoolStore<EtcdEngine>;

/// How long a call may take, unless a check says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// One host: its hypervisor, its view of the pool, and the facade over both.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) xen: SimHost,
    pub(crate) pool: Pool,
    pub(crate) facade: Userdata<SimHost, Pool>,
    userid: WritableUserid,
}

impl Host {
    /// A new host of this name, which has joined.
    pub(crate) fn joined(cluster: &Cluster, name: &str) -> Result<Self> {
        let xen = SimHost::new(HostOptions::new(1));
        let host = Self::of(&cluster.endpoints(), name, xen, options())?;
        host.pool.join().context("cannot join")?;
        Ok(host)
    }

    /// A client of these members, on a host of this name.
    pub(crate) fn of(
        endpoints: &[String],
        name: &str,
        xen: SimHost,
        options: PoolOptions,
    ) -> Result<Self> {
        let identity = identity(name, &xen)?;
        let timeout = options.timeout;
        let pool = PoolStore::new(engine(endpoints)?, identity, options);
        Ok(Self {
            name: name.to_owned(),
            facade: Userdata::new(xen.clone(), pool.clone()).with_timeout(timeout),
            pool,
            xen,
            userid: WritableUserid::new("agent")?,
        })
    }

    /// Another client on this host, with connections of its own.
    pub(crate) fn client(&self, endpoints: &[String]) -> Result<Self> {
        Self::of(endpoints, &self.name, self.xen.clone(), options())
    }

    /// A domain with this uuid, which runs.
    pub(crate) fn create(&self, uuid: Uuid) -> Result<DomainKey> {
        Ok(self.xen.create(NewDomain::new().with_uuid(uuid))?)
    }

    pub(crate) fn store(&self, domain: DomainKey, value: &str) -> Result<(), UserdataError> {
        let stored = self.facade.store(domain, &self.userid, value.as_bytes());
        stored.map(drop)
    }

    /// The value, or `None`.
    pub(crate) fn value(&self, domain: DomainKey) -> Result<Option<String>> {
        let value = self.facade.retrieve(domain, self.userid.as_userid())?;
        let text = |value: userdata::Value| String::from_utf8(value.into_bytes());
        Ok(value.map(text).transpose()?)
    }
}

/// A new connection to these members.
pub(crate) fn engine(endpoints: &[String]) -> Result<Arc<EtcdEngine>> {
    let endpoints = endpoints.iter().map(|endpoint| endpoint.parse());
    let options = EtcdOptions {
        endpoints: endpoints.collect::<Result<_, _>>()?,
        ..EtcdOptions::default()
    };
    Ok(Arc::new(EtcdEngine::new(options)?))
}

/// The identity of a machine with this name.
pub(crate) fn identity(name: &str, xen: &impl Hypervisor) -> Result<Identity> {
    Ok(Identity {
        name: name.parse()?,
        machine: format!("machine-{name}"),
        product: "product".to_owned(),
        boot: xen.boot()?,
    })
}

/// The options of a host, with this rig's timeout.
pub(crate) fn options() -> PoolOptions {
    let mut options = PoolOptions::default();
    options.timeout = TIMEOUT;
    options
}

/// The uuid of the domain with this number.
pub(crate) const fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x1111_2222_0000_0000 + number)
}
