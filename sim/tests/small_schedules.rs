//! Small configurations, in every schedule with few preemptions.

use userdata_core::{DomainKey, Durability, WritableUserid};
use userdata_sim::{
    Bounds, Ending, Exhaustive, LibxlRequest, Request, Role, Run, Scenario, Task, Tracing, Whose,
};

const DURABILITY: Durability = Durability::Full;

fn domain() -> DomainKey {
    "5.11111111-2222-3333-4444-abcdef555555".parse().unwrap()
}

fn xl() -> WritableUserid {
    WritableUserid::new("xl").unwrap()
}

fn ours(request: Request) -> Task {
    Task::Userdata(Whose::Exactly(domain()), request)
}

fn libxls(request: LibxlRequest) -> Task {
    Task::Libxl(Whose::Exactly(domain()), request)
}

fn store(value: &[u8]) -> Task {
    ours(Request::Store(xl(), value.to_vec(), DURABILITY))
}

/// Walks all schedules within the bounds; gives the number.
fn walk(scenario: &Scenario, bounds: Bounds, check: impl Fn(&Run) -> Result<(), String>) -> u64 {
    let mut schedules = Exhaustive::new(bounds);
    while schedules.begin() {
        let run = scenario.run(&mut schedules, Tracing::Off).unwrap();
        assert_ne!(run.end, Ending::Endless);
        if let Err(why) = check(&run) {
            let walked = schedules.walked();
            panic!("{why} in schedule {walked}: {:#?}", run.history.events);
        }
    }
    schedules.walked()
}

fn preemptions(preemptions: u32) -> Bounds {
    Bounds {
        preemptions,
        ..Bounds::default()
    }
}

/// Nothing is left but values, and each is whole.
fn only_these(run: &Run, values: &[&[u8]]) -> Result<(), String> {
    for (path, entry) in run.storage.tree().iter() {
        let bytes = entry.bytes().unwrap_or_default();
        if !path.starts_with(b"userdata-d.5.") || !values.contains(&bytes) {
            return Err(format!("{} is left", path.escape_ascii()));
        }
    }
    Ok(())
}

#[test]
fn two_stores_leave_one_whole_value() {
    let scenario = Scenario::new([domain()])
        .with(Role::Library, [store(b"the first")])
        .with(Role::Library, [store(b"the second")]);
    let walked = walk(&scenario, preemptions(3), |run| {
        only_these(run, &[b"the first", b"the second"])
    });
    assert!(walked > 2_500, "{walked}");
}

#[test]
fn a_store_and_real_libxls_destroy_leave_nothing() {
    let scenario = Scenario::new([domain()])
        .with(Role::Library, [store(b"the first")])
        .with(Role::Libxl, [libxls(LibxlRequest::Destroy)]);
    let walked = walk(&scenario, preemptions(3), |run| only_these(run, &[]));
    assert!(walked > 2_000, "{walked}");
}
