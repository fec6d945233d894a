//! Known vulnerabilities of the dependencies.

use anyhow::Result;

use super::log::Log;
use super::need::Unavailable;
use crate::child::Interrupted;

/// Fails where an advisory names a package of the lock file. Where the database cannot be fetched
/// the error is an [`Unavailable`].
pub(crate) fn check(log: &mut Log) -> Result<String> {
    match log.cargo(&["deny", "--locked", "fetch", "db"]) {
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(_) => return Err(Unavailable("the advisory database cannot be fetched here").into()),
        Ok(()) => {}
    }
    log.cargo(&["deny", "--locked", "check", "--disable-fetch", "advisories"])?;
    Ok(log.last_line())
}
