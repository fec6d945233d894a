//! The contract of `Store`, on an engine that works and on one that loses answers.

use std::sync::Arc;

use userdata_pool::{PoolOptions, PoolStore};
use userdata_testkit::store::{StoreUnderTest, run_all, statements};

use crate::engine::{Fault, SimEngine};
use crate::rig::identity;

fn under_test(engine: Arc<SimEngine>) -> StoreUnderTest {
    let [broken, stopped] = [Arc::clone(&engine), Arc::clone(&engine)];
    let client = move || {
        let mut options = PoolOptions::default();
        options.keeps_every_userid = true;
        let store = PoolStore::new(Arc::clone(&engine), identity("a", "b1"), options);
        // A join may be repeated after any error of the engine.
        store.join().or_else(|_| store.join()).unwrap();
        store
    };
    StoreUnderTest::new(client)
        .with_value_max(PoolOptions::default().value_max)
        .with_one_home_per_uuid()
        .with_damage(move |domain, userid| {
            let key = format!("/userdata/1/data/{}/{userid}", domain.uuid);
            broken.overwrite(&key, b"not these bytes");
        })
        .with_lost_marks(move || stopped.lose_leases())
}

/// The statements with a call whose timeout is zero, so that no time is left to look for a change
/// whose answer is lost, those with threads, which may make more than 16 changes meanwhile,
/// and one in which a clear comes between. In all of them the outcome may truly be unknown.
const MAY_BE_UNKNOWN: [&str; 11] = [
    "a_change_admitted_before_a_clear_is_not_made_behind_it",
    "a_panic_while_admitting_changes_nothing_and_leaves_no_lock",
    "a_domain_that_is_held_does_not_stop_the_others",
    "a_domain_that_is_held_does_not_stop_the_puts",
    "concurrent_updates_lose_nothing",
    "readers_see_whole_values_only",
    "writers_of_different_userids_do_not_disturb_each_other",
    "no_other_change_comes_between_the_ops_of_a_change",
    "no_change_waits_beyond_its_deadline",
    "transfers_in_opposite_directions_both_end",
    "no_transfer_waits_beyond_its_timeout",
];

/// An engine that loses the answer of every `n`th change.
fn losing_every(n: u64) -> Arc<SimEngine> {
    let engine = Arc::new(SimEngine::default());
    engine.lose_every(n);
    engine
}

/// An engine that loses the answers of these changes, counted from 0, and of no other.
fn losing(faults: &[(usize, Fault)]) -> Arc<SimEngine> {
    let engine = losing_every(u64::MAX);
    let last = faults.iter().map(|(at, _)| *at).max().unwrap_or_default();
    let fault = |place| {
        faults
            .iter()
            .find(|(at, _)| *at == place)
            .map(|(_, fault)| *fault)
    };
    engine.plan((0..=last).map(fault));
    engine
}

#[test]
fn the_pool_keeps_the_contract_of_a_store() {
    run_all(|| under_test(Arc::default()));
}

#[test]
fn the_contract_holds_while_every_third_answer_is_lost() {
    for statement in statements() {
        if !MAY_BE_UNKNOWN.contains(&statement.name()) {
            statement.check(&under_test(losing_every(3)));
        }
    }
}

/// Further statements with a call whose timeout is zero. Every third answer is none of theirs.
const ALSO_MAY_BE_UNKNOWN: [&str; 2] = [
    "a_change_during_a_snapshot_is_not_shown",
    "one_of_many_is_admitted_where_no_other_change_can_come",
];

/// The number of changes that a statement makes if no answer is lost; those of more are left to the
/// test above.
const CHANGES_MAX: usize = 5;

#[test]
fn the_contract_holds_whichever_one_or_two_answers_are_lost() {
    const LOST: [Fault; 2] = [Fault::LostAfter, Fault::LostBefore];
    let mut checked = 0;
    let excused = [&MAY_BE_UNKNOWN[..], &ALSO_MAY_BE_UNKNOWN].concat();
    for statement in statements() {
        if excused.contains(&statement.name()) {
            continue;
        }
        let engine = Arc::<SimEngine>::default();
        statement.check(&under_test(Arc::clone(&engine)));
        let changes = usize::try_from(engine.changes()).unwrap().min(CHANGES_MAX);
        for at in 0..changes {
            statement.check(&under_test(losing(&[(at, Fault::Fills)])));
        }
        for (at, first) in (0..changes).flat_map(|at| LOST.map(|fault| (at, fault))) {
            statement.check(&under_test(losing(&[(at, first)])));
            // A change that is made again is one more.
            for (then, second) in (at + 1..=changes).flat_map(|at| LOST.map(|fault| (at, fault))) {
                statement.check(&under_test(losing(&[(at, first), (then, second)])));
                checked += 1;
            }
        }
    }
    assert!(checked > 1000, "{checked} pairs");
}
