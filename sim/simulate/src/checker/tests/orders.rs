//! Random histories of one register: what can be explained is accepted, what no order explains is
//! refused, as trying every order says.

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

/// What is answered; none by who was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
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
    said: Option<Said>,
    began: usize,
    ended: usize,
}

/// What the register says, and what is in it then.
fn answer(ask: Ask, holds: usize) -> (Said, usize) {
    match ask {
        Ask::Read => (Said::Saw(holds), holds),
        Ask::Put(value) => (Said::Stored, value),
        Ask::Remove if holds == 0 => (Said::NothingToRemove, 0),
        Ask::Remove => (Said::Removed, 0),
        Ask::Swap(old, new) if old == holds => (Said::Stored, new),
        Ask::Swap(..) => (Said::Otherwise(holds), holds),
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
/// 4 or more kills. Whoever is not done at the end is killed.
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
                    said: None,
                    began: time,
                    ended: usize::MAX,
                });
            }
            Some(at) if *turn >= 4 => {
                done[at].said = None;
                done[at].ended = time;
                busy[*process] = None;
            }
            Some(at) => match done[at].said {
                None => {
                    let (said, after) = answer(done[at].ask, holds);
                    (done[at].said, holds) = (Some(said), after);
                }
                Some(_) => {
                    done[at].ended = time;
                    busy[*process] = None;
                }
            },
        }
    }
    for at in busy.into_iter().flatten() {
        (done[at].said, done[at].ended) = (None, time + 1);
    }
    done
}

/// Whether some order explains it, by trying them all.
fn can_be(done: &[Done], taken: u32, holds: usize) -> bool {
    let left = |at: usize| taken >> at & 1 == 0;
    if (0..done.len()).all(|at| !left(at) || done[at].said.is_none()) {
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
        let (said, after) = answer(done[at].ask, holds);
        let taken = taken | 1 << at;
        match done[at].said {
            Some(wanted) => wanted == said && can_be(done, taken, after),
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

fn report(action: &Action, said: Said) -> Report {
    let found: [fn() -> StoreErrorKind; 4] = [
        || StoreErrorKind::PreconditionFailed { found: None },
        || precondition("a"),
        || precondition("b"),
        || precondition("c"),
    ];
    match said {
        Said::Saw(value) => read(VALUES[value]),
        Said::Stored => stored(),
        Said::Removed => removed(),
        Said::NothingToRemove => nothing_to_remove(),
        Said::Otherwise(value) => failed(action, found[value]),
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
            process, ask, said, ..
        } = done[at];
        let action = action(ask);
        match (ends, said) {
            (false, _) => assert_eq!(story.call(process, action), at),
            (true, Some(said)) => story.end(process, at, report(&action, said)),
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
        let told: Vec<usize> = (0..done.len()).filter(|at| done[*at].said.is_some()).collect();
        prop_assume!(!told.is_empty());
        let one = &mut done[*which.get(&told)];
        one.said = Some(match (one.ask, one.said) {
            (Ask::Read, _) => Said::Saw(to),
            (Ask::Remove, Some(Said::Removed)) => Said::NothingToRemove,
            (Ask::Remove, _) => Said::Removed,
            (Ask::Swap(old, _), Some(Said::Stored)) if to != old => Said::Otherwise(to),
            (_, _) => Said::Stored,
        });
        let story = tell(&done);
        let found = story.check();
        prop_assert_eq!(found.complaints.is_empty(), can_be(&done, 0, 0), "{}", story);
    }
}
