//! The small scenarios of which every schedule is walked.

mod boots;
mod each;
mod trees;

use std::time::Duration;

use hv_sim::Failure;
use userdata_core::store::{Durability, Keep};
use userdata_core::{DomainKey, Domid, Uuid, WritableUserid};
use userdata_fs::Errno;
use userdata_sim::faults::{At, Fault, How};
use userdata_sim::interpose::CallKind;
use userdata_simulate::actor::{LibxlRequest, Life, Request, Task, Whose};
use userdata_simulate::misanswer::Misanswer;
use userdata_simulate::scenario::{Role, Scenario};
use userdata_simulate::schedule::Bounds;
use userdata_simulate::walk::{Scene, Waits};

/// A scenario, and how much its schedules may disturb it.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) scenario: Scenario,
    pub(crate) bounds: Bounds,
}

/// A store and a clear ask at least this many questions together.
const QUESTIONS: u64 = 6;

/// Not enough to wait for a store of another thread.
const SHORT: Duration = Duration::from_micros(10);

/// A process, and its tasks, one after the other.
type Part = (Role, Vec<Task>);

/// All small scenarios, in the order of the numbers of their cases.
pub(crate) fn all() -> Vec<Small> {
    let of_two = |kills, power_cut, preemptions| {
        let bounds = Bounds {
            preemptions,
            kills,
            power_cut,
        };
        pairs().into_iter().map(move |pair| Small {
            scenario: scenario(pair),
            bounds,
        })
    };
    let of_three = triples().into_iter().map(|triple| Small {
        scenario: scenario(triple),
        bounds: Bounds {
            preemptions: 1,
            ..Bounds::default()
        },
    });
    let breaks_lock = Small {
        scenario: libxl_breaks_a_lock(),
        bounds: Bounds {
            preemptions: 2,
            ..Bounds::default()
        },
    };
    // Few, and the only ones that show the line of threads: so they come first.
    let of_threads = threads_line_up().into_iter();
    of_threads
        .chain(of_two(0, false, 2))
        .chain([breaks_lock])
        .chain(of_two(1, false, 1))
        .chain(of_two(0, true, 1))
        .chain(of_three)
        .chain(boots::all())
        .chain((0..QUESTIONS).map(unknown_is_not_gone))
        .chain(trees::all())
        .chain(each::all())
        .collect()
}

fn scenario<const N: usize>(parts: [Part; N]) -> Scenario {
    let mut scenario = Scenario::new([first(), second()]);
    for (role, tasks) in parts {
        scenario = scenario.with(role, tasks);
    }
    scenario
}

fn pairs() -> Vec<[Part; 2]> {
    let store = || ours(vec![put("a first value")]);
    let other = || ours(vec![put("another one, and a longer one")]);
    let read = || ours(vec![ask(Request::Retrieve(xl())), ask(Request::List)]);
    // Without a value there, and with one.
    let first_swap = |value| ours(vec![ask(Request::Retrieve(xl())), swap(value)]);
    let next_swap = |value| ours(vec![put("an old value"), swap(value)]);
    let destroy = || ours(vec![ask(Request::Destroy(Durability::Full))]);
    vec![
        [store(), other()],
        [store(), read()],
        [
            ours(vec![update("a first value"), update("a second one")]),
            ours(vec![update("another one")]),
        ],
        [first_swap("a first value"), first_swap("another one")],
        [next_swap("a first value"), other()],
        [
            store(),
            ours(vec![ask(Request::Remove(xl(), Durability::Full))]),
        ],
        [
            store(),
            ours(vec![ask(Request::Clear(Keep::Nothing, Durability::Full))]),
        ],
        [store(), destroy()],
        [store(), ours(vec![ask(Request::DestroyInVain)])],
        [destroy(), destroy()],
        [read(), destroy()],
        [store(), libxls(LibxlRequest::Destroy)],
        [
            store(),
            libxls(LibxlRequest::Store(libxls_own(), b"of libxl".to_vec())),
        ],
        [
            store(),
            libxls(LibxlRequest::Store(xl().into(), b"of libxl".to_vec())),
        ],
        [store(), libxls(LibxlRequest::Unlink(xl().into()))],
        [
            read(),
            libxls(LibxlRequest::Store(xl().into(), b"of libxl".to_vec())),
        ],
        [destroy(), libxls(LibxlRequest::Destroy)],
        [store(), lifetimes(vec![Life::Reboot(theirs())])],
        [store(), lifetimes(vec![Life::Migrate(theirs())])],
        [
            store(),
            lifetimes(vec![Life::SetUuid(theirs(), Uuid::from_u128(7))]),
        ],
        [destroy(), lifetimes(vec![Life::Reboot(theirs())])],
        [put_and_destroy(), comes_back()],
        [
            store(),
            ours(vec![ask(Request::DestroyWithError(Durability::Full))]),
        ],
        [store(), sweeps()],
        [destroy(), sweeps()],
        [put_and_destroy(), sweeps()],
        [leaves_data(), sweeps()],
        [leaves_data_and_comes_back(), sweeps()],
        [sweeps(), libxls(LibxlRequest::Destroy)],
        [store(), ours(vec![import()])],
        [read(), ours(vec![import()])],
        [destroy(), ours(vec![import()])],
        [
            ours(vec![put("a value"), carry(theirs(), second())]),
            ours(vec![carry(Whose::Exactly(second()), first())]),
        ],
        [store(), ours(vec![carry(theirs(), second())])],
        [
            store(),
            ours(vec![ask(Request::DestroyWithExport(Durability::Full))]),
        ],
    ]
}

