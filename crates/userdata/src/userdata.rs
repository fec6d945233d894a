//! `Userdata`: a host's userdata, as consumers call it.

use std::ops::ControlFlow;

use userdata_core::{
    Clear, Cleared, Condition, Deadline, DomainKey, Done, Durability, Entry, Expect, Found,
    Hypervisor, Life, Op, Operation, Refused, Store, StoreError, StoreErrorKind, Userid,
    UseridError, Value, WritableUserid,
};

use crate::protocol::{admit_removal, admit_store, find, find_alive, life_of};
use crate::{Outcome, Target, UserdataError, UserdataErrorKind};

/// How often [`Userdata::update`] tries when others change the value first.
const UPDATES_MAX: u32 = 64;

/// How changes are made unless a call says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a change may wait for the domain's lock. Default: ten seconds.
    pub deadline: Deadline,
    /// What a change must survive. Default: a power cut.
    pub durability: Durability,
}

/// The userdata of the domains of one host.
///
/// Every call stands for itself; nothing is cached, and clones of the parts may be used at the same
/// time from any thread and process.
#[derive(Clone, Debug)]
pub struct Userdata<H, S> {
    pub(crate) hypervisor: H,
    pub(crate) store: S,
    pub(crate) options: Options,
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// The userdata in `store` of the domains that `hypervisor` knows.
    pub fn new(hypervisor: H, store: S) -> Self {
        Self {
            hypervisor,
            store,
            options: Options::default(),
        }
    }

    /// The same with another deadline for changes.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Deadline) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// The same with another durability of changes.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// How changes are made.
    pub const fn options(&self) -> Options {
        self.options
    }

    /// Replaces the value under `userid`, or makes a first one. Zero bytes remove it.
    ///
    /// Replaces `libxl_userdata_store`. Atomic: whoever reads sees the whole old or the whole new
    /// value, also across a power cut unless the durability is `Process`.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`], [`UserdataErrorKind::BeingDestroyed`], or what the
    /// store or the hypervisor said. The old value stays unless the kind of the store's error says
    /// otherwise.
    #[doc(alias = "libxl_userdata_store")]
    pub fn store(
        &self,
        target: impl Into<Target>,
        userid: &WritableUserid,
        data: &[u8],
    ) -> Result<Outcome, UserdataError> {
        self.store_if(target, userid, data, Expect::Any)
    }

