//! Small scenarios in which the host boots, or hides a domain from a sweep.

use std::time::Duration;

use userdata_core::{DomainKey, Domid, Uuid};
use userdata_simulate::actor::{Life, Request, Task, Whose};
use userdata_simulate::scenario::{Scenario, Then};
use userdata_simulate::schedule::Bounds;
use userdata_simulate::walk::Waits;

use super::{Small, ask, first, ours, put, scenario, theirs, xl};

/// A grace that a sweep outlasts, so that the next sweep after the first sighting is after it.
const SHORT: Duration = Duration::from_micros(10);

/// How often the domain is stored for before it gets another uuid: for longer than any sweep of the
/// boot before had seen that, so that the clock is behind the sighting.
const STORES: usize = 4;

pub(super) fn all() -> Vec<Small> {
    let calm = |scenario| Small {
        scenario,
        bounds: Bounds::default(),
    };
    let killed = |scenario| Small {
        scenario,
        bounds: Bounds {
            kills: 1,
            ..Bounds::default()
        },
    };
    vec![
        killed(the_key_comes_back(true)),
        killed(the_key_comes_back(false)),
        calm(sightings_of_another_boot()),
        calm(the_uuid_changes_for_the_grace()),
        calm(hidden_from_a_sweep()),
    ]
}

/// Values are stored, the host boots and sweeps, and a domain with the same domid and uuid reads.
fn the_key_comes_back(all_tasks_are_done: bool) -> Scenario {
    let mut before = scenario([ours(vec![put("of the boot before"), put("another value")])]);
    if !all_tasks_are_done {
        before.reset = Some(20);
    }
    let after = scenario([ours(vec![read(), put("of this boot"), read()])]);
    let mut sweep = Scenario::new([]);
    sweep.processes = scenario([ours(vec![sweep_all(Duration::from_secs(3600))])]).processes;
    sweep.then = Some(Box::new(Then {
        boots: false,
        scenario: after,
    }));
    boots_into(before, sweep)
}

/// What a sweep has seen before a boot is not what the next sweep sees after it.
fn sightings_of_another_boot() -> Scenario {
    let before = scenario([ours(vec![put("a value"), other_uuid(), sweep_all(SHORT)])]);
    let stores = (0..STORES).map(|_| put("a value of this boot"));
    let later = [other_uuid(), sweep_all(SHORT), back(), read()];
    boots_into(before, scenario([ours(stores.chain(later).collect())]))
}

/// The second sweep sees what the first one saw, and the grace has passed: the data goes.
fn the_uuid_changes_for_the_grace() -> Scenario {
    let sweeps = [sweep_all(SHORT), sweep_all(SHORT)];
    let tasks = [put("a value"), other_uuid()].into_iter().chain(sweeps);
    scenario([ours(tasks.collect())])
}

/// Unknown is not gone.
fn hidden_from_a_sweep() -> Scenario {
    scenario([ours(vec![
        put("a value"),
        Task::Life(Life::Hide(theirs())),
        sweep_all(Duration::ZERO),
        Task::Life(Life::Show(theirs())),
        read(),
    ])])
}

fn boots_into(mut before: Scenario, after: Scenario) -> Scenario {
    before.then = Some(Box::new(Then {
        boots: true,
        scenario: after,
    }));
    before
}

fn sweep_all(grace: Duration) -> Task {
    let of_none = Whose::Exactly(DomainKey::new(Domid::ZERO, Uuid::nil()));
    Task::Userdata(of_none, Request::Sweep(Waits::grace(grace)))
}

fn other_uuid() -> Task {
    Task::Life(Life::SetUuid(theirs(), Uuid::from_u128(7)))
}

fn back() -> Task {
    Task::Life(Life::RestoreUuid(Whose::Exactly(first())))
}

fn read() -> Task {
    ask(Request::Retrieve(xl()))
}
