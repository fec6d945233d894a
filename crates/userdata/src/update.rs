//! Read, modify, write: the caller computes the new value from the old one.

use userdata_core::store::Expect;
use userdata_core::{Hypervisor, Source, Store, Value, WritableUserid};

use crate::protocol::find_alive;
use crate::{Outcome, Target, Userdata, UserdataError, UserdataErrorKind};

/// How often [`Userdata::update`] tries when another process changes the value first.
const UPDATES_MAX: u32 = 64;

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Replaces a value by the bytes that `change` computes from the old value. If another process
    /// changes the value first, `change` is called again with the value of that process. `change`
    /// returns the new bytes, or `None` to leave the value as it is, or an error. Empty bytes
    /// remove the value. All tries together have one timeout, with the reads of a store that has
    /// [`Store::get_within`].
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::ClosureFailed`] if `change` fails; [`UserdataErrorKind::GaveUp`] after
    /// 64 tries, or if another process changes the value first after the timeout has passed; and
    /// the errors of [`Userdata::store`] and [`Userdata::retrieve`].
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host, FileStore::open(directory.path())?);
    /// let userid = WritableUserid::new("boots")?;
    /// let count = |old: Option<&userdata::Value>| -> Result<_, userdata::Source> {
    ///     let boots: u64 = match old {
    ///         Some(old) => std::str::from_utf8(old.as_bytes())?.parse()?,
    ///         None => 0,
    ///     };
    ///     Ok(Some((boots + 1).to_string().into_bytes()))
    /// };
    /// userdata.update(domain, &userid, count)?;
    /// userdata.update(domain, &userid, count)?;
    /// let value = userdata.retrieve(domain, &userid)?;
    /// assert_eq!(value.map(|value| value.into_bytes()), Some(b"2".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(userid = %userid)))]
    pub fn update<E: Into<Source>>(
        &self,
        target: impl Into<Target>,
        userid: &WritableUserid,
        change: impl FnMut(Option<&Value>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Outcome, UserdataError> {
        let target = target.into();
        self.try_update(target, userid, change)
            .map_err(|kind| UserdataError::of("update", Some(userid.as_userid()), target, kind))
    }

    fn try_update<E: Into<Source>>(
        &self,
        target: Target,
        userid: &WritableUserid,
        mut change: impl FnMut(Option<&Value>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Outcome, UserdataErrorKind> {
        let time_left = self.time_left();
        let key = find_alive(&self.hypervisor, target)?;
        for tries in 1..=UPDATES_MAX {
            let old = self
                .store
                .get_within(&key, time_left.get(), userid.as_userid())?;
            let new = change(old.as_ref())
                .map_err(|error| UserdataErrorKind::ClosureFailed(error.into()))?;
            let Some(new) = new else {
                return Ok(Outcome::Unchanged);
            };
            let expect = old
                .as_ref()
                .map_or(Expect::Absent, |old| Expect::Version(old.version()));
            let remaining = time_left.get();
            match self.put(&key, userid, &new, expect, remaining) {
                Err(kind) if kind.is_conflict() && remaining.is_zero() => {
                    return Err(UserdataErrorKind::GaveUp { tries });
                }
                Err(kind) if kind.is_conflict() => {}
                done => return done,
            }
        }
        Err(UserdataErrorKind::GaveUp { tries: UPDATES_MAX })
    }
}
