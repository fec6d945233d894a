//! Unmodified programs of Xen, linked to real libxl, with the drop-in before it.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::drop_in::{self, SHIPPED};
use crate::guest::{self, Does, Guest};
use crate::{host, libxl, ours, program, sweep, xl};

/// How many storms there are of each kind.
const STORMS: usize = 5;

/// A life of a domain under xl with the drop-in, in which xl makes exactly these calls: the update
/// of the configuration, and at the reboot by xl's daemon its use. `xl create`, `xl list -l` and
/// `xl destroy` make none, because libxl calls functions of its own inside.
pub(super) fn xl_reboots_with_a_configuration_updated_through_the_drop_in() -> Result<()> {
    const UUID: &str = "uuid=\"5e1f0b00-0000-4000-8000-0000000000ab\"";
    drop_in::forget_calls()?;
    fs::write(
        "/tmp/again.cfg",
        guest::config("again", Does::Reboots, UUID),
    )?;
    drop_in::output(&["xl", "create", "-q", "-p", "/tmp/again.cfg"])?;
    let first = Guest::of_name("again")?;
    let old = first.domid.to_string();
    let waits = guest::config("again", Does::Waits, UUID).replace("memory=4", "memory=8");
    fs::write("/tmp/waits.cfg", &waits)?;
    drop_in::output(&["xl", "config-update", &old, "/tmp/waits.cfg"])?;
    let stored = ours::retrieve(&old, "xl")?;
    ensure!(
        stored == waits.as_bytes(),
        "another configuration is stored"
    );
    let listed = drop_in::output(&["xl", "list", "-l", &old])?;
    ensure!(listed.contains("\"again\""), "xl list -l: {listed}");
    let stored = format!("libxl_userdata_store {old} xl: 0");
    let calls = drop_in::calls()?;
    ensure!(calls == [stored.as_str()], "before the reboot: {calls:?}");

    first.run()?;
    first.wait_until_gone()?;
    xl::wait_until_back("again", 8)?;
    let back = Guest::of_name("again")?;
    let files = host::files(Some(old.parse()?))?;
    ensure!(files.is_empty(), "left of the domain before: {files:?}");
    drop_in::output(&["xl", "destroy", &back.domid.to_string()])?;
    back.wait_until_gone()?;
    let calls = drop_in::calls()?;
    let expected = [
        stored,
        format!("libxl_userdata_retrieve {old} xl: 0"),
        format!("libxl_userdata_unlink {old} xl: 0"),
    ];
    ensure!(calls == expected, "calls: {calls:?}");
    Ok(())
}

/// As at boot, when the helper stores the record of Domain-0.
pub(super) fn xen_init_dom0_stores_through_the_drop_in() -> Result<()> {
    let before = ours::retrieve("0", "libxl-json")?;
    drop_in::forget_calls()?;
    // Without this node it takes the host for one that was just booted.
    program::output(&["xenstore-rm", "/local/domain/0/domid"])?;
    drop_in::output(&["xen-init-dom0"])?;
    let calls = drop_in::calls()?;
    ensure!(
        calls == ["libxl_userdata_store 0 libxl-json: 0"],
        "calls: {calls:?}"
    );
    let after = ours::retrieve("0", "libxl-json")?;
    ensure!(!after.is_empty() && after == before, "another libxl-json");
    Ok(())
}

/// libxl's own storms come first, so that the check does not pass by accident.
pub(super) fn storms_of_libxl_leave_values_and_those_of_the_drop_in_none() -> Result<()> {
    let (libxls, ours) = (values_left(None)?, values_left(Some(SHIPPED))?);
    program::say(&format!(
        "a value was left in {libxls} of {STORMS} storms of libxl, and in {ours} of the drop-in"
    ))?;
    // How often libxl loses its race depends on the machine.
    ensure!(libxls > 0 && ours == 0, "left by {libxls} and {ours}");
    Ok(())
}

