//! Destroying a domain together with its data.

use std::error::Error as StdError;

use thiserror::Error;
use userdata_core::{Clear, Cleared, ClosingMark, DomainKey, Hypervisor, Life, Refused, Store};

use crate::protocol::{find, life_of};
use crate::{Target, Userdata, UserdataError, UserdataErrorKind};

const VERB: &str = "destroy the userdata of";

/// A domain that was destroyed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Destroyed<R> {
    /// What the caller's own destroy returned.
    pub value: R,
    /// What was removed with it; `None` if that had to be left to a sweep, and `trouble` says why.
    pub cleared: Option<Cleared>,
    /// What went wrong with the data while the domain was destroyed all the same.
    pub trouble: Vec<UserdataError>,
}

/// A domain that was not destroyed. Its data is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DestroyError<E: StdError + 'static> {
    /// The caller's own destroy was not run.
    #[error(transparent)]
    NotStarted(UserdataError),
    /// The caller's own destroy failed.
    #[error("the domain was not destroyed")]
    Failed {
        /// What it said.
        #[source]
        source: E,
        /// What went wrong besides.
        trouble: Vec<UserdataError>,
    },
    /// The caller's own destroy succeeded, and the domain is still there, alive.
    #[error("the domain is still there, alive, although what was to destroy it succeeded")]
    StillThere {
        /// What went wrong besides.
        trouble: Vec<UserdataError>,
    },
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Destroys a domain by `destroy`, the caller's own way, so that no store can slip in between
    /// and be left behind: from before `destroy` runs until all data is gone the domain is marked
    /// as closing, and stores are refused.
    ///
    /// Trouble with storage never keeps `destroy` from running; it is reported in the result. If
    /// the process is killed in between, the mark is void and a sweep collects what is left.
    ///
    /// # Errors
    ///
    /// [`DestroyError::NotStarted`] if there is no such domain, if somebody else is destroying it
    /// this way, or if the hypervisor does not answer; then `destroy` was not run. Otherwise
    /// `destroy` itself failed, or did nothing.
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn destroy<R, E: StdError + 'static>(
        &self,
        target: impl Into<Target>,
        destroy: impl FnOnce(&DomainKey) -> Result<R, E>,
    ) -> Result<Destroyed<R>, DestroyError<E>> {
        let target = target.into();
        let failed = |kind| UserdataError::new(VERB, None, target, kind);
        let key = find(&self.hypervisor, target)
            .map_err(|kind| DestroyError::NotStarted(failed(kind)))?
            .key;
        let mut trouble = Vec::new();
        let mark = match self.mark(&key).map_err(failed) {
            Ok(mark) => Some(mark),
            Err(error) if matches!(error.kind(), UserdataErrorKind::Store(_)) => {
                trouble.push(error);
                None
            }
            Err(error) => return Err(DestroyError::NotStarted(error)),
        };
        let value = match destroy(&key) {
            Ok(value) => value,
            Err(source) => {
                trouble.extend(self.reopen(mark).map_err(failed).err());
                return Err(DestroyError::Failed { source, trouble });
            }
        };
        match life_of(&self.hypervisor, &key) {
            Ok(Some(Life::Alive)) => {
                trouble.extend(self.reopen(mark).map_err(failed).err());
                Err(DestroyError::StillThere { trouble })
            }
            // A domain that is dying never comes back.
            Ok(_) => {
                let cleared = self.clear_closed(&key, mark).map_err(failed);
                let cleared = cleared.map_err(|error| trouble.push(error)).ok();
                Ok(Destroyed {
                    value,
                    cleared,
                    trouble,
                })
            }
            // Unknown is not dead: the data stays, and a sweep will know.
            Err(refused) => {
                trouble.push(failed(refused.into()));
                trouble.extend(self.reopen(mark).map_err(failed).err());
                Ok(Destroyed {
                    value,
                    cleared: None,
                    trouble,
                })
            }
        }
    }

    fn mark(&self, key: &DomainKey) -> Result<Box<dyn ClosingMark>, UserdataErrorKind> {
        let mark = self.store.close(key, self.options.deadline, &mut |state| {
            if state.closing {
                return Err(Refused::BeingDestroyed);
            }
            match life_of(&self.hypervisor, key)? {
                Some(Life::Alive | Life::Dying) => Ok(()),
                _ => Err(Refused::NoSuchDomain),
            }
        });
        Ok(mark?)
    }

    fn reopen(&self, mark: Option<Box<dyn ClosingMark>>) -> Result<(), UserdataErrorKind> {
        mark.map_or(Ok(()), |mark| Ok(mark.reopen(self.options.deadline)?))
    }

    fn clear_closed(
        &self,
        key: &DomainKey,
        mark: Option<Box<dyn ClosingMark>>,
    ) -> Result<Cleared, UserdataErrorKind> {
        match mark {
            Some(mark) => Ok(mark.clear(self.options.deadline, self.options.durability)?),
            None => self.clear(key, Clear::Everything),
        }
    }
}
