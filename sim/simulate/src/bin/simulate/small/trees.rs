//! Small scenarios in the tree layout.

use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Keep};
use userdata_simulate::actor::{Life, Request, Task};
use userdata_simulate::scenario::{Role, Scenario};
use userdata_simulate::schedule::Bounds;

use super::{
    Part, Small, ask, import, leaves_data, ours, pairs, put, scenario, sweeps, triples, xl,
};

/// At the beginning no domain has a directory, so that the first writers make it.
pub(super) fn all() -> Vec<Small> {
    let of_two = |bounds: Bounds| {
        let two = pairs().into_iter().chain(of_directories());
        let two = two.map(scenario).filter(is_without_libxl);
        two.map(move |scenario| in_tree(scenario, bounds))
    };
    let bounds = |preemptions, kills, power_cut| Bounds {
        preemptions,
        kills,
        power_cut,
    };
    let of_three = triples().into_iter().chain(threes()).map(scenario);
    of_two(bounds(2, 0, false))
        .chain(of_two(bounds(1, 1, false)))
        .chain(of_two(bounds(1, 0, true)))
        .chain(of_three.filter(is_without_libxl).map(|scenario| {
            // The process that holds a directory which is taken away waits for two others.
            in_tree(scenario, bounds(1, 0, false))
        }))
        .collect()
}

/// A directory is taken away and made again.
fn of_directories() -> Vec<[Part; 2]> {
    let clear = || ask(Request::Clear(Keep::Nothing, Durability::Full));
    let list = || ask(Request::List);
    let read = || ask(Request::Retrieve(xl()));
    let remove = || ask(Request::Remove(xl(), Durability::Full));
    vec![
        [
            ours(vec![import(), clear(), put("again")]),
            ours(vec![list(), read()]),
        ],
        [ours(vec![import(), clear()]), ours(vec![list()])],
        [
            ours(vec![put("a value"), remove()]),
            ours(vec![put("another one")]),
        ],
        [
            ours(vec![put("a value"), clear()]),
            ours(vec![put("another one")]),
        ],
        [sweeps(), sweeps()],
        [sweeps(), ours(vec![import(), list()])],
        [leaves_data(), ours(vec![import()])],
    ]
}

/// A process waits for a directory that another one takes away, and a third one makes it again.
fn threes() -> Vec<[Part; 3]> {
    let clear = || ask(Request::Clear(Keep::Nothing, Durability::Full));
    let remove = || ask(Request::Remove(xl(), Durability::Full));
    vec![
        [
            ours(vec![put("one")]),
            ours(vec![put("two of them")]),
            ours(vec![clear()]),
        ],
        [
            ours(vec![put("one"), remove()]),
            ours(vec![put("two of them")]),
            ours(vec![put("three of the three")]),
        ],
    ]
}

fn in_tree(mut scenario: Scenario, bounds: Bounds) -> Small {
    scenario.format = NameFormat::Tree;
    Small { scenario, bounds }
}

/// Real libxl does not know the layout.
fn is_without_libxl(scenario: &Scenario) -> bool {
    let mut processes = scenario.processes.iter();
    !processes.any(|process| {
        let mut tasks = process.tasks.iter();
        let is_libxls = |task: &Task| {
            matches!(
                task,
                Task::Libxl(..) | Task::Life(Life::Reboot(_) | Life::Migrate(_))
            )
        };
        process.role == Role::Libxl || tasks.any(is_libxls)
    })
}
