//! Destroying a domain together with its data.

use thiserror::Error;
use userdata_core::store::{Cleared, ClosingMark};
use userdata_core::{DomainKey, Hypervisor, Source, Store};

use crate::follow::{Exported, Limits, Selection};
use crate::waiting::TimeLeft;
use crate::{Closing, Target, Userdata, UserdataError, UserdataErrorKind};

pub(crate) const VERB: &str = "destroy the userdata of";

/// How often [`Userdata::destroy_with_export`] exports again if values were stored meanwhile.
const EXPORTS_AGAIN: u32 = 3;

/// A domain that was destroyed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Destroyed<R> {
    /// The value that the caller's function returned.
    pub value: R,
    /// The data that was removed; `None` if this call removed none, for the reason in `problems`.
    pub cleared: Option<Cleared>,
    /// Errors about the data. The domain is destroyed all the same.
    pub problems: Vec<UserdataError>,
}

/// Why [`Userdata::destroy`] failed: the domain was not destroyed, it was destroyed and the
/// caller's function failed, or it is not known whether it was destroyed. The hypervisor's answer
/// decides which, not the result of the caller's function.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DestroyError {
    /// The caller's function was not called, and nothing was changed.
    #[error(transparent)]
    NotStarted(UserdataError),
    /// What was to take the domain's values along failed, so that the function that destroys the
    /// domain was not called. Nothing was changed.
    #[error("the domain was not destroyed, because its userdata could not be exported")]
    NotExported(#[source] Source),
    /// The caller's function failed, and the domain still lives. Its data is as it was.
    #[error("the domain was not destroyed")]
    Failed {
        /// The error of the caller's function.
        source: Source,
        /// Other failures.
        problems: Vec<UserdataError>,
    },
    /// The caller's function succeeded, and the domain still lives. Its data is as it was.
    #[error("the domain still lives, although the function that destroys it succeeded")]
    StillAlive {
        /// Other failures.
        problems: Vec<UserdataError>,
    },
    /// The caller's function failed, and the domain is destroyed all the same.
    #[error("the domain is destroyed, although the function that destroys it failed")]
    DestroyedWithError {
        /// The error of the caller's function.
        source: Source,
        /// The data that was removed; `None` if this call removed none, for the reason in
        /// `problems`.
        cleared: Option<Cleared>,
        /// Other failures.
        problems: Vec<UserdataError>,
    },
    /// The hypervisor does not answer whether the domain still exists, whatever the caller's
    /// function returned. Its data is as it was.
    #[error("it is not known whether the domain was destroyed")]
    Unknown {
        /// The error of the caller's function; `None` if it succeeded.
        source: Option<Source>,
        /// The error of the hypervisor, and other failures.
        problems: Vec<UserdataError>,
    },
}

