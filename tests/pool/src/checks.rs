//! The checks, in one list.

use std::fs;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};

use crate::programs::Programs;
use crate::rig::Rig;
use crate::{
    command, conformance, damage, death, faults, fence, interrupt, marks, pages, quota, requests,
    tls,
};

/// A check of one version of etcd. It returns a line about what was seen.
struct Check {
    /// A statement that is true if the check passes.
    name: &'static str,
    run: fn(&Rig) -> Result<String>,
    /// Whether continuous integration runs it.
    short: bool,
}

const fn check(name: &'static str, run: fn(&Rig) -> Result<String>) -> Check {
    Check {
        name,
        run,
        short: false,
    }
}

const fn short(name: &'static str, run: fn(&Rig) -> Result<String>) -> Check {
    Check {
        name,
        run,
        short: true,
    }
}

#[rustfmt::skip]
const CHECKS: &[Check] = &[
    short("each_request_does_what_the_engine_says", requests::check),
    short("the_pool_keeps_the_contract_of_a_store", conformance::check),
    check("the_contract_holds_with_tls_and_users", conformance::secured),
    short("a_killed_leader_loses_nothing", faults::leader_killed),
    check("a_killed_leader_and_follower_lose_nothing", faults::leader_and_a_follower_killed),
    short("two_killed_followers_lose_nothing", faults::both_followers_killed),
    check("three_killed_members_lose_nothing", faults::all_killed),
    check("three_leaders_killed_in_a_row_lose_nothing", faults::three_leaders_killed),
    short("a_stopped_leader_loses_nothing", faults::leader_stopped),
    check("the_mark_of_a_killed_owner_ends_with_its_lease", marks::owner_killed),
    check("a_mark_outlives_its_owner_longer_if_the_leader_dies", marks::owner_and_leader_killed),
    check("the_mark_of_a_living_owner_outlives_a_leader", marks::owner_lives),
    check("a_mark_is_lost_if_the_cluster_stops_for_longer", marks::cluster_stopped),
    check("a_destroy_under_a_lost_mark_leaves_nothing", marks::destroyed_under_a_lost_mark),
    check("an_export_has_every_value_that_was_acknowledged", marks::destroyed_with_export),
    check("an_export_is_made_again_if_its_mark_was_lost", marks::exported_under_a_lost_mark),
    check("a_forgotten_host_stores_nothing_until_it_joins", death::check),
    short("the_command_moves_a_domain_with_its_data", command::moves),
    short("the_command_frees_the_data_of_a_dead_host", command::deaths),
    short("the_command_keeps_values_in_a_pool", command::life),
    check("the_command_ends_a_move_whose_wrapper_was_killed", command::killed),
    check("the_command_tells_how_a_move_ends_without_a_quorum", command::no_quorum),
    check("the_command_claims_and_cancels_only_what_runs", command::not_running),
    check("the_command_works_with_certificates_and_users", command::secured),
    check("the_command_exports_again_if_its_mark_was_lost", command::lost_mark),
    check("the_command_settles_what_is_unknown", command::outcome),
    short("the_command_sends_nothing_if_its_file_is_bad", command::bad_file),
    short("the_command_refuses_bad_input", command::bad_input),
    check("the_command_tells_what_answers_in_place_of_etcd", command::other_server),
    check("damaged_records_are_told_and_removed", damage::check),
    check("reads_of_many_keys_are_of_one_revision", pages::check),
    check("removals_work_on_a_full_quota", quota::check),
    short("certificates_users_and_rights_are_checked", tls::rights),
    check("a_token_that_has_expired_is_renewed", tls::expired_token),
    short("only_the_home_stores_while_a_domain_moves", fence::check),
];

/// Which checks run.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Those whose names contain one of these; all if it is empty.
    pub(crate) only: Vec<String>,
    /// Those of continuous integration.
    pub(crate) short: bool,
}

impl Chosen {
    fn has(&self, check: &Check) -> bool {
        let named = self.only.iter().any(|name| check.name.contains(name));
        (self.only.is_empty() || named) && (check.short || !self.short)
    }
}

/// Runs the checks, one after another. Returns whether all passed.
pub(crate) fn run(
    programs: &Programs,
    scratch: &Path,
    out: &Path,
    chosen: &Chosen,
) -> Result<bool> {
    let checks: Vec<&Check> = CHECKS.iter().filter(|check| chosen.has(check)).collect();
    ensure!(!checks.is_empty(), "no check has such a name");
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let (mut failed, started) = (0, Instant::now());
    for check in &checks {
        let rig = Rig {
            programs: programs.clone(),
            scratch: scratch.join(format!("{}-{}", programs.version, check.name)),
            out: out.to_owned(),
            check: check.name,
        };
        let (name, began) = (check.name, Instant::now());
        let seen = caught(|| (check.run)(&rig));
        // Its members have ended.
        let _ = fs::remove_dir_all(&rig.scratch);
        interrupt::check()?;
        let time = began.elapsed().as_secs_f64();
        match seen {
            Ok(seen) => writeln!(io::stdout(), "passed {name} ({time:.1} s): {seen}")?,
            Err(error) => {
                failed += 1;
                writeln!(io::stdout(), "FAILED {name} ({time:.1} s): {error:#}")?;
            }
        }
    }
    writeln!(
        io::stdout(),
        "etcd {}: {} of {} checks passed in {:.0} s",
        programs.version,
        checks.len() - failed,
        checks.len(),
        started.elapsed().as_secs_f64()
    )?;
    Ok(failed == 0)
}

/// The result of a check; a panic is a failure.
pub(crate) fn caught<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(anyhow!("it panicked: {}", text.unwrap_or("no text")))
    })
}
