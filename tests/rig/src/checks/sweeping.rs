//! Real Xen and killed programs leave files behind in several ways; each check ends with one
//! `userdata sweep`.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use userdata::sweep::{Sightings, SweepOptions};
use userdata_core::DomainKey;

use crate::bare::BareDomains;
use crate::guest::Guest;
use crate::holder::Holder;
use crate::ours::USERID;
use crate::program::Program;
use crate::storm::Storm;
use crate::{host, libxl, locks, ours, program, rounds, sweep};

/// Rounds of a check that needs no xl.
const ROUNDS: usize = 50;

/// Rounds of a check whose domains xl creates and destroys, which takes seconds; unless the command
/// line has another number.
const ROUNDS_OF_XL: usize = 10;

/// The same with stores of this project and of libxl at once; `leak.rs` has 40 rounds with either
/// alone.
const ROUNDS_OF_STORMS: usize = 5;

/// The domains that live on in each check.
const LIVING: usize = 5;

/// It keeps no output of the process that started it open.
const SLEEP: &str = "exec sleep 5 >/dev/null 2>&1";

/// The userid of a value that no check stores again.
const STAYS: &str = "stays";

/// Some stores of libxl come after its own clean-up. No store of this project does.
pub(super) fn a_sweep_after_stores_during_xl_destroy_leaves_nothing_dead() -> Result<()> {
    let neighbour = Guest::create("neighbour")?;
    let living = [neighbour.key];
    ours::store("neighbour", STAYS, b"value")?;
    let stand = sweep::values(&living)?;
    let rounds = rounds::or(ROUNDS_OF_STORMS);
    let mut dead = Vec::new();
    for _ in 0..rounds {
        let guest = Guest::create("storm")?;
        dead.push(guest.key);
        let theirs = libxl::storm(guest.domid, "leaked")?;
        let ours = Storm::start(guest.key)?;
        guest.destroy()?;
        ours.wait()?;
        theirs.wait()?;
    }
    let leaked = sweep::values(&dead)?.len();
    let swept = sweep::once()?;
    sweep::ensure_gone(&dead)?;
    ensure!(
        sweep::values(&living)? == stand,
        "a living domain has lost values"
    );
    program::say(&format!(
        "{leaked} values left by {rounds} destructions, {} files removed",
        swept.removed().len()
    ))?;
    ensure!(leaked > 0, "nothing was left for the sweep");
    neighbour.destroy()
}

pub(super) fn a_sweep_after_our_processes_were_killed_leaves_nothing_dead() -> Result<()> {
    let mut bare = BareDomains::create(ROUNDS)?;
    for key in bare.keys() {
        ours::store(&key.to_string(), STAYS, b"value")?;
    }
    for (round, key) in bare.keys().iter().enumerate() {
        let name = key.to_string();
        let words = match round % 5 {
            4 => ours::words(&["destroy", &name, "--", "sh", "-c", SLEEP]),
            _ => vec!["rig", "churn", &name],
        };
        let mut program = Program::start(&words, b"")?;
        // In addition to the value that stays, the domain has a lock, a mark, a temporary file or a
        // value.
        program::until(&format!("{words:?} works"), || {
            ensure!(!program.ended()?, "{words:?} ended");
            Ok(host::files(Some(key.domid.get().into()))?.len() > 1)
        })?;
        killed(program, round)?;
    }
    let before = host::files(None)?;
    let debris = before
        .iter()
        .filter(|file| !file.starts_with("userdata-d."));
    let debris = debris.count();
    let dead = bare.destroy_some(ROUNDS - LIVING)?;
    let stand = sweep::values(bare.keys())?;
    // A sweep that is killed is finished by the next.
    for round in 0..LIVING {
        let sweep = Program::start(&ours::words(&["sweep"]), b"")?;
        killed(sweep, round * 100)?;
    }
    sweep::once()?;
    sweep::ensure_gone(&dead)?;
    ensure!(
        sweep::values(bare.keys())? == stand,
        "a living domain has lost values"
    );
    for key in bare.keys() {
        let value = ours::retrieve(&key.to_string(), STAYS)?;
        ensure!(value == b"value", "{key} has another value");
    }
    program::say(&format!(
        "{ROUNDS} processes killed; besides values they left {debris} files"
    ))?;
    ensure!(debris > 0, "no process was killed at work");
    end(bare)
}

