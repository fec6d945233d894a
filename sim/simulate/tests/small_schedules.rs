//! Small configurations, in every schedule with few preemptions.

use hv_sim::{HostOptions, HostState};
use userdata::Outcome;
use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_core::{DomainKey, Userid, WritableUserid};
use userdata_fs::Errno;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Tree};
use userdata_sim::faults::{At, Fault, How};
use userdata_sim::interpose::CallKind;
use userdata_simulate::actor::{LibxlRequest, Life, Request, Task, Whose};
use userdata_simulate::checker::{Checker, HostImage};
use userdata_simulate::history::{Event, LibxlBug, Response};
use userdata_simulate::scenario::{Role, Run, Scenario, Tracing};
use userdata_simulate::schedule::{Bounds, Ending, Exhaustive};
use userdata_simulate::walk::Report;

const FULL: Durability = Durability::Full;

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
    ours(Request::Store(xl(), value.to_vec(), FULL))
}

fn libxl_store(value: &[u8]) -> Task {
    libxls(LibxlRequest::Store(
        Userid::new("xl").unwrap(),
        value.to_vec(),
    ))
}

fn two(first: impl IntoIterator<Item = Task>, second: impl IntoIterator<Item = Task>) -> Scenario {
    Scenario::new([domain()])
        .with(Role::Library, first)
        .with(Role::Library, second)
}

/// Walks all schedules within the bounds, at least `at_least`, and checks each against the
/// guarantees and with `check`.
fn walk(
    scenario: &Scenario,
    bounds: Bounds,
    at_least: u64,
    mut check: impl FnMut(&Run) -> Result<(), String>,
) {
    let options = HostOptions::new(scenario.seed)
        .with_spurious_one_in(0)
        .with_reports_dying(scenario.reports_dying);
    let before = HostImage {
        host: HostState::new(options),
        tree: Tree::default(),
    };
    let mut schedules = Exhaustive::new(bounds);
    while schedules.begin() {
        let run = scenario.run(&mut schedules, Tracing::Off).unwrap();
        assert_ne!(run.end, Ending::Endless);
        let after = HostImage {
            host: run.host.clone(),
            tree: run.storage.tree(),
        };
        let checker = Checker {
            history: &run.history,
            format: NameFormat::Libxl,
            before: &before,
            seen: &run.seen,
            after: (run.end == Ending::Quiet).then_some(&after),
            storage: Some(&run.storage),
        };
        let complaints = checker.check().unwrap().complaints;
        let first = complaints.first().map(ToString::to_string);
        if let Err(why) = first.map_or_else(|| check(&run), Err) {
            let number = schedules.walked();
            panic!("{why} in schedule {number}, {:?}", run.decisions);
        }
    }
    let walked = schedules.walked();
    assert!(walked >= at_least, "only {walked} schedules");
}

fn preemptions(preemptions: u32) -> Bounds {
    Bounds {
        preemptions,
        ..Bounds::default()
    }
}

/// Nothing is left but these values.
fn only(run: &Run, values: &[&[u8]]) -> Result<(), String> {
    for (path, entry) in run.storage.tree().iter() {
        let bytes = entry.bytes().unwrap_or_default();
        if !path.starts_with(b"userdata-d.5.") || !values.contains(&bytes) {
            return Err(format!("{} is left", path.escape_ascii()));
        }
    }
    Ok(())
}

fn value(run: &Run) -> Option<Vec<u8>> {
    let name = format!("userdata-d.{}.xl", domain());
    run.storage.tree().file(name.as_bytes()).map(<[u8]>::to_vec)
}

fn reports(run: &Run) -> Vec<&Report> {
    let report = |event| match event {
        &Event::Responded {
            response: Response::Userdata(ref report),
            ..
        } => Some(report),
        _ => None,
    };
    run.history.events.iter().filter_map(report).collect()
}

fn stored(run: &Run) -> usize {
    let stored = |report: &&&Report| matches!(report, Report::Changed(Outcome::Stored { .. }));
    reports(run).iter().filter(stored).count()
}

