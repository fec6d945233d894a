//! `Context`: the userdata of one host, and the calls on single values.

use std::sync::Arc;

use userdata::store::Expect;
use userdata::{Outcome, Target, Userdata, UserdataError, Userid, Value};
use userdata::{Version, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};

use crate::failure::{Failure, line};
use crate::host::{self, Host};
use crate::options::Options;

/// Lines for the log about a call that succeeds, or that has more than one failure.
pub(crate) type Warnings = Vec<String>;

/// What `userdata_ctx_alloc` opens.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) userdata: Userdata<Arc<dyn Host>, FileStore<OsDirectory>>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) value_max: u64,
}

/// What a retrieve has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Retrieved {
    Nothing,
    /// The value was not asked for.
    Size(u64),
    Value(Value),
}

impl Context {
    pub(crate) fn open(options: &Options) -> Result<Self, Failure> {
        let (host, directory) = host::open(options)?;
        let store = FileStore::open(directory)
            .map_err(Failure::Store)?
            .with_value_max(options.value_max)
            .with_read_timeout(options.timeout);
        let userdata = Userdata::new(Arc::clone(&host), store)
            .with_timeout(options.timeout)
            .with_durability(options.durability);
        Ok(Self {
            userdata,
            host,
            value_max: options.value_max,
        })
    }

    /// Stores the bytes; if there are none, removes the value.
    pub(crate) fn store(
        &self,
        domain: Target,
        userid: &WritableUserid,
        data: &[u8],
        expect: Expect,
        warnings: &mut Warnings,
    ) -> Result<(), Failure> {
        #[cfg(feature = "panic-on-demand")]
        assert!(userid.as_bytes() != b"panic", "a test asked for a panic");
        done(
            self.userdata.store_if(domain, userid, data, expect),
            warnings,
        )
    }

    /// Reads the value, or its size alone.
    pub(crate) fn retrieve(
        &self,
        domain: Target,
        userid: &Userid,
        size_only: bool,
    ) -> Result<Retrieved, Failure> {
        let found = if size_only {
            let size = self.userdata.size(domain, userid)?;
            size.map(Retrieved::Size)
        } else {
            let value = self.userdata.retrieve(domain, userid)?;
            value.map(Retrieved::Value)
        };
        Ok(found.unwrap_or(Retrieved::Nothing))
    }

    pub(crate) fn remove(
        &self,
        domain: Target,
        userid: &Userid,
        warnings: &mut Warnings,
    ) -> Result<(), Failure> {
        done(self.userdata.remove(domain, userid), warnings)
    }
}

/// The value that a store expects: one with this digest, or none.
pub(crate) fn expected(digest: Option<[u8; 32]>) -> Expect {
    digest.map_or(Expect::Absent, |digest| {
        Expect::Version(Version::from_bytes(digest))
    })
}

/// A lock file that could not be removed is a warning: no process waits for it, and the change is
/// made.
fn done(outcome: Result<Outcome, UserdataError>, warnings: &mut Warnings) -> Result<(), Failure> {
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if error.is_lock_left() => {
            warnings.push(line(&error));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
