//! Removing all data of a domain: clear and destroy.

use std::ffi::c_int;

use userdata::UserdataErrorKind;
use userdata::store::{Cleared, Keep, StoreErrorKind};
use userdata::{Closing, DestroyError, Destroyed, DomainKey, Target, UserdataError};

use crate::context::{Context, Warnings};
use crate::failure::{Failure, NotDestroyed, line};

impl Context {
    pub(crate) fn clear(
        &self,
        domain: Target,
        keep: Keep,
        warnings: &mut Warnings,
    ) -> Result<(), Failure> {
        removed(self.userdata.clear(domain, keep)?, warnings)
    }

    /// Destroys a domain by the caller's function, which returns 0 if it did.
    pub(crate) fn destroy(
        &self,
        domain: Target,
        destroy: impl FnOnce(&DomainKey) -> c_int,
        warnings: &mut Warnings,
    ) -> Result<(), Failure> {
        let destroy = |key: &DomainKey| match destroy(key) {
            0 => Ok(()),
            code => Err(NotDestroyed(code)),
        };
        destroyed(self.userdata.destroy(domain, destroy), warnings)
    }

    pub(crate) fn begin_destroy(
        &self,
        domain: Target,
        warnings: &mut Warnings,
    ) -> Result<Closing, Failure> {
        let closing = self.userdata.begin_destroy(domain)?;
        warnings.extend(closing.problems().iter().map(|error| line(error)));
        Ok(closing)
    }

    /// The caller says whether it has destroyed the domain. If it has not, the call succeeds.
    pub(crate) fn end_destroy(
        &self,
        closing: Closing,
        is_destroyed: bool,
        warnings: &mut Warnings,
    ) -> Result<(), Failure> {
        if is_destroyed {
            let result = self
                .userdata
                .end_destroy(closing, Ok::<_, NotDestroyed>(()));
            return destroyed(result, warnings);
        }
        match self
            .userdata
            .end_destroy(closing, Err::<(), _>(NotDestroyed(0)))
        {
            Err(DestroyError::Failed { problems, .. }) => first(problems, warnings),
            Err(DestroyError::DestroyedWithError {
                cleared, problems, ..
            }) => {
                warnings.push("the domain does not exist, so its data is removed".to_owned());
                after(cleared, problems, warnings)
            }
            Err(DestroyError::Unknown { problems, .. }) => {
                let source = None;
                Err(Failure::Destroy(DestroyError::Unknown { source, problems }))
            }
            result => destroyed(result, warnings),
        }
    }
}

fn destroyed(
    result: Result<Destroyed<()>, DestroyError>,
    warnings: &mut Warnings,
) -> Result<(), Failure> {
    let error = match result {
        Ok(Destroyed {
            cleared, problems, ..
        }) => return after(cleared, problems, warnings),
        Err(error) => error,
    };
    match &error {
        DestroyError::Failed { problems, .. }
        | DestroyError::StillAlive { problems }
        | DestroyError::Unknown { problems, .. } => note(problems, warnings),
        DestroyError::DestroyedWithError {
            cleared, problems, ..
        } => {
            note(problems, warnings);
            if let Some(cleared) = cleared {
                warnings.extend(cleared.failed.iter().map(|error| line(error)));
            }
        }
        _ => {}
    }
    Err(Failure::Destroy(error))
}

/// The domain is destroyed. A closing mark for which there was no space is a warning, if the data
/// is removed without it.
fn after(
    cleared: Option<Cleared>,
    problems: Vec<UserdataError>,
    warnings: &mut Warnings,
) -> Result<(), Failure> {
    let Some(cleared) = cleared else {
        return first(problems, warnings);
    };
    let (no_space, problems): (Vec<_>, Vec<_>) = problems.into_iter().partition(is_no_space);
    note(&no_space, warnings);
    first(problems, warnings).and(removed(cleared, warnings))
}

fn is_no_space(error: &UserdataError) -> bool {
    matches!(error.kind(), UserdataErrorKind::Store(error)
        if matches!(error.kind(), StoreErrorKind::NoSpace(_)))
}

/// The first error is that of the call, and the others are warnings.
fn first(problems: Vec<UserdataError>, warnings: &mut Warnings) -> Result<(), Failure> {
    let mut problems = problems.into_iter();
    let first = problems.next();
    note(problems.as_slice(), warnings);
    first.map_or(Ok(()), |error| Err(error.into()))
}

fn removed(cleared: Cleared, warnings: &mut Warnings) -> Result<(), Failure> {
    let mut failed = cleared.failed.into_iter();
    let first = failed.next();
    warnings.extend(failed.map(|error| line(&error)));
    first.map_or(Ok(()), |error| Err(Failure::Store(error)))
}

fn note(problems: &[UserdataError], warnings: &mut Warnings) {
    warnings.extend(problems.iter().map(|error| line(error)));
}