#[test]
fn two_stores_leave_one_whole_value() {
    let scenario = two([store(b"the first")], [store(b"the second")]);
    walk(&scenario, preemptions(3), 3_000, |run| {
        assert_eq!(stored(run), 2);
        assert!(value(run).is_some());
        only(run, &[b"the first", b"the second"])
    });
}

fn of_one_process(mut scenario: Scenario) -> Scenario {
    for process in &mut scenario.processes {
        process.thread_of = Some(0);
    }
    scenario
}

#[test]
fn threads_of_one_process_wait_for_each_other_and_are_all_served() {
    let scenario = two([store(b"the first")], [store(b"the second")])
        .with(Role::Library, [store(b"the third")]);
    let preempted = preemptions(1);
    walk(&of_one_process(scenario), preempted, 300, |run| {
        assert_eq!(stored(run), 3);
        only(run, &[b"the first", b"the second", b"the third"])
    });
}

#[test]
fn a_kill_ends_all_threads_of_a_process() {
    let scenario = two([store(b"the first")], [store(b"the second")]);
    let bounds = Bounds {
        kills: 1,
        ..preemptions(1)
    };
    let mut both = 0;
    walk(&of_one_process(scenario), bounds, 300, |run| {
        let killed = |event: &&Event| matches!(event, Event::Killed { .. });
        let kills = run.history.events.iter().filter(killed).count();
        both += u32::from(kills == 2);
        assert!(kills + stored(run) >= 2, "{:?}", reports(run));
        Ok(())
    });
    assert!(both > 0);
}

#[test]
fn one_of_two_stores_that_expect_no_value_succeeds() {
    let store = |value: &[u8]| ours(Request::StoreIfUnchanged(xl(), value.to_vec(), FULL));
    let scenario = two([store(b"the first")], [store(b"the second")]);
    walk(&scenario, preemptions(3), 3_000, |run| match stored(run) {
        1 => only(run, &[b"the first", b"the second"]),
        other => Err(format!("{other} have stored")),
    });
}

#[test]
fn two_updates_are_both_made() {
    let update = |value: &[u8]| ours(Request::Update(xl(), value.to_vec(), FULL));
    let scenario = two([update(b"the first")], [update(b"the second")]);
    walk(&scenario, preemptions(3), 4_500, |run| {
        assert_eq!(stored(run), 2);
        only(run, &[b"the first", b"the second"])
    });
}

#[test]
fn a_reader_sees_whole_values_and_never_an_older_one_again() {
    let read = || ours(Request::Retrieve(xl()));
    let scenario = two([store(b"old"), store(b"a new one")], [read(), read()]);
    walk(&scenario, preemptions(3), 6_500, |run| {
        only(run, &[b"a new one"])
    });
}

#[test]
fn a_store_and_a_destroy_leave_nothing() {
    let scenario = two([store(b"the first")], [ours(Request::Destroy(FULL))]);
    walk(&scenario, preemptions(3), 5_000, |run| only(run, &[]));
}

#[test]
fn a_store_and_a_destroy_in_vain_leave_what_was_stored() {
    let scenario = two([store(b"the first")], [ours(Request::DestroyInVain)]);
    let (mut done, mut refused) = (0, 0);
    walk(&scenario, preemptions(3), 4_000, |run| {
        match stored(run) {
            1 => done += 1,
            _ => refused += 1,
        }
        assert_eq!(value(run).is_some(), stored(run) == 1);
        only(run, &[b"the first"])
    });
    assert!(done > 0 && refused > 0, "{done} {refused}");
}

#[test]
fn two_destroys_of_a_domain_leave_nothing() {
    let destroy = || ours(Request::Destroy(FULL));
    let scenario = two([store(b"the first"), destroy()], [destroy()]);
    walk(&scenario, preemptions(3), 16_000, |run| only(run, &[]));
}

#[test]
fn a_killed_destroyer_stops_no_other_process() {
    let scenario = two([ours(Request::Destroy(FULL))], [store(b"the first")]);
    let bounds = Bounds {
        preemptions: 2,
        kills: 1,
        ..Bounds::default()
    };
    let mut after = 0;
    walk(&scenario, bounds, 18_000, |run| {
        let mut events = run.history.events.iter();
        let killed = events.position(|event| matches!(event, Event::Killed { .. }));
        let called = events.any(|event| matches!(event, Event::Invoked { .. }));
        // One event created the domain, and no process has begun to destroy it.
        if killed.is_some() && called && run.counts.host_events == 1 {
            after += 1;
            assert_eq!(stored(run), 1, "{:?}", reports(run));
        }
        Ok(())
    });
    assert!(after > 0);
}