impl<H: Hypervisor, S: Store> Userdata<H, S> {
    /// Destroys a domain together with its data. The caller's function `destroy` destroys the
    /// domain. Before it runs, the domain is marked as closing. Until all data is removed, every
    /// store through this library is refused, so that none of its values is left behind. If the
    /// domain could not be marked, `problems` says so.
    ///
    /// Whatever `destroy` returns, the hypervisor is asked afterwards. If the domain still lives,
    /// its data stays. If it is gone, dying or dead, it is looked up again under its lock, and all
    /// its data is removed. If the hypervisor does not answer, the data stays: *unknown* is not
    /// *gone*.
    ///
    /// `destroy` runs even if the store fails, or if this host is not a member of the pool; that is
    /// then in `problems` of the result. If the process is killed meanwhile, the closing mark is
    /// void, and [`Userdata::clear`] removes the data that is left. The timeout bounds the waits
    /// before `destroy` runs, and once more the waits after it.
    ///
    /// `destroy` may return any error: `anyhow::Error`, a boxed one, or a type of its own.
    ///
    /// # Errors
    ///
    /// [`DestroyError::NotStarted`] if there is no such domain, if another process is destroying it
    /// with this method, or if the hypervisor does not answer. The other kinds say whether the
    /// domain still exists after `destroy` ran.
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
    /// userdata.store(domain, &WritableUserid::new("agent")?, b"state")?;
    /// let destroyed = userdata.destroy(domain, |key| host.destroy(key.domid))?;
    /// assert_eq!(destroyed.cleared.expect("the store works").removed.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn destroy<R, E: Into<Source>>(
        &self,
        target: impl Into<Target>,
        destroy: impl FnOnce(&DomainKey) -> Result<R, E>,
    ) -> Result<Destroyed<R>, DestroyError> {
        let closing = self
            .begin_destroy(target)
            .map_err(DestroyError::NotStarted)?;
        let returned = destroy(&closing.domain);
        self.end_destroy(closing, returned)
    }

    /// The same, and the domain's values are taken along: once it is marked as closing, and before
    /// `destroy` runs, `export` gets all values that go along, as they are from then on. When it
    /// has put them into safety, `destroy` runs. No store comes in between, so that none is lost.
    ///
    /// In a pool of hosts the mark may be lost while `destroy` runs, so that a store comes in
    /// between. Then `export` is called again once the domain is gone, with all values that go
    /// along, at most three times. What it gets replaces what it got before. The data is removed
    /// only if no store came after the last export. Otherwise it stays, and `problems` has
    /// [`UserdataErrorKind::ExportOutdated`]. If a sweep comes before the next export, what was
    /// stored since the last one is removed, or released to the host to which the domain moves.
    /// The last export then stays as it is, and `problems` has
    /// [`UserdataErrorKind::ExportUncertain`].
    ///
    /// The caller removes what `export` wrote if the domain lives on, which the kinds
    /// [`DestroyError::Failed`] and [`DestroyError::StillAlive`] say.
    ///
    /// # Errors
    ///
    /// As [`Userdata::destroy`]. [`DestroyError::NotStarted`] also if the domain cannot be marked
    /// or the values cannot be read, and [`DestroyError::NotExported`] if `export` fails: then
    /// `destroy` did not run, and nothing was changed.
    ///
    /// # Example
    ///
    /// ```
    /// # use hv_sim::{HostOptions, NewDomain, SimHost};
    /// # use userdata::{Userdata, WritableUserid};
    /// # use userdata_fs::FileStore;
    /// use userdata::follow::{Exported, Limits, Selection};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let host = SimHost::new(HostOptions::new(1));
    /// # let domain = host.create(NewDomain::new())?;
    /// # let userdata = Userdata::new(host.clone(), FileStore::open(directory.path())?);
    /// userdata.store(domain, &WritableUserid::new("agent")?, b"state")?;
    /// let (which, limits) = (Selection::new(), Limits::default());
    /// let mut saved = None;
    /// let export = |exported: Exported| -> Result<(), std::io::Error> {
    ///     saved = Some(exported);
    ///     Ok(())
    /// };
    /// userdata.destroy_with_export(domain, &which, &limits, export, |key| {
    ///     host.destroy(key.domid)
    /// })?;
    /// assert_eq!(saved.expect("it was exported").values.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(feature = "tracing", tracing::instrument(skip_all))]
    pub fn destroy_with_export<R, E: Into<Source>, X: Into<Source>>(
        &self,
        target: impl Into<Target>,
        which: &Selection,
        limits: &Limits,
        mut export: impl FnMut(Exported) -> Result<(), X>,
        destroy: impl FnOnce(&DomainKey) -> Result<R, E>,
    ) -> Result<Destroyed<R>, DestroyError> {
        let target = target.into();
        let failed = |kind| UserdataError::of(VERB, None, target, kind);
        let not_started = |kind| DestroyError::NotStarted(failed(kind));
        let time_left = self.time_left();
        let (key, mark) = self.find_and_mark(target).map_err(not_started)?;
        // Without the mark, a store could come between the export and the end of the domain.
        let mut mark = mark.map_err(|error| not_started(error.into()))?;
        let snapshot = |mark: &mut dyn ClosingMark, time_left: &TimeLeft<'_, S>| {
            // What is stored after this is seen as a change, at the latest by the clear.
            mark.remember(time_left.get())?;
            self.values_to_follow(&key, which, limits, time_left.get())
        };
        let exported = snapshot(&mut *mark, &time_left)
            .map_err(not_started)
            .and_then(|exported| {
                export(exported).map_err(|error| DestroyError::NotExported(error.into()))
            });
        if let Err(error) = exported {
            // A mark that can't be removed is void as soon as it is dropped.
            let _ = mark.reopen(time_left.get());
            return Err(error);
        }
        let returned = destroy(&key);
        let closing = Closing::new(target, key, Some(mark));
        self.end_destroy_after(closing, returned, |mark, time_left| {
            let outdated = |error| UserdataErrorKind::ExportOutdated {
                source: Some(error),
            };
            for _ in 0..EXPORTS_AGAIN {
                if !mark.is_changed(time_left.get())? {
                    break;
                }
                let exported = snapshot(mark, time_left).map_err(|kind| match kind {
                    UserdataErrorKind::ExportUncertain => kind,
                    kind => outdated(failed(kind).into()),
                })?;
                if exported.values.is_empty() {
                    // If they were removed before they were read, the last export stays as it is.
                    mark.is_changed(time_left.get())?;
                }
                export(exported).map_err(|error| outdated(error.into()))?;
            }
            Ok(())
        })
    }
}
