//! A toolstack on a host that misbehaves: domains begin and end in every order and may be hidden,
//! the hypervisor gives wrong answers or none, the disk fails, and the power fails.

use std::error::Error;

use example_toolstack::{Toolstack, ToolstackError};
use hv_sim::{Call, Event, Failure, Fault, HostOptions, NewDomain, Phase, SimHost, When};
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use userdata::DomainKey;
use userdata_fs::FileStore;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::faults::{Faults, every_fault};
use userdata_sim::interpose::Interposed;
use userdata_sim::{SimDirectory, SimDisk, SimOptions};
use userdata_testkit::strategies;

type Simulated = Toolstack<SimHost, FileStore<SimDirectory>>;
type Tidy = fn(&Simulated) -> Result<(), ToolstackError>;
type Tested = Result<(), Box<dyn Error>>;

fn simulated_host() -> (SimHost, SimDisk) {
    (
        SimHost::new(HostOptions::new(1)),
        SimDisk::new(SimOptions::default()),
    )
}

fn toolstack(host: &SimHost, disk: &SimDisk) -> Result<Simulated, Box<dyn Error>> {
    let store = FileStore::new(disk.process().root()?);
    Ok(Toolstack::new("example", host.clone(), store)?)
}

/// Whether this incarnation exists and is not dead.
fn is_there(host: &SimHost, key: &DomainKey) -> bool {
    let state = host.state();
    let guest = state.guest(key.domid);
    guest.is_some_and(|guest| guest.uuid() == key.uuid && guest.phase() != Phase::Dead)
}

fn lives(host: &SimHost, key: &DomainKey) -> bool {
    let running = |guest: &hv_sim::Guest| guest.phase() == Phase::Running;
    is_there(host, key) && host.state().guest(key.domid).is_some_and(running)
}

fn ensure(holds: bool, otherwise: &str) -> Tested {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// The property, in ten lines: whatever happens on the host, a domain that lives keeps its recipe,
/// and nothing is left of a domain that is gone.
fn recipes_live_as_long_as_domains(history: &[Event], tidy: Tidy) -> Tested {
    let (host, disk) = simulated_host();
    let toolstack = toolstack(&host, &disk)?;
    let mut kept = Vec::new();
    for event in history {
        if let Ok(Some(domain)) = host.apply(event) {
            toolstack.keep(domain, b"a recipe")?;
            kept.push(domain);
        }
        let tidied = tidy(&toolstack).is_ok(); // It may fail, but must not lose a recipe.
        for domain in &kept {
            let has_recipe = toolstack.recipe(*domain)?.is_some();
            ensure(
                has_recipe || !lives(&host, domain),
                "the domain lives, but its recipe is gone",
            )?;
            ensure(
                !has_recipe || !tidied || is_there(&host, domain),
                "the domain is gone, but its recipe is not",
            )?;
        }
        kept.retain(|domain| is_there(&host, domain));
    }
    Ok(())
}

fn find(tidy: Tidy) -> Result<(), TestError<Vec<Event>>> {
    TestRunner::deterministic().run(&strategies::histories(20), |history| {
        let tested = recipes_live_as_long_as_domains(&history, tidy);
        tested.map_err(|error| TestCaseError::fail(error.to_string()))
    })
}

#[test]
fn the_planted_bug_is_found() {
    let Err(TestError::Fail(reason, minimal)) = find(Toolstack::tidy_up) else {
        panic!("the bug is not found");
    };
    assert!(reason.message().contains("the domain is gone"), "{reason}");
    // proptest shrinks the history to the events that matter: one incarnation follows another.
    assert!(
        minimal.len() <= 3,
        "the history is not minimal: {minimal:?}"
    );
}

#[test]
fn tidying_up_with_care_does_not_have_the_bug() -> Result<(), TestError<Vec<Event>>> {
    find(Toolstack::tidy_up_with_care)
}

/// The hypervisor gives every wrong answer to every question.
#[test]
fn no_answer_of_the_hypervisor_removes_a_living_domains_recipe() -> Tested {
    let faults = [
        Fault::Fail(Failure::NotPermitted),
        Fault::Fail(Failure::Failed),
        Fault::Stale,
        Fault::Absent,
    ];
    for fault in faults {
        for nth in 1..=3 {
            let (host, disk) = simulated_host();
            let toolstack = toolstack(&host, &disk)?;
            let domain = host.create(NewDomain::new())?;
            toolstack.keep(domain, b"a recipe")?;
            host.create(NewDomain::new())?; // a stale answer does not have this domain
            // With this fault in one answer only, nothing shows that the answer is wrong.
            let when = match fault {
                Fault::Absent => When::Always,
                _ => When::After(nth - 1),
            };
            host.script(Call::Domain, when, fault.clone());
            let _ = toolstack.tidy_up_with_care();
            host.clear_script();
            assert!(toolstack.recipe(domain)?.is_some(), "{fault:?} {nth}");
        }
    }
    Ok(())
}

/// Every call of the disk fails in every way that it can fail.
#[test]
fn no_fault_of_the_disk_loses_a_recipe() -> Tested {
    let (mut calls, mut runs) = (Vec::new(), 0);
    let mut fault = None;
    loop {
        let (host, disk) = simulated_host();
        let domain = host.create(NewDomain::new())?;
        toolstack(&host, &disk)?.keep(domain, b"old")?;
        let faults = Faults::new(fault);
        let root = Interposed::new(disk.process().root()?, faults.clone());
        let store = FileStore::new(root.losing(SimDirectory::lose_writeback));
        let kept = Toolstack::new("example", host.clone(), store)?.keep(domain, b"new");
        let recipe = toolstack(&host, &disk)?.recipe(domain)?;
        let recipe = recipe.as_deref().unwrap_or_default();
        assert!(
            kept.is_err() || recipe == b"new",
            "{fault:?}: a store that succeeded stored nothing"
        );
        assert!(
            [&b"old"[..], b"new"].contains(&recipe),
            "{fault:?}: {recipe:?}"
        );
        if fault.is_none() {
            calls = every_fault(&faults.calls(), 0).collect();
        }
        runs += 1;
        let Some(next) = calls.pop() else { break };
        fault = Some(next);
    }
    assert!(runs > 50, "only {runs} runs");
    Ok(())
}

/// The power fails after every step, and any part of the unsynced writes survives.
#[test]
fn no_power_cut_loses_a_recipe() -> Tested {
    let (host, disk) = simulated_host();
    let domain = host.create(NewDomain::new())?;
    let before = toolstack(&host, &disk)?;
    before.keep(domain, b"old")?;
    disk.record_steps();
    before.keep(domain, b"new")?;
    let steps = disk.take_steps();
    let model = CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    };
    let mut states = 0;
    for step in &steps {
        for state in step.storage.crash_states(model).iter() {
            let after = toolstack(&host, &SimDisk::boot(state, SimOptions::default()))?;
            let recipe = after.recipe(domain)?.ok_or("gone")?;
            assert!(recipe == b"old" || recipe == b"new", "after {}", step.call);
            states += 1;
        }
    }
    assert!(states > 10, "only {states} states");
    Ok(())
}