#[test]
fn a_store_and_real_libxls_destroy_leave_nothing() {
    let scenario = two([store(b"the first")], [libxls(LibxlRequest::Destroy)]);
    walk(&scenario, preemptions(3), 2_500, |run| only(run, &[]));
}

#[test]
fn two_stores_and_real_libxls_destroy_leave_nothing() {
    let scenario = two([store(b"the first")], [libxls(LibxlRequest::Destroy)])
        .with(Role::Library, [store(b"the second")]);
    walk(&scenario, preemptions(2), 7_000, |run| only(run, &[]));
}

/// Real libxl leaks its own data in the same situation: the control for the two tests above.
#[test]
fn real_libxl_leaks_what_it_stores_while_it_destroys() {
    let scenario = two([libxl_store(b"the first")], [libxls(LibxlRequest::Destroy)]);
    let mut leaked = 0;
    walk(&scenario, preemptions(3), 1_900, |run| {
        leaked += u32::from(value(run).is_some());
        Ok(())
    });
    assert!(leaked > 0);
}

#[test]
fn a_store_and_real_libxls_store_exclude_each_other() {
    let scenario = two([store(b"the first")], [libxl_store(b"the second")]);
    walk(&scenario, preemptions(3), 2_000, |run| {
        assert_eq!(stored(run), 1);
        only(run, &[b"the first", b"the second"])
    });
}

#[test]
fn values_stay_whole_while_real_libxl_breaks_the_lock() {
    let mut scenario = two(
        [store(b"the first"), store(b"the third")],
        [libxl_store(b"the fourth")],
    )
    .with(Role::Library, [store(b"the second")]);
    let fault = Fault {
        at: At::Kind(CallKind::OpenLock, 0),
        how: How::Fails(Errno::MFILE),
    };
    for process in scenario.processes.iter_mut().skip(1).take(1) {
        process.faults.push(fault);
    }
    let (mut broken, mut lost) = (0, 0);
    walk(&scenario, preemptions(2), 11_000, |run| {
        let unlinks = |event: &Event| {
            matches!(
                event,
                Event::Libxl {
                    bug: LibxlBug::UnlinksWithoutHolding,
                    ..
                }
            )
        };
        broken += u32::from(run.history.events.iter().any(unlinks));
        let failed = |report: &&Report| matches!(report, Report::Failed(_));
        lost += u32::from(reports(run).iter().any(failed));
        Ok(())
    });
    assert!(broken > 0 && lost > 0, "{broken} {lost}");
}

#[test]
fn a_store_while_the_handle_changes_reaches_no_other_domain() {
    let uuid = "66666666-7777-8888-9999-abcdef000000".parse().unwrap();
    let scenario = two(
        [store(b"the first")],
        [Task::Life(Life::SetUuid(Whose::Exactly(domain()), uuid))],
    );
    walk(&scenario, preemptions(3), 500, |run| {
        only(run, &[b"the first"])
    });
}

#[test]
fn no_power_cut_while_two_store_leaves_half_a_value() {
    let scenario = two([store(b"the first")], [store(b"the second")]);
    let bounds = Bounds {
        preemptions: 1,
        power_cut: true,
        ..Bounds::default()
    };
    let model = CrashModel {
        names: NameOrder::Journalled,
        sizes: Sizes::Vary,
    };
    let name = format!("userdata-d.{}.xl", domain());
    let mut states = 0;
    walk(&scenario, bounds, 1_500, |run| {
        for state in run.storage.crash_states(model).iter() {
            states += 1;
            match state.tree().file(name.as_bytes()) {
                None | Some(b"the first" | b"the second") => {}
                Some(other) => return Err(other.escape_ascii().to_string()),
            }
        }
        Ok(())
    });
    assert!(states > 4_000, "{states}");
}