fn triples() -> Vec<[Part; 3]> {
    let store = |value: &str| ours(vec![put(value)]);
    let again = Life::Create {
        domid: Some(first().domid),
        uuid: Uuid::from_u128(9),
    };
    vec![
        [
            store("one"),
            store("two of them"),
            store("three of the three"),
        ],
        [
            store("one"),
            store("two of them"),
            ours(vec![ask(Request::Destroy(Durability::Full))]),
        ],
        [
            store("one"),
            ours(vec![update("two of them")]),
            libxls(LibxlRequest::Destroy),
        ],
        [
            store("one"),
            libxls(LibxlRequest::Destroy),
            libxls(LibxlRequest::Destroy),
        ],
        [
            store("one"),
            libxls(LibxlRequest::Store(xl().into(), b"of libxl".to_vec())),
            libxls(LibxlRequest::Destroy),
        ],
        [
            store("one"),
            libxls(LibxlRequest::Destroy),
            lifetimes(vec![again]),
        ],
        [leaves_data(), sweeps(), sweeps()],
        [store("one"), libxls(LibxlRequest::Destroy), sweeps()],
    ]
}

/// Real libxl fails to lock, and unlinks the lock file of the lock holder.
fn libxl_breaks_a_lock() -> Scenario {
    let mut scenario = scenario([
        ours(vec![put("a first value")]),
        libxls(LibxlRequest::Retrieve(xl().into())),
    ]);
    for process in &mut scenario.processes {
        if process.role == Role::Libxl {
            process.faults.push(Fault {
                at: At::Kind(CallKind::Lock, 0),
                how: How::Fails(Errno::NOLCK),
            });
        }
    }
    scenario
}

/// The hypervisor stops answering at this question, while the data is cleared except for what a
/// living domain needs. One question without an answer harms less: the next one is asked under the
/// lock.
fn unknown_is_not_gone(question: u64) -> Small {
    let its_own = WritableUserid::libxl_json;
    let value = b"of libxl".to_vec();
    let mut scenario = scenario([ours(vec![
        ask(Request::Store(its_own(), value, Durability::Full)),
        ask(Request::Clear(Keep::Essential, Durability::Full)),
        ask(Request::Retrieve(its_own())),
    ])]);
    for process in &mut scenario.processes {
        let fails = Misanswer::Fails(Failure::Unavailable);
        let silent = question..question + 8;
        process
            .misanswers
            .extend(silent.map(|number| (number, fails)));
    }
    Small {
        scenario,
        bounds: Bounds::default(),
    }
}