/// Kills a program at a moment that is later in each round.
fn killed(program: Program, round: usize) -> Result<()> {
    thread::sleep(Duration::from_micros(200 * u64::try_from(round)?));
    program.kill().map(drop)
}

/// Destroys the domains, and removes their files with a sweep.
fn end(bare: BareDomains) -> Result<()> {
    let dead = bare.keys().to_vec();
    bare.destroy()?;
    sweep::once()?;
    sweep::ensure_gone(&dead)
}

/// If `xc_domain_destroy` alone ends a domain, real libxl removes none of its data, not even its
/// own `libxl-json`.
pub(super) fn a_bare_destroy_leaves_every_file_until_a_sweep() -> Result<()> {
    let guest = Guest::create("forgotten")?;
    let mut bare = BareDomains::create(ROUNDS)?;
    let domids = bare.keys().iter().map(|key| key.domid.get().into());
    for domid in domids.chain([guest.domid]) {
        let rc = libxl::store(domid, USERID, b"theirs")?;
        ensure!(rc == 0, "libxl_userdata_store returned {rc}");
    }
    let mut dead = vec![guest.key];
    guest.destroy_bare()?;
    dead.extend(bare.destroy_some(ROUNDS - LIVING)?);
    let (left, stand) = (sweep::values(&dead)?, sweep::values(bare.keys())?);
    ensure!(
        left.len() == dead.len() + 1,
        "of {} dead domains these files are left: {left:?}",
        dead.len()
    );
    let swept = sweep::once()?;
    ensure!(
        swept.removed() == left.iter().map(String::as_str).collect(),
        "removed: {:?}",
        swept.removed()
    );
    ensure!(
        sweep::values(bare.keys())? == stand,
        "a living domain has lost values"
    );
    end(bare)
}

/// xl is killed after it has removed the domain's xenstore directory, while it waits for a lock.
pub(super) fn a_half_destroyed_domain_lives_and_is_named_as_interrupted() -> Result<()> {
    let guest = Guest::create("half")?;
    let (key, domid) = (guest.key, guest.domid.to_string());
    ours::store(&domid, STAYS, b"value")?;
    let holder = Holder::start(key)?;
    let xl = Program::start(&["xl", "destroy", &domid], b"")?;
    program::until("xl destroy waits for our lock", || {
        Ok(locks::of(&key)?.waiters.contains(&xl.pid()))
    })?;
    xl.kill()?;
    holder.release()?;
    ensure!(guest.lives()?, "the domain did not survive");
    let stand = sweep::values(&[key])?;
    let swept = sweep::with(&["--grace", "0"])?;
    ensure!(
        swept.attention()? == [(key, "interrupted")],
        "the sweep says {:?}",
        swept.attention()?
    );
    ensure!(stand.len() == 2, "it had {stand:?}");
    ensure!(
        sweep::values(&[key])? == stand,
        "the domain has lost values"
    );
    // As xl leaves it, if it is killed a moment later.
    for file in host::files(Some(guest.domid))? {
        fs::remove_file(Path::new(host::DIRECTORY).join(file))?;
    }
    let swept = sweep::once()?;
    ensure!(
        swept.attention()? == [(key, "interrupted")],
        "without a file the sweep says {:?}",
        swept.attention()?
    );
    guest.destroy()?;
    sweep::once()?;
    sweep::ensure_gone(&[key])
}

