//! The contract of `Store`, on an engine that works and on one that loses answers.

use std::sync::Arc;

use userdata_pool::{PoolOptions, PoolStore};
use userdata_testkit::store::{StoreUnderTest, run_all, statements};

use crate::engine::SimEngine;
use crate::rig::identity;

fn under_test(lossy: Option<u64>) -> StoreUnderTest {
    let engine = Arc::new(SimEngine::default());
    if let Some(n) = lossy {
        engine.lose_every(n);
    }
    let broken = Arc::clone(&engine);
    let client = move || {
        let mut options = PoolOptions::default();
        options.keeps_every_userid = true;
        let store = PoolStore::new(Arc::clone(&engine), identity("a", "b1"), options);
        store.join().unwrap();
        store
    };
    StoreUnderTest::new(client)
        .with_value_max(PoolOptions::default().value_max)
        .with_one_home_per_uuid()
        .with_damage(move |domain, userid| {
            let key = format!("/userdata/1/data/{}/{userid}", domain.uuid);
            broken.overwrite(&key, b"not these bytes");
        })
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

#[test]
fn the_pool_keeps_the_contract_of_a_store() {
    run_all(|| under_test(None));
}

#[test]
fn the_contract_holds_while_every_third_answer_is_lost() {
    for statement in statements() {
        if !MAY_BE_UNKNOWN.contains(&statement.name()) {
            statement.check(&under_test(Some(3)));
        }
    }
}
