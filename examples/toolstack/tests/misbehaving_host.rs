//! A toolstack on a host that misbehaves: domains come and go in every order and are hidden from
//! it, the hypervisor gives wrong answers or none, the disk fails, and the power does.

use std::error::Error;

use example_toolstack::{Toolstack, ToolstackError};
use hv_sim::{Call, Event, Failure, Fault, HostOptions, NewDomain, Phase, SimHost, When};
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use userdata::DomainKey;
use userdata_fs::FileStore;
use userdata_sim::{
    CrashModel, Faults, FaultyDirectory, NameOrder, SimDirectory, SimDisk, SimOptions, Sizes,
    every_fault,
};
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

/// Whether this incarnation is there, in whatever phase.
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

/// The property, in ten lines: whatever happens on the host, who lives keeps its recipe, and of who
/// is gone nothing is left.
fn recipes_live_as_long_as_domains(history: &[Event], tidy: Tidy) -> Tested {
    let (host, disk) = simulated_host();
    let toolstack = toolstack(&host, &disk)?;
    let mut kept = Vec::new();
    for event in history {
        if let Ok(Some(domain)) = host.apply(event) {
            toolstack.keep(domain, b"a recipe")?;
            kept.push(domain);
        }
        let tidied = tidy(&toolstack).is_ok(); // It may fail, if only nothing is lost by it.
        for domain in &kept {
            let has_recipe = toolstack.recipe(*domain)?.is_some();
            ensure(
                has_recipe || !lives(&host, domain),
                "it lives, and its recipe is gone",
            )?;
            ensure(
                !has_recipe || !tidied || is_there(&host, domain),
                "it is gone, its recipe is not",
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
        panic!("not found");
    };
    assert!(reason.message().contains("it is gone"), "{reason}");
    // Of everything that happened, proptest leaves what matters: one incarnation follows another.
    assert!(minimal.len() <= 3, "found, and not explained: {minimal:?}");
}

#[test]
fn with_care_it_is_not_there() -> Result<(), TestError<Vec<Event>>> {
    find(Toolstack::tidy_up_with_care)
}

/// Every wrong answer, to every question that tidying up asks.
#[test]
fn no_answer_of_a_hypervisor_makes_it_forget_the_living() -> Tested {
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
            host.create(NewDomain::new())?; // what a stale answer does not know
            // A host that knows nobody must be asked twice to be found out.
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

/// Every call to the disk fails in every way that it can.
#[test]
fn no_fault_of_the_disk_loses_a_recipe() -> Tested {
    let (mut calls, mut runs) = (Vec::new(), 0);
    let mut fault = None;
    loop {
        let (host, disk) = simulated_host();
        let domain = host.create(NewDomain::new())?;
        toolstack(&host, &disk)?.keep(domain, b"old")?;
        let faults = Faults::new(fault);
        let root = FaultyDirectory::new(disk.process().root()?, faults.clone());
        let store = FileStore::new(root.losing(SimDirectory::lose_writeback));
        let kept = Toolstack::new("example", host.clone(), store)?.keep(domain, b"new");
        let recipe = toolstack(&host, &disk)?.recipe(domain)?;
        let recipe = recipe.as_deref().unwrap_or_default();
        assert!(
            kept.is_err() || recipe == b"new",
            "{fault:?}: it says it is kept"
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

/// The power fails after every step, and the disk keeps of it what it likes.
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
