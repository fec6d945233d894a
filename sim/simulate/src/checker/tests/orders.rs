//! Random histories of one register: the checker accepts exactly those that some order explains, as
//! found by trying every order.

use proptest::prelude::*;
use userdata_core::Version;
use userdata_core::store::StoreErrorKind;

use super::story::{
    Story, failed, nothing_to_remove, read, remove, removed, store, stored, swap, xl,
};
use crate::walk::{Action, Report};

const PROCESSES: usize = 3;
const VALUES: [Option<&str>; 4] = [None, Some("a"), Some("b"), Some("c")];

/// What is asked. Values are numbers of [`VALUES`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Read,
    Put(usize),
    Remove,
    Swap(usize, usize),
}

/// The answer; a process that was killed has none.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reported {
    Saw(usize),
    Stored,
    Removed,
    NothingToRemove,
    Otherwise(usize),
}

#[derive(Clone, Copy, Debug)]
struct Done {
    process: usize,
    ask: Ask,
    reported: Option<Reported>,
    began: usize,
    ended: usize,
}

/// What the register says, and what is in it then.
fn answer(ask: Ask, holds: usize) -> (Reported, usize) {
    match ask {
        Ask::Read => (Reported::Saw(holds), holds),
        Ask::Put(value) => (Reported::Stored, value),
        Ask::Remove if holds == 0 => (Reported::NothingToRemove, 0),
        Ask::Remove => (Reported::Removed, 0),
        Ask::Swap(old, new) if old == holds => (Reported::Stored, new),
        Ask::Swap(..) => (Reported::Otherwise(holds), holds),
    }
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => Just(Ask::Read),
        2 => (1..VALUES.len()).prop_map(Ask::Put),
        1 => Just(Ask::Remove),
        2 => (0..VALUES.len(), 1..VALUES.len()).prop_map(|(old, new)| Ask::Swap(old, new)),
    ]
}

/// Runs processes that each begin, take effect and end, in the order that `turns` says; a turn of
/// 4 or more kills. A process that is not done at the end is killed.
fn run(turns: &[(usize, usize)], asks: &[Ask]) -> Vec<Done> {
    let (mut holds, mut time) = (0, 0);
    let mut done: Vec<Done> = Vec::new();
    let mut busy: [Option<usize>; PROCESSES] = [None; PROCESSES];
    let mut asks = asks.iter();
    for (process, turn) in turns {
        time += 1;
        match busy[*process] {
            None => {
                let Some(ask) = asks.next() else { continue };
                busy[*process] = Some(done.len());
                done.push(Done {
                    process: *process,
                    ask: *ask,
                    reported: None,
                    began: time,
                    ended: usize::MAX,
                });
            }
            Some(at) if *turn >= 4 => {
                done[at].reported = None;
                done[at].ended = time;
                busy[*process] = None;
            }
            Some(at) => match done[at].reported {
                None => {
                    let (reported, after) = answer(done[at].ask, holds);
                    (done[at].reported, holds) = (Some(reported), after);
                }
                Some(_) => {
                    done[at].ended = time;
                    busy[*process] = None;
                }
            },
        }
    }
    for at in busy.into_iter().flatten() {
        (done[at].reported, done[at].ended) = (None, time + 1);
    }
    done
}

/// Whether some order explains it, by trying them all.
fn can_be(done: &[Done], taken: u32, holds: usize) -> bool {
    let left = |at: usize| taken >> at & 1 == 0;
    if (0..done.len()).all(|at| !left(at) || done[at].reported.is_none()) {
        return true;
    }
    let earliest = (0..done.len())
        .filter(|at| left(*at))
        .map(|at| done[at].ended)
        .min();
    (0..done.len()).filter(|at| left(*at)).any(|at| {
        // Nothing that ended before it began may come behind it.
        if earliest.is_some_and(|ended| ended < done[at].began) {
            return false;
        }
        let (reported, after) = answer(done[at].ask, holds);
        let taken = taken | 1 << at;
        match done[at].reported {
            Some(wanted) => wanted == reported && can_be(done, taken, after),
            None => can_be(done, taken, after) || can_be(done, taken, holds),
        }
    })
}

fn action(ask: Ask) -> Action {
    match ask {
        Ask::Read => Action::Retrieve { slot: xl() },
        Ask::Put(value) => store(xl(), VALUES[value].unwrap()),
        Ask::Remove => remove(xl()),
        Ask::Swap(old, new) => swap(xl(), VALUES[old], VALUES[new].unwrap()),
    }
}

fn report(action: &Action, reported: Reported) -> Report {
    let found: [fn() -> StoreErrorKind; 4] = [
        || StoreErrorKind::PreconditionFailed { found: None },
        || precondition("a"),
        || precondition("b"),
        || precondition("c"),
    ];
    match reported {
        Reported::Saw(value) => read(VALUES[value]),
        Reported::Stored => stored(),
        Reported::Removed => removed(),
        Reported::NothingToRemove => nothing_to_remove(),
        Reported::Otherwise(value) => failed(action, found[value]),
    }
}

fn precondition(found: &str) -> StoreErrorKind {
    StoreErrorKind::PreconditionFailed {
        found: Some(Version::of(found.as_bytes())),
    }
}

fn tell(done: &[Done]) -> Story {
    let mut story = Story::new();
    let mut events: Vec<(usize, usize, bool)> = Vec::new();
    for (at, one) in done.iter().enumerate() {
        events.push((one.began, at, false));
        events.push((one.ended, at, true));
    }
    events.sort_unstable();
    for (_, at, ends) in events {
        let Done {
            process,
            ask,
            reported,
            ..
        } = done[at];
        let action = action(ask);
        match (ends, reported) {
            (false, _) => assert_eq!(story.call(process, action), at),
            (true, Some(reported)) => story.end(process, at, report(&action, reported)),
            (true, None) => story.kill(process),
        }
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_a_register_did_is_accepted(
        turns in prop::collection::vec((0..PROCESSES, 0..5_usize), 0..60),
        asks in prop::collection::vec(ask(), 20),
    ) {
        let story = tell(&run(&turns, &asks));
        let found = story.check();
        prop_assert!(found.complaints.is_empty(), "{}\n{}", story, found.complaints[0]);
    }

    #[test]
    fn an_altered_reply_is_refused_exactly_when_no_order_explains_it(
        turns in prop::collection::vec((0..PROCESSES, 0..5_usize), 6..24),
        asks in prop::collection::vec(ask(), 7),
        which: prop::sample::Index,
        to in 0..VALUES.len(),
    ) {
        let mut done = run(&turns, &asks);
        let is_reported = |at: &usize| done[*at].reported.is_some();
        let reported: Vec<usize> = (0..done.len()).filter(is_reported).collect();
        prop_assume!(!reported.is_empty());
        let one = &mut done[*which.get(&reported)];
        one.reported = Some(match (one.ask, one.reported) {
            (Ask::Read, _) => Reported::Saw(to),
            (Ask::Remove, Some(Reported::Removed)) => Reported::NothingToRemove,
            (Ask::Remove, _) => Reported::Removed,
            (Ask::Swap(old, _), Some(Reported::Stored)) if to != old => Reported::Otherwise(to),
            (_, _) => Reported::Stored,
        });
        let story = tell(&done);
        let found = story.check();
        prop_assert_eq!(found.complaints.is_empty(), can_be(&done, 0, 0), "{}", story);
    }
}
