//! `Scene`: a domain and a directory in which libxl and this library work at the same time.

use anyhow::Result;
use hv_sim::{HostOptions, NewDomain, SimHost};
use tempfile::TempDir;
use userdata_core::{DomainKey, Domid, WritableUserid};

use crate::check::Subject;
use crate::libxl::{Libxl, Returned};
use crate::ours::{self, Ours};
use crate::setting::file_name;
use crate::step::Call;
use crate::strategy::UUIDS;
use crate::tree::Tree;

/// A domain and a directory that both libraries use.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) directory: TempDir,
    pub(crate) host: SimHost,
    pub(crate) domain: DomainKey,
    pub(crate) xl: WritableUserid,
    pub(crate) ours: Ours,
    pub(crate) libxl: Libxl,
}

impl Scene {
    pub(crate) fn new(subject: &Subject) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let host = SimHost::new(HostOptions::new(0));
        let new = NewDomain::new()
            .with_domid(Domid::new(5)?)
            .with_uuid(UUIDS[0]);
        let domain = host.create(new)?;
        let ours = ours::open(&host, directory.path())?;
        let mut libxl = Libxl::start(&subject.driver, directory.path())?;
        libxl.see(&host)?;
        let xl = WritableUserid::new("xl")?;
        Ok(Self {
            directory,
            host,
            domain,
            xl,
            ours,
            libxl,
        })
    }

    pub(crate) fn tree(&self) -> Result<Tree> {
        Tree::read(self.directory.path())
    }

    pub(crate) fn name(&self, kind: u8, userid: &[u8]) -> Vec<u8> {
        file_name(kind, &self.domain, userid)
    }

    /// Every call that libxl makes under the lock, with its return value if the domain's value is
    /// `data`.
    pub(crate) fn calls(&self, data: &[u8]) -> [(Call, Returned); 4] {
        let (domid, userid) = (self.domain.domid, || b"xl".to_vec());
        let store = Call::Store {
            domid,
            userid: userid(),
            data: b"libxl's".to_vec(),
        };
        let retrieve = Call::Retrieve {
            domid,
            userid: userid(),
        };
        let remove = Call::Remove {
            domid,
            userid: userid(),
        };
        [
            (store, Returned::Code(0)),
            (retrieve, Returned::Value(data.to_vec())),
            (remove, Returned::Code(0)),
            (Call::Destroy { domid }, Returned::Code(0)),
        ]
    }
}
