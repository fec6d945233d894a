//! `Closing`: a destruction in two steps.

use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::store::{
    Cleared, ClosingMark, Keep, Refused, State, StoreError, StoreErrorKind,
};
use userdata_core::{DomainKey, Hypervisor, Life, Source, Store};

use crate::clear::no_outcome;
use crate::destroy::VERB;
use crate::protocol::{admit_clear_of_gone, find, life_of};
use crate::waiting::TimeLeft;
use crate::{DestroyError, Destroyed, Target, Userdata, UserdataError, UserdataErrorKind};

/// A domain whose destruction has begun with [`Userdata::begin_destroy`] and ends with
/// [`Userdata::end_destroy`]. Meanwhile stores are refused, if the domain could be marked. If it is
/// dropped instead, the mark is void, and all data is as it was.
#[derive(Debug)]
#[must_use]
pub struct Closing {
    target: Target,
    pub(crate) domain: DomainKey,
    /// `None` if the store could not make it.
    mark: Option<Box<dyn ClosingMark>>,
    problems: Vec<UserdataError>,
}

impl Closing {
    pub(crate) const fn new(
        target: Target,
        domain: DomainKey,
        mark: Option<Box<dyn ClosingMark>>,
    ) -> Self {
        Self {
            target,
            domain,
            mark,
            problems: Vec::new(),
        }
    }

    /// The incarnation that is to be destroyed.
    #[must_use]
    pub const fn domain(&self) -> DomainKey {
        self.domain
    }

