//! Export: reading the values of a domain as they are at one instant.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::{DomainKey, Hypervisor, Store, Userid, Value};

use super::Selection;
use crate::{Target, Userdata, UserdataError, UserdataErrorKind};

/// The values of a domain at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The incarnation that had them.
    pub domain: DomainKey,
    /// The values, in order of userid.
    pub values: Vec<(Userid, Value)>,
}

/// How much one export may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of values. Default: 1 024.
    pub values: u64,
    /// The bytes of all values together. Default: 64 MiB.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: 1024,
            bytes: 64 << 20,
        }
    }
}

/// The quantity that a limit bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counted {
    /// Values.
    Values,
    /// Bytes of values.
    Bytes,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Values => "values",
            Self::Bytes => "bytes",
        })
    }
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Reads the selected values of a domain, all as they are at one instant: no process that takes
    /// the domain's lock, as libxl and this library do, changes one of them meanwhile.
    ///
    /// libxl has no such call. A target that is a domain key is not looked up, so the values of a
    /// domain that is gone can be exported.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`]; [`UserdataErrorKind::LimitExceeded`]; an error of the
    /// store or the hypervisor. An empty or damaged value is an error; [`Selection::without`]
    /// leaves it out.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// use userdata::follow::{Limits, Selection};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// userdata.store(domain, &WritableUserid::new("agent")?, b"state")?;
    /// let exported = userdata.export(domain, &Selection::new(), &Limits::default())?;
    /// assert_eq!(exported.values.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn export(
        &self,
        target: impl Into<Target>,
        which: &Selection,
        limits: &Limits,
    ) -> Result<Exported, UserdataError> {
        let target = target.into();
        let time_left = self.time_left();
        self.key_to_read(target)
            .and_then(|key| self.values_to_follow(&key, which, limits, time_left.get()))
            .map_err(|kind| UserdataError::of("export the userdata of", None, target, kind))
    }

    pub(crate) fn values_to_follow(
        &self,
        domain: &DomainKey,
        which: &Selection,
        limits: &Limits,
        timeout: Duration,
    ) -> Result<Exported, UserdataErrorKind> {
        let mut values = Vec::new();
        let (mut bytes, mut exceeded) = (0_u64, None);
        let mut each = |userid, value: Value| {
            bytes = bytes.saturating_add(value.as_bytes().len() as u64);
            values.push((userid, value));
            let counts = [
                (Counted::Values, limits.values, values.len() as u64),
                (Counted::Bytes, limits.bytes, bytes),
            ];
            exceeded = counts.into_iter().find(|(_, limit, found)| found > limit);
            match exceeded {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        };
        self.store
            .snapshot(domain, timeout, &|userid| which.has(userid), &mut each)?;
        match exceeded {
            Some((what, limit, found)) => {
                Err(UserdataErrorKind::LimitExceeded { what, limit, found })
            }
            None => Ok(Exported {
                domain: *domain,
                values,
            }),
        }
    }
}