/// Threads of one process want one lock: one that gives up while it waits, two that want two locks
/// each, and some that are killed together.
fn threads_line_up() -> [Small; 3] {
    let put = |value| ours(vec![put(value)]);
    let three = [put("one"), put("two of them"), put("three of the three")];
    let mut gives_up = of_one_process(scenario(three));
    if let Some(second) = gives_up.processes.get_mut(1) {
        second.deadline = SHORT;
    }
    let mut carries = of_one_process(scenario([
        ours(vec![carry(theirs(), second())]),
        ours(vec![carry(Whose::Exactly(second()), first())]),
        put("a value"),
    ]));
    if let Some(third) = carries.processes.get_mut(2) {
        third.thread_of = None;
    }
    let killed = scenario([put("one"), put("two of them"), put("three of the three")]);
    let bounds = |preemptions, kills| Bounds {
        preemptions,
        kills,
        power_cut: false,
    };
    let small = |scenario, bounds| Small { scenario, bounds };
    [
        small(gives_up, bounds(1, 0)),
        small(carries, bounds(1, 0)),
        small(of_one_process(killed), bounds(1, 1)),
    ]
}

/// The same with threads of one process.
fn of_one_process(mut scenario: Scenario) -> Scenario {
    for process in &mut scenario.processes {
        process.thread_of = Some(0);
    }
    scenario
}

fn ours(tasks: Vec<Task>) -> Part {
    (Role::Library, tasks)
}

fn libxls(request: LibxlRequest) -> Part {
    (Role::Libxl, vec![Task::Libxl(theirs(), request)])
}

/// A domain is destroyed together with its data.
fn put_and_destroy() -> Part {
    let destroy = Request::Destroy(Durability::Full);
    ours(vec![put("a first value"), ask(destroy)])
}

/// Once it is gone, the domain comes back with the same key, and real libxl stores for it.
fn comes_back() -> Part {
    let value = b"of the second domain".to_vec();
    let store = LibxlRequest::Store(libxls_own(), value);
    let back = Task::Life(Life::Return(Whose::Exactly(first())));
    (Role::Toolstack, vec![back, Task::Libxl(theirs(), store)])
}

/// The hypervisor destroys a domain, and no toolstack removes its data.
fn leaves_data() -> Part {
    let kill = Task::Life(Life::Kill(theirs()));
    (Role::Toolstack, vec![put("a first value"), kill])
}

/// The same, and then the domain comes back with the same key, and real libxl stores for it.
fn leaves_data_and_comes_back() -> Part {
    let (_, mut tasks) = leaves_data();
    tasks.extend(comes_back().1);
    (Role::Toolstack, tasks)
}

fn sweeps() -> Part {
    ours(vec![ask(Request::Sweep(Waits::grace(Scene::GRACE)))])
}

fn import() -> Task {
    let x = WritableUserid::new("x").unwrap_or_else(|_| xl());
    let values = vec![(x, b"of an import".to_vec()), (xl(), b"imported".to_vec())];
    ask(Request::Import(values, Durability::Full))
}

/// Gives the values of one domain to another.
fn carry(from: Whose, to: DomainKey) -> Task {
    let request = Request::CarryFrom(from, Durability::Full);
    Task::Userdata(Whose::Exactly(to), request)
}

fn lifetimes(lifetimes: Vec<Life>) -> Part {
    (
        Role::Toolstack,
        lifetimes.into_iter().map(Task::Life).collect(),
    )
}

fn ask(request: Request) -> Task {
    Task::Userdata(theirs(), request)
}

fn put(value: &str) -> Task {
    ask(Request::Store(
        xl(),
        value.as_bytes().to_vec(),
        Durability::Full,
    ))
}

fn update(value: &str) -> Task {
    let value = value.as_bytes().to_vec();
    ask(Request::Update(xl(), value, Durability::Full))
}

/// If the value is still what this process knows.
fn swap(value: &str) -> Task {
    let value = value.as_bytes().to_vec();
    ask(Request::StoreIfUnchanged(xl(), value, Durability::Full))
}

/// The domain that it is about.
fn theirs() -> Whose {
    Whose::Exactly(first())
}

fn first() -> DomainKey {
    key(5)
}

/// Another domain with the same uuid, as during a localhost migration.
fn second() -> DomainKey {
    key(50)
}

fn key(domid: u16) -> DomainKey {
    // Invariant: the domids here are small.
    let domid = Domid::new(domid).unwrap_or(Domid::ZERO);
    DomainKey::new(
        domid,
        Uuid::from_u128(0x11111111_2222_3333_4444_abcdef555555),
    )
}

fn xl() -> WritableUserid {
    // Invariant: it is none that only libxl may write.
    WritableUserid::new("xl").unwrap_or_else(|_| WritableUserid::libxl_json())
}

fn libxls_own() -> userdata_core::Userid {
    WritableUserid::libxl_json().into()
}
