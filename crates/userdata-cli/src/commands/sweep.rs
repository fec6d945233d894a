//! `userdata sweep`: removes the files of every domain that does not exist.

mod report;
mod sightings;
#[cfg(feature = "pool")]
mod unclaimed;

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use userdata::Hypervisor as _;
use userdata::sweep::{SweepOptions, SweepTotals};

use crate::arguments::Sweep;
use crate::chain::chain;
use crate::failure::Failure;
use crate::host::Host;
use crate::options::Options;
use crate::reading::Reading;
use crate::status::Status;
use report::Report;
use sightings::SightingsFile;

impl Sweep {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let host = options.host_to_sweep()?;
        let boot = self.explain.then(|| boot_time(&host)).flatten();
        let mut report = Report::new(output, options.name_format(), self.dry_run, boot)?;
        #[cfg(feature = "pool")]
        let pool = options.pool(&host, Reading::default())?;
        #[cfg(feature = "pool")]
        if let Some(pool) = &pool
            && (self.explain || self.dry_run)
        {
            report.go_on_with(unclaimed::moves(pool, options.pool_host()?)?, self.explain);
        }
        #[cfg(feature = "pool")]
        let in_pool = pool
            .clone()
            .map(|pool| options.with_options(&host, Box::new(pool)));
        #[cfg(not(feature = "pool"))]
        let in_pool = None;
        let userdata = match in_pool {
            Some(userdata) => Some(userdata),
            None => options.userdata_to_read(&host, Reading::default())?,
        };
        let Some(userdata) = userdata else {
            return report.end(SweepTotals::default(), None);
        };
        let path = self.state.clone();
        let path = path.unwrap_or_else(|| host.default_sightings(options.swept()));
        let file = SightingsFile::read(path, output);
        let mut sightings = file.found().clone();
        let swept = userdata.sweep(&self.options(), &mut sightings, |swept| report.tell(swept));
        let swept = swept.map_err(|error| (error.totals(), Failure::from(error)));
        #[cfg(feature = "pool")]
        let swept = match (swept, pool) {
            (Ok(totals), Some(pool)) => {
                let mut unclaimed = unclaimed::Unclaimed::new(totals, &mut report);
                let done = unclaimed.sweep(self, &pool, &host, &mut sightings);
                let totals = unclaimed.totals();
                done.map(|()| totals).map_err(|error| (totals, error))
            }
            (swept, _) => swept,
        };
        if !sightings.is_empty()
            && let Err(error) = host.boot()
        {
            output.note(format_args!(
                "{}; files that wait for --grace or --settle stay until --boot names the boot",
                chain(&error)
            ));
        }
        if !self.dry_run {
            if swept.is_err() {
                // A hypervisor that failed may have been wrong before, so only sightings that
                // earlier sweeps had as well are kept.
                sightings.agree_with(file.found());
            }
            if let Err(error) = file.replace(sightings, options.timeout()) {
                output.note(format_args!(
                    "{}; files that wait for --grace or --settle stay longer",
                    chain(&error)
                ));
            }
        }
        match swept {
            Ok(totals) => report.end(totals, None),
            Err((totals, error)) => report.end(totals, Some(error)),
        }
    }

    fn options(&self) -> SweepOptions {
        let mut options = SweepOptions::default();
        options.grace = self.grace;
        options.settle = self.settle;
        options.dry_run = self.dry_run;
        options.explain = self.explain;
        options
    }
}

/// When this host was booted. A simulated host has no such time.
fn boot_time(host: &Host) -> Option<SystemTime> {
    match host {
        Host::Xen(_) => booted_before(SystemTime::now()),
        Host::Simulated(_) => None,
    }
}

fn booted_before(now: SystemTime) -> Option<SystemTime> {
    let up = clock_gettime(ClockId::Boottime);
    let up = Duration::new(up.tv_sec.try_into().ok()?, up.tv_nsec.try_into().ok()?);
    now.checked_sub(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_was_booted_before_now() {
        let now = SystemTime::now();
        assert!(booted_before(now).unwrap() < now);
    }
}
