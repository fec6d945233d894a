//! `measure`: all cases in one run, interleaved.
//!
//! A disturbance of the machine affects neighbours in a round alike. So ratios are taken within a
//! round, and the result is their median over all rounds. A turn is far shorter than a scheduler's
//! time slice, so that most turns are not interrupted.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use crate::case::Case;
use crate::series::Series;
use crate::subject::Subject;

/// How often a turn that takes too long is tried again: another program may have interrupted it.
const TRIES: u32 = 4;

/// How often a case is done in a turn at most.
const TIMES_MAX: u32 = 1 << 16;

/// How long the measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many rounds.
    pub rounds: usize,
    /// How long one case takes in one round, about.
    pub turn: Duration,
}

/// One case among so many other files, and how often it is done in a turn.
#[derive(Debug)]
struct Turn {
    others: u32,
    case: Case,
    times: u32,
}

/// Nanoseconds per operation, round by round, of every case in every directory.
pub type Times = BTreeMap<(Case, u32), Series>;

/// Times every case in every directory; each is named by the number of other files in it.
///
/// # Errors
///
/// The first operation that fails.
pub fn measure(subjects: &mut BTreeMap<u32, Subject>, effort: Effort) -> Result<Times> {
    let mut turns = Vec::new();
    for (others, subject) in &mut *subjects {
        let cases: Vec<Case> = subject.cases().collect();
        for case in cases {
            let times = times_within(subject, case, effort.turn)?;
            turns.push(Turn {
                others: *others,
                case,
                times,
            });
        }
    }
    let mut times = Times::new();
    for round in 0..effort.rounds {
        for Turn {
            others,
            case,
            times: often,
        } in order(&turns, round)
        {
            let Some(subject) = subjects.get_mut(others) else {
                continue;
            };
            let took = subject
                .turn(*case, case.early(*often), *often)?
                .as_secs_f64()
                * 1e9
                / f64::from(*often);
            times.entry((*case, *others)).or_default().0.push(took);
        }
    }
    Ok(times)
}

/// The turns of a round: each round begins with another one, and every second goes backwards.
/// Neighbours stay neighbours, so that a case stays near the one that it is compared with.
fn order(turns: &[Turn], round: usize) -> Vec<&Turn> {
    let is_due = |turn: &&Turn| round.is_multiple_of(turn.case.one_round_in(turn.others));
    let mut order: Vec<&Turn> = turns.iter().filter(is_due).collect();
    let first = (round * 7) % order.len().max(1);
    order.rotate_left(first);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// How often a case can be done in this time when nothing disturbs it. Warms the caches, too.
fn times_within(subject: &mut Subject, case: Case, span: Duration) -> Result<u32> {
    let mut times = 1;
    loop {
        let mut took = subject.turn(case, 0, times)?;
        for _ in 0..TRIES {
            if took < span {
                break;
            }
            took = took.min(subject.turn(case, 0, times)?);
        }
        if took >= span || times >= TIMES_MAX {
            let scale = span.as_secs_f64() / took.as_secs_f64();
            return Ok((f64::from(times) * scale).max(1.0) as u32);
        }
        times *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_every_turn_in_another_order() {
        let turns: Vec<Turn> = Case::ALL
            .map(|case| Turn {
                others: 0,
                case,
                times: 1,
            })
            .into();
        let cases = |round| {
            order(&turns, round)
                .iter()
                .map(|t| t.case)
                .collect::<Vec<_>>()
        };
        assert_ne!(cases(0), cases(1));
        assert_ne!(cases(0), cases(2));
        for round in 0..41 {
            let mut all = cases(round);
            all.sort();
            let mut due = Case::ALL.to_vec();
            due.retain(|case| round % case.one_round_in(0) == 0);
            due.sort();
            assert_eq!(all, due, "round {round}");
        }
    }

    #[test]
    fn every_case_runs_and_takes_time() {
        let scratch = tempfile::tempdir().unwrap();
        let place = crate::place::Place::at(scratch.path()).unwrap();
        let mut subjects = BTreeMap::new();
        for others in [0, 7] {
            let path = place.with_others(others).unwrap();
            subjects.insert(others, Subject::open(&path, None).unwrap());
        }
        let effort = Effort {
            rounds: 21,
            turn: Duration::from_micros(1),
        };
        let times = measure(&mut subjects, effort).unwrap();
        let ours = Case::ALL.iter().filter(|case| !case.is_in_c());
        assert_eq!(times.len(), 2 * ours.count());
        for ((case, others), series) in &times {
            let due = 21_usize.div_ceil(case.one_round_in(*others));
            assert_eq!(series.0.len(), due);
            assert!(series.0.iter().all(|ns| *ns > 0.0));
        }
    }
}