/// In how many storms against `xl destroy` a value was left behind. One sweep removes what they
/// left.
fn values_left(preload: Option<&str>) -> Result<usize> {
    let (mut dead, mut left) = (Vec::new(), 0);
    for _ in 0..STORMS {
        let guest = Guest::create("storm")?;
        let domid = guest.domid;
        dead.push(guest.key);
        let storm = libxl::storm_with(preload, domid, "leaked")?;
        guest.destroy()?;
        let ended = storm.wait()?;
        let told = String::from_utf8_lossy(&ended.stdout);
        // libxl returns ERROR_NOMEM if the domain ends while it has the lock.
        let ended_well = preload.is_none() || told.trim_end().ends_with("rc=-15");
        ensure!(ended_well, "a storm of the drop-in ended: {told}");
        left += usize::from(!host::files(Some(domid))?.is_empty());
    }
    sweep::once()?;
    sweep::ensure_gone(&dead)?;
    Ok(left)
}

/// The calls of one program that is linked to real libxl: userid, call, data, and the last lines of
/// its errors without and with the drop-in if they differ.
const CALLS: &[(&str, &str, &str, Option<[&str; 2]>)] = &[
    ("app", "retrieve", "", None),
    ("app", "unlink", "", None),
    ("app", "store", "", Some(["rc=2", "rc=0"])),
    ("app", "store", "hello", None),
    ("app", "retrieve", "", None),
    ("app", "store", "world!", None),
    ("app", "retrieve", "", None),
    ("app", "store", "", None),
    ("app", "retrieve", "", None),
    ("app", "store", "x", None),
    ("app", "unlink", "", None),
    ("", "store", "e", None),
    ("", "retrieve", "", None),
    ("", "unlink", "", None),
    ("a b", "store", "x", None),
    ("a b", "unlink", "", None),
    ("a/b", "store", "x", None),
    ("a/b", "retrieve", "", Some(["rc=0 none", "rc=-3"])),
    ("a/b", "unlink", "", None),
    (
        "domain-userdata-lock",
        "store",
        "x",
        Some(["rc=0", "rc=-3"]),
    ),
    (
        "domain-userdata-lock",
        "unlink",
        "",
        Some(["rc=0", "rc=-3"]),
    ),
];

/// A domid that no domain has.
const ABSENT: &str = "9999";

pub(super) fn a_program_sees_the_drop_ins_differences_and_no_other() -> Result<()> {
    let (without, with) = (results(None)?, results(Some(SHIPPED))?);
    for (at, (userid, call, _, differ)) in CALLS.iter().enumerate() {
        let (Some(one), Some(other)) = (without.get(at), with.get(at)) else {
            bail!("{call} '{userid}' was not called");
        };
        let fits = match differ {
            None => one == other,
            Some(lines) => [&one.0, &other.0] == *lines,
        };
        ensure!(
            fits,
            "{call} '{userid}': {one:?} without it and {other:?} with it"
        );
    }
    for preload in [None, Some(SHIPPED)] {
        for call in ["store", "retrieve", "unlink"] {
            let (line, _) = result(preload, ABSENT, "app", call, "x")?;
            ensure!(line == "rc=-15", "{call} of no domain, {preload:?}: {line}");
        }
    }
    Ok(())
}

/// The results of all calls on a new domain.
fn results(preload: Option<&str>) -> Result<Vec<(String, Vec<u8>)>> {
    let guest = Guest::create("calls")?;
    let domid = guest.domid.to_string();
    let calls = CALLS
        .iter()
        .map(|(userid, call, data, _)| result(preload, &domid, userid, call, data));
    let results = calls.collect();
    guest.destroy()?;
    results
}

/// The last line of the program's errors, which is what libxl returned, and the value.
fn result(
    preload: Option<&str>,
    domid: &str,
    userid: &str,
    call: &str,
    data: &str,
) -> Result<(String, Vec<u8>)> {
    let mut words = Vec::from_iter(
        preload
            .map(|preload| ["env", preload])
            .into_iter()
            .flatten(),
    );
    words.extend(["libxl-userdata", domid, userid, call]);
    let ended = program::run(&words, data.as_bytes())?;
    let line = ended.stderr.lines().last().context("no return value")?;
    Ok((line.to_owned(), ended.stdout))
}