    /// Errors about the data so far. The domain may be destroyed all the same.
    #[must_use]
    pub fn problems(&self) -> &[UserdataError] {
        &self.problems
    }
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// The first step of [`Userdata::destroy`], for toolstacks that destroy domains
    /// asynchronously: marks the domain as closing. The caller destroys the domain, and then calls
    /// [`Userdata::end_destroy`].
    ///
    /// It succeeds even if the store fails, or if this host is not a member of the pool; that is
    /// then in [`Closing::problems`].
    ///
    /// # Errors
    ///
    /// If there is no such domain, if another process is destroying it, or if the hypervisor does
    /// not answer. Nothing was changed.
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
    /// # let userdata = Userdata::new(host.clone(), FileStore::open(directory.path())?);
    /// let userid = WritableUserid::new("agent")?;
    /// userdata.store(domain, &userid, b"state")?;
    /// let closing = userdata.begin_destroy(domain)?;
    /// assert!(userdata.store(domain, &userid, b"late").is_err());
    /// let returned = host.destroy(domain.domid);
    /// let destroyed = userdata.end_destroy(closing, returned)?;
    /// assert_eq!(destroyed.cleared.expect("the store works").removed.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn begin_destroy(&self, target: impl Into<Target>) -> Result<Closing, UserdataError> {
        let target = target.into();
        let failed = |kind| UserdataError::of(VERB, None, target, kind);
        let (domain, mark) = self.find_and_mark(target).map_err(failed)?;
        let (mark, problems) = match mark {
            Ok(mark) => (Some(mark), Vec::new()),
            Err(error) => (None, vec![failed(error.into())]),
        };
        Ok(Closing {
            target,
            domain,
            mark,
            problems,
        })
    }

    /// The second step: asks the hypervisor whether the domain still exists, and removes its data
    /// or ends the mark. `returned` is the result of what was to destroy the domain.
    ///
    /// # Errors
    ///
    /// As [`Userdata::destroy`], but never [`DestroyError::NotStarted`].
    ///
    /// # Example
    ///
    /// See [`Userdata::begin_destroy`].
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn end_destroy<R, E: Into<Source>>(
        &self,
        closing: Closing,
        returned: Result<R, E>,
    ) -> Result<Destroyed<R>, DestroyError> {
        self.end_destroy_after(closing, returned, |_, _| Ok(()))
    }

    /// The same. If the domain is gone, `before_clear` gets the mark and the time that is left. If
    /// it fails, the data stays.
    pub(crate) fn end_destroy_after<R, E: Into<Source>>(
        &self,
        closing: Closing,
        returned: Result<R, E>,
        before_clear: impl FnOnce(
            &mut dyn ClosingMark,
            &TimeLeft<'_, S>,
        ) -> Result<(), UserdataErrorKind>,
    ) -> Result<Destroyed<R>, DestroyError> {
        let Closing {
            target,
            domain: key,
            mut mark,
            mut problems,
        } = closing;
        let failed = |kind| UserdataError::of(VERB, None, target, kind);
        let returned = returned.map_err(Into::into);
        let time_left = self.time_left();
        match life_of(&self.hypervisor, &key) {
            Ok(Some(Life::Alive)) => {
                problems.extend(reopen(mark, time_left.get()).map_err(failed).err());
                Err(match returned {
                    Ok(_) => DestroyError::StillAlive { problems },
                    Err(source) => DestroyError::Failed { source, problems },
                })
            }
            // A domain that is dying never comes back.
            Ok(_) => {
                let before = mark
                    .as_mut()
                    .map_or(Ok(()), |mark| before_clear(&mut **mark, &time_left));
                let cleared = before.and_then(|()| self.clear_closed(&key, mark, &time_left));
                let cleared = cleared.map_err(|kind| problems.push(failed(kind))).ok();
                match returned {
                    Ok(value) => Ok(Destroyed {
                        value,
                        cleared,
                        problems,
                    }),
                    Err(source) => Err(DestroyError::DestroyedWithError {
                        source,
                        cleared,
                        problems,
                    }),
                }
            }
            // Unknown is not gone: the data stays.
            Err(refused) => {
                problems.push(failed(refused.into()));
                problems.extend(reopen(mark, time_left.get()).map_err(failed).err());
                let source = returned.err();
                Err(DestroyError::Unknown { source, problems })
            }
        }
    }

    /// The domain, and its closing mark, or why the store could not make it.
    #[expect(
        clippy::type_complexity,
        reason = "a failed mark is not a failed look-up"
    )]
    pub(crate) fn find_and_mark(
        &self,
        target: Target,
    ) -> Result<(DomainKey, Result<Box<dyn ClosingMark>, StoreError>), UserdataErrorKind> {
        let key = find(&self.hypervisor, target)?.key;
        match self.mark(&key) {
            Ok(mark) => Ok((key, Ok(mark))),
            Err(error) => match error.kind() {
                // Such a host stores nothing, so its domains need no mark.
                StoreErrorKind::Refused(Refused::NotAMember) => Ok((key, Err(error))),
                StoreErrorKind::Refused(_) => Err(error.into()),
                _ => Ok((key, Err(error))),
            },
        }
    }

    fn mark(&self, key: &DomainKey) -> Result<Box<dyn ClosingMark>, StoreError> {
        self.store.close(key, self.options.timeout, &mut |state| {
            if state.closing {
                return Err(Refused::BeingDestroyed);
            }
            match life_of(&self.hypervisor, key)? {
                Some(Life::Alive | Life::Dying) => Ok(()),
                _ => Err(Refused::NoSuchDomain),
            }
        })
    }

    fn clear_closed(
        &self,
        key: &DomainKey,
        mark: Option<Box<dyn ClosingMark>>,
        time_left: &TimeLeft<'_, S>,
    ) -> Result<Cleared, UserdataErrorKind> {
        let Some(mark) = mark else {
            return match self.clear_gone(key, time_left.get()) {
                Err(UserdataErrorKind::NotHere(Refused::Elsewhere(_))) => {
                    self.clear_as_a_sweep(key, time_left.get())
                }
                cleared => cleared,
            };
        };
        let admit = &mut |state: &_| admit_clear_of_gone(&self.hypervisor, key, state);
        Ok(mark.clear(time_left.get(), self.options.durability, admit)?)
    }

    /// In a pool: releases the data if it moves, and leaves that of another home alone.
    fn clear_as_a_sweep(
        &self,
        key: &DomainKey,
        timeout: Duration,
    ) -> Result<Cleared, UserdataErrorKind> {
        let mut result = Err(no_outcome(key));
        let mut admit = |domain: &DomainKey, state: &State| {
            admit_clear_of_gone(&self.hypervisor, domain, state).map(|()| Keep::Nothing)
        };
        let mut each = |_: &DomainKey, cleared: Result<Cleared, StoreError>| {
            result = cleared.map_err(UserdataErrorKind::from);
            ControlFlow::Continue(())
        };
        let durability = self.options.durability;
        self.store
            .clear_each(&[*key], timeout, durability, &mut admit, &mut each)?;
        result
    }
}

fn reopen(mark: Option<Box<dyn ClosingMark>>, timeout: Duration) -> Result<(), UserdataErrorKind> {
    mark.map_or(Ok(()), |mark| Ok(mark.reopen(timeout)?))
}
