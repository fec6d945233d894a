//! `userdata pool move`: runs the caller's command between the begin and the end of a move.

use std::ffi::OsString;
use std::thread;
use std::time::{Duration, Instant};

use userdata::store::{HostName, Refused, StoreErrorKind};
use userdata::{DomainKey, Hypervisor as _, Life};
use userdata_pool::Finished;

use super::tell;
use crate::chain::chain;
use crate::commands::child;
use crate::failure::Failure;
use crate::host::Host;
use crate::options::Options;
use crate::pool::{Pool, PoolFailure};
use crate::status::Status;

const PAUSE: Duration = Duration::from_millis(50);

/// Begins the move, runs the command, and asks the hypervisor. If this process is killed meanwhile,
/// the move stays open: `status` shows it, and `claim`, `cancel` or a sweep ends it.
pub(super) fn run(
    pool: &Pool,
    host: &Host,
    domain: DomainKey,
    to: &HostName,
    command: &[OsString],
    options: &Options,
) -> Result<Status, Failure> {
    let output = options.output();
    pool.begin(host, &domain, to)?;
    let ran = child::run(command, output);
    if let Err(error) = &ran {
        output.note(chain(error));
    }
    let command = child::name(command);
    let outcome = match finish(pool, host, &domain, options)? {
        Finished::StillHere { runs: true } => {
            pool.cancel(host, &domain)?;
            return Err(PoolFailure::NotMoved { domain, command }.into());
        }
        Finished::StillHere { .. } => return Err(PoolFailure::StaysOpen { domain }.into()),
        Finished::Claimed => "claimed",
        _ => "released",
    };
    if ran.is_err() {
        output.note(format_args!("the data of domain {domain} is {outcome}"));
        return Err(PoolFailure::CommandFailed { domain, command }.into());
    }
    tell("move", outcome, Some(domain), None, output)
}

/// Asks whether the domain is gone, and waits while the hypervisor is still destroying it.
fn finish(
    pool: &Pool,
    host: &Host,
    domain: &DomainKey,
    options: &Options,
) -> Result<Finished, Failure> {
    let started = Instant::now();
    let failed = |source: Failure| PoolFailure::NotFinished {
        domain: *domain,
        source: Box::new(source),
    };
    loop {
        let finished = pool.finish(host, domain).map_err(|error| {
            let is_cancelled = matches!(error.kind(), StoreErrorKind::Refused(Refused::NotMoving));
            match is_cancelled {
                true => PoolFailure::CancelledMeanwhile { domain: *domain },
                false => failed(error.into()),
            }
        })?;
        if !matches!(finished, Finished::StillHere { runs: false })
            || started.elapsed() >= options.timeout()
        {
            return Ok(finished);
        }
        let found = host.domain(domain.domid);
        let found = found.map_err(|error| failed(error.into()))?;
        let is_alive = found.is_some_and(|found| found.key == *domain && found.life == Life::Alive);
        if is_alive {
            return Ok(finished);
        }
        thread::sleep(PAUSE);
    }
}