    /// As [`Userdata::store`], but only if what is there is what the caller expects.
    ///
    /// # Errors
    ///
    /// Also `StoreErrorKind::PreconditionFailed`, with the version that is there.
    #[cfg_attr(
        feature = "tracing",
        tracing::instrument(skip_all, fields(userid = %userid, bytes = data.len()))
    )]
    pub fn store_if(
        &self,
        target: impl Into<Target>,
        userid: &WritableUserid,
        data: &[u8],
        expect: Expect,
    ) -> Result<Outcome, UserdataError> {
        let target = target.into();
        find_alive(&self.hypervisor, target)
            .and_then(|key| self.put(&key, userid, data, expect))
            .map_err(|kind| UserdataError::new("store", Some(userid), target, kind))
    }

    fn put(
        &self,
        key: &DomainKey,
        userid: &WritableUserid,
        data: &[u8],
        expect: Expect,
    ) -> Result<Outcome, UserdataErrorKind> {
        let Options {
            deadline,
            durability,
        } = self.options;
        let op = if data.is_empty() {
            Op::Delete {
                userid,
                expect,
                durability,
            }
        } else {
            Op::Put {
                userid,
                data,
                expect,
                durability,
            }
        };
        let done = self.store.change(
            key,
            deadline,
            &mut |state| admit_store(&self.hypervisor, key, state),
            &[op],
        )?;
        Ok(Outcome::of(&done))
    }

    /// Replaces a value by what `change` makes of the old one, and tries again when somebody else
    /// was first. No bytes remove the value. `change` may be called several times.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::GaveUp`] after 64 tries, and those of [`Userdata::store`] and
    /// [`Userdata::retrieve`].
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(userid = %userid)))]
    pub fn update(
        &self,
        target: impl Into<Target>,
        userid: &WritableUserid,
        mut change: impl FnMut(Option<&Value>) -> Vec<u8>,
    ) -> Result<Outcome, UserdataError> {
        let target = target.into();
        let failed = |kind| UserdataError::new("update", Some(userid), target, kind);
        let key = find_alive(&self.hypervisor, target).map_err(failed)?;
        for _ in 0..UPDATES_MAX {
            let old = self.store.get(&key, userid).map_err(|e| failed(e.into()))?;
            let expect = old
                .as_ref()
                .map_or(Expect::Absent, |old| Expect::Version(old.version()));
            match self.put(&key, userid, &change(old.as_ref()), expect) {
                Err(UserdataErrorKind::Store(error))
                    if matches!(error.kind(), StoreErrorKind::PreconditionFailed { .. }) => {}
                done => return done.map_err(failed),
            }
        }
        Err(failed(UserdataErrorKind::GaveUp { tries: UPDATES_MAX }))
    }

    /// The value under `userid`, or `None` if there is none.
    ///
    /// Replaces `libxl_userdata_retrieve`, but takes no lock and needs no right to write. Works
    /// while the domain is being destroyed. A target that is a key is not looked up, so that data
    /// of a domain that is gone can be read.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`], or what the store or the hypervisor said; a value that
    /// is empty or damaged is an error and never `None`.
    #[doc(alias = "libxl_userdata_retrieve")]
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(userid = %userid)))]
    pub fn retrieve(
        &self,
        target: impl Into<Target>,
        userid: &Userid,
    ) -> Result<Option<Value>, UserdataError> {
        let target = target.into();
        self.key_to_read(target)
            .and_then(|key| Ok(self.store.get(&key, userid)?))
            .map_err(|kind| UserdataError::new("retrieve", Some(userid), target, kind))
    }

    /// The size of the value under `userid` in bytes, without reading it.
    ///
    /// Replaces `libxl_userdata_retrieve` with a null pointer for the data.
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::retrieve`].
    pub fn size(
        &self,
        target: impl Into<Target>,
        userid: &Userid,
    ) -> Result<Option<u64>, UserdataError> {
        let target = target.into();
        let measure = |key| match self.store.stat(&key, userid)? {
            None => Ok(None),
            Some(entry) => size_of(&entry).map(Some),
        };
        self.key_to_read(target)
            .and_then(measure)
            .map_err(|kind| UserdataError::new("measure", Some(userid), target, kind))
    }

    /// Whether there is a value under `userid`, without reading it.
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::retrieve`].
    pub fn exists(
        &self,
        target: impl Into<Target>,
        userid: &Userid,
    ) -> Result<bool, UserdataError> {
        self.size(target, userid).map(|size| size.is_some())
    }

    /// Every value of a domain, in order of userid. A target that is a key is not looked up.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`], or what the store or the hypervisor said.
    pub fn list(&self, target: impl Into<Target>) -> Result<Vec<Entry>, UserdataError> {
        let target = target.into();
        self.key_to_read(target)
            .and_then(|key| Ok(self.store.list(&key)?))
            .map_err(|kind| UserdataError::new("list the userdata of", None, target, kind))
    }

    /// Shows every record of every domain, existing or not, to `each`, until it breaks.
    ///
    /// # Errors
    ///
    /// What the store said.
    pub fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.store.scan(each)
    }

    /// Removes the value under `userid`, whoever stored it and whatever stands there. Allowed while
    /// the domain is being destroyed.
    ///
    /// Replaces `libxl_userdata_unlink`. To remove what is not there is no error.
    ///
    /// # Errors
    ///
    /// [`UserdataErrorKind::NoSuchDomain`]; [`UserdataErrorKind::Userid`] for `libxl-json`, see
    /// [`Userdata::remove_libxl_json`]; what the store or the hypervisor said.
    #[doc(alias = "libxl_userdata_unlink")]
    pub fn remove(
        &self,
        target: impl Into<Target>,
        userid: &Userid,
    ) -> Result<Outcome, UserdataError> {
        let target = target.into();
        if userid.is_libxl_json() {
            let kind = UserdataErrorKind::Userid(UseridError::LibxlJson);
            return Err(UserdataError::new("remove", Some(userid), target, kind));
        }
        self.delete(target, userid)
    }

    /// Removes libxl's own record of a domain, without which `xl` takes it for one that is being
    /// created or destroyed. A method of its own because nobody should do so by accident.
    ///
    /// # Errors
    ///
    /// Those of [`Userdata::remove`].
    pub fn remove_libxl_json(&self, target: impl Into<Target>) -> Result<Outcome, UserdataError> {
        self.delete(target.into(), &WritableUserid::libxl_json())
    }

    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all, fields(userid = %userid)))]
    fn delete(&self, target: Target, userid: &Userid) -> Result<Outcome, UserdataError> {
        let Options {
            deadline,
            durability,
        } = self.options;
        let change = |key: DomainKey| {
            let op = Op::Delete {
                userid,
                expect: Expect::Any,
                durability,
            };
            let admit = &mut |_: &_| admit_removal(&self.hypervisor, &key);
            Ok(Outcome::of(&self.store.change(
                &key,
                deadline,
                admit,
                &[op],
            )?))
        };
        find(&self.hypervisor, target)
            .and_then(|domain| change(domain.key))
            .map_err(|kind| UserdataError::new("remove", Some(userid), target, kind))
    }

    /// Removes all data of a domain. From a domain that lives only what it can spare, unless `what`
    /// says everything; from one that does not, everything. A target that is a key may name a
    /// domain that is gone.
    ///
    /// Replaces `libxl__userdata_destroyall`, and says what it did.
    ///
    /// # Errors
    ///
    /// When nothing could be removed. What could not be removed is in [`Cleared::failed`].
    #[doc(alias = "libxl__userdata_destroyall")]
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn destroy_all(
        &self,
        target: impl Into<Target>,
        what: Clear,
    ) -> Result<Cleared, UserdataError> {
        let target = target.into();
        self.key_to_read(target)
            .and_then(|key| self.clear_as_it_lives(&key, what))
            .map_err(|kind| UserdataError::new("destroy all userdata of", None, target, kind))
    }

    fn clear_as_it_lives(
        &self,
        key: &DomainKey,
        what: Clear,
    ) -> Result<Cleared, UserdataErrorKind> {
        let what = match life_of(&self.hypervisor, key)? {
            Some(Life::Alive | Life::Dying) => what,
            _ => Clear::Everything,
        };
        // Who is gone stays gone, but who lives may go while the lock is waited for; then the rest
        // of its data is for whoever destroys it.
        self.clear(key, what)
    }

    pub(crate) fn clear(&self, key: &DomainKey, what: Clear) -> Result<Cleared, UserdataErrorKind> {
        let Options {
            deadline,
            durability,
        } = self.options;
        let op = Op::Clear { what, durability };
        let admit: &mut dyn FnMut(&_) -> Result<(), Refused> = &mut |_| Ok(());
        let done = self.store.change(key, deadline, admit, &[op])?;
        Ok(done
            .into_iter()
            .find_map(|done| match done {
                Done::Cleared(cleared) => Some(cleared),
                _ => None,
            })
            .unwrap_or_default())
    }

    /// Which domain's data is read. A key says it all.
    fn key_to_read(&self, target: Target) -> Result<DomainKey, UserdataErrorKind> {
        match target {
            Target::Key(key) => Ok(key),
            Target::Domid(_) => find(&self.hypervisor, target).map(|domain| domain.key),
        }
    }
}

/// The size of a value that can be read.
fn size_of(entry: &Entry) -> Result<u64, UserdataErrorKind> {
    let kind = match entry.condition {
        Condition::Whole => return Ok(entry.size),
        Condition::NotRegular(file_type) => StoreErrorKind::NotRegular(file_type),
        _ => StoreErrorKind::Empty,
    };
    let userid = entry.userid.as_bytes();
    Err(UserdataErrorKind::Store(StoreError::new(
        Operation::Inspect,
        userid,
        kind,
    )))
}