/// Afterwards each domain is gone, half destroyed or untouched. An untouched one is destroyed
/// again.
pub(super) fn a_sweep_after_xl_destroy_was_killed_keeps_all_that_lives() -> Result<()> {
    let first = Guest::create("killed")?;
    let started = Instant::now();
    first.destroy()?;
    let whole = started.elapsed();
    let (mut dead, mut half) = (Vec::new(), Vec::new());
    let mut untouched = None;
    let rounds = rounds::or(ROUNDS_OF_XL);
    for round in 1..=rounds {
        let guest = match untouched.take() {
            Some(guest) => guest,
            None => Guest::create(&format!("killed{round}"))?,
        };
        let domid = guest.domid.to_string();
        ours::store(&domid, STAYS, b"value")?;
        let xl = Program::start(&["xl", "destroy", &domid], b"")?;
        thread::sleep(whole * u32::try_from(round)? / u32::try_from(rounds)?);
        // This also waits for the child in which xl destroys the domain: it has xl's output.
        xl.kill()?;
        let node = format!("/local/domain/{domid}/vm");
        if !guest.lives()? {
            dead.push(guest.key);
            guest.wait_until_gone()?;
        } else if program::run(&["xenstore-read", &node], b"")?
            .status
            .success()
        {
            untouched = Some(guest);
        } else {
            half.push(guest);
        }
    }
    // Also those that xl left without a file.
    let mut named: Vec<_> = half
        .iter()
        .map(|guest| (guest.key, "interrupted"))
        .collect();
    named.sort_unstable();
    let halves = half.len();
    let alive: Vec<_> = half.into_iter().chain(untouched).collect();
    let keys: Vec<_> = alive.iter().map(|guest| guest.key).collect();
    let stand = sweep::values(&keys)?;
    let swept = sweep::once()?;
    sweep::ensure_gone(&dead)?;
    ensure!(
        sweep::values(&keys)? == stand,
        "a living domain has lost values"
    );
    let mut attention = swept.attention()?;
    attention.sort_unstable();
    ensure!(
        attention == named,
        "half destroyed: {named:?}, named: {attention:?}"
    );
    program::say(&format!(
        "of {rounds} destructions that were killed, {} were done and {} half done",
        dead.len(),
        halves
    ))?;
    alive.into_iter().try_for_each(Guest::destroy)?;
    sweep::once()?;
    sweep::ensure_gone(&keys)
}

/// Every sweep meets libxl's temporary files and lock, and removes the file of a domain that does
/// not exist.
pub(super) fn libxl_loses_no_store_beside_1000_sweeps() -> Result<()> {
    const SWEEPS: usize = 1000;
    let guest = Guest::create("beside")?;
    let domain = guest.domid.to_string();
    let dead: DomainKey = "9999.5e1f0b00-0000-4000-8000-0000000000dd".parse()?;
    let orphan = format!("{}/userdata-d.{dead}.{USERID}", host::DIRECTORY);
    let theirs = Program::start(&["libxl-reread", &domain, USERID], b"")?;
    let userdata = ours::library(ours::xen()?)?;
    let mut options = SweepOptions::default();
    // With a longer grace, a sweep would still take the lock, but leave the temporary file.
    options.grace = Duration::ZERO;
    let mut sightings = Sightings::new();
    for number in 0..SWEEPS {
        fs::write(&orphan, b"orphan")?;
        let totals = userdata.sweep(&options, &mut sightings, |_| ())?;
        ensure!(
            totals.orphans == 1 && totals.failed == 0,
            "sweep {number}: {totals:?}"
        );
        ensure!(!Path::new(&orphan).exists(), "sweep {number}: {totals:?}");
        if number % (SWEEPS / 4) == 0 {
            program::output(&["xl", "list", "-l", &domain])?;
        }
    }
    // Not beside xl destroy, which does remove the value.
    program::output(&["kill", &theirs.pid().to_string()])?;
    let ended = theirs.wait()?;
    let said = String::from_utf8_lossy(&ended.stdout).trim_end().to_owned();
    ensure!(
        said.ends_with(" rc=0 lost=0"),
        "beside {SWEEPS} sweeps libxl says {said}"
    );
    program::say(&format!("beside {SWEEPS} sweeps libxl says {said}"))?;
    guest.destroy()
}
