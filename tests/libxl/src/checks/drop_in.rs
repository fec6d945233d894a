//! The drop-in in a program that is linked to libxl.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata_core::Domid;

use crate::check::Subject;
use crate::checks::examples::example;
use crate::differences;
use crate::step::{By, Event, Step};
use crate::strategy::UUIDS;
use crate::world;

/// The differences from libxl that a program sees when it is run with the drop-in. The others are
/// between libxl and this library's own calls: libxl's codes do not tell them apart, or the drop-in
/// takes what libxl takes, or a destroy is libxl's own.
const VISIBLE: &[&str] = &[
    "one temporary name",
    "temporary file left behind",
    "temporary files of a killed lock holder",
    "bytes in a closing mark",
    "nothing to remove",
    "positive code",
    "reading takes the lock",
    "pipe",
    "link",
    "leaving domain",
    "lock that is not a regular file",
    "dead domain",
    "userid of a lock",
    "slash",
    "negative length",
];

pub(crate) fn a_program_sees_the_differences_of_the_list_and_no_other(
    subject: &Subject,
) -> Result<String> {
    let domid = Domid::new(5)?;
    let mut seen = Vec::new();
    for difference in differences::ALL {
        let name = difference.name;
        let mut steps = vec![Step::Happen(domid, Event::Create(UUIDS[0]))];
        let shown = example(name, domid).with_context(|| format!("{name} has no example"))?;
        steps.extend(shown.into_iter().map(|step| match step {
            Step::Call(call, _) => Step::Call(of_drop_in(name, call), By::DropIn),
            step => step,
        }));
        let shown = world::take_all(&subject.driver, &steps)
            .with_context(|| format!("the example of {name}"))?;
        if shown.last().is_some_and(|last| last.contains(&name)) {
            seen.push(name);
        }
    }
    ensure!(seen == VISIBLE, "a program sees {seen:?}");
    let all = differences::ALL.len();
    Ok(format!("{} of {all} differences", seen.len()))
}

/// The call that shows the difference of an example to a program with the drop-in. To remove an
/// absent value is still a failure of unlink, but not of a store of no bytes.
fn of_drop_in(name: &str, call: crate::step::Call) -> crate::step::Call {
    use crate::step::Call::{Remove, Store};
    match (name, call) {
        ("nothing to remove", Remove { domid, userid }) => Store {
            domid,
            userid,
            data: vec![],
        },
        (_, call) => call,
    }
}

/// Runs a part of the C program, in a directory of its own, on a host with one domain.
fn c_program(subject: &Subject, part: &str) -> Result<String> {
    let program = subject.program.as_deref().context("no C program")?;
    let drop_in = subject.driver.drop_in.as_deref().context("no drop-in")?;
    let host = SimHost::new(HostOptions::new(0));
    let domain = host.create(NewDomain::new())?;
    let run = tempfile::tempdir()?;
    let host_file = run.path().join("host.json");
    std::fs::write(&host_file, host.state().to_json())?;
    let directory = tempfile::tempdir()?;
    let output = Command::new(program)
        .args([&domain.domid.to_string(), part])
        .current_dir(directory.path())
        .env("LD_PRELOAD", drop_in)
        .env("USERDATA_LIBXL_HOST", host_file)
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}:\n{out}{err}", output.status);
    let left = std::fs::read_dir(directory.path())?.count();
    ensure!(left == 0, "{left} files are left behind");
    Ok(out.trim_end().to_owned())
}

pub(crate) fn every_odd_call_has_its_code_its_errno_and_defined_results(
    subject: &Subject,
) -> Result<String> {
    c_program(subject, "odd")
}

pub(crate) fn a_program_may_close_all_descriptors_between_calls(
    subject: &Subject,
) -> Result<String> {
    c_program(subject, "closed")
}

pub(crate) fn children_forked_while_threads_make_calls_can_make_calls(
    subject: &Subject,
) -> Result<String> {
    c_program(subject, "forks")
}

pub(crate) fn a_panic_is_a_failed_call_and_the_program_lives(subject: &Subject) -> Result<String> {
    c_program(subject, "panics")
}
