//! The contract of [`Store`], one function per statement.
//!
//! In an ordinary test of your own engine:
//!
//! ```
//! use std::sync::Arc;
//! use userdata_core::Store;
//! use userdata_fs::{FileStore, OsDirectory};
//! use userdata_testkit::store::{self, StoreUnderTest};
//!
//! # fn scratch() -> Arc<tempfile::TempDir> { Arc::new(tempfile::tempdir().unwrap()) }
//! store::run_all(|| {
//!     let scratch = scratch();
//!     StoreUnderTest::new(move || FileStore::open(scratch.path()).unwrap())
//!         .with_value_max(FileStore::<OsDirectory>::VALUE_MAX)
//! });
//! ```

mod admission;
mod clearing;
mod clearing_many;
mod closing;
mod comparing;
mod isolation;
mod owners;
mod putting_all;
mod putting_each;
mod sharing;
mod snapshots;
mod steps;
mod transfers;
mod values;

use std::fmt;

use userdata_core::{DomainKey, Store, Userid};

use crate::suite::{self, Statement};

pub use admission::*;
pub use clearing::*;
pub use clearing_many::*;
pub use closing::*;
pub use comparing::*;
pub use isolation::*;
pub use owners::*;
pub use putting_all::*;
pub use putting_each::*;
pub use sharing::*;
pub use snapshots::*;
pub use transfers::*;
pub use values::*;

/// Damages one value, so that it is there and can't be read.
type Damage = Box<dyn Fn(&DomainKey, &Userid) + Send + Sync>;

/// Ends every closing mark, although its process lives.
type LoseMarks = Box<dyn Fn() + Send + Sync>;

/// An empty store, and a way to open clients of it.
pub struct StoreUnderTest {
    client: Box<dyn Fn() -> Box<dyn Store> + Send + Sync>,
    value_max: Option<u64>,
    tells_domids_apart: bool,
    one_home_per_uuid: bool,
    counts_records: bool,
    damage: Option<Damage>,
    lose_marks: Option<LoseMarks>,
}

impl StoreUnderTest {
    /// Takes a function that opens one client after another of the same, empty data: each client is
    /// independent, like that of another process. The closure owns the value that keeps the data
    /// alive, such as a temporary directory or a server.
    pub fn new<S: Store + 'static>(client: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self {
            client: Box::new(move || Box::new(client())),
            value_max: None,
            tells_domids_apart: true,
            one_home_per_uuid: false,
            counts_records: true,
            damage: None,
            lose_marks: None,
        }
    }

    /// Sets the size in bytes of the largest value that the store takes. Without it the statements
    /// about the limit check nothing.
    #[must_use]
    pub fn with_value_max(mut self, bytes: u64) -> Self {
        self.value_max = Some(bytes);
        self
    }

    /// Says that the store keeps data by uuid alone, as the seed layout does, so that two domids
    /// with one uuid share their data. Statements about such domids then check nothing.
    #[must_use]
    pub fn keeping_data_by_uuid_alone(mut self) -> Self {
        self.tells_domids_apart = false;
        self
    }

    /// Says that the store has one home for each uuid, as a pool of hosts does: a change of another
    /// domid with the same uuid removes the values of the first. It need not take Domain-0 or the
    /// nil uuid. Statements about such domains then use other ones, or check nothing.
    #[must_use]
    pub fn with_one_home_per_uuid(mut self) -> Self {
        self.tells_domids_apart = false;
        self.one_home_per_uuid = true;
        self
    }

    /// Says that [`Store::owners`] counts one record for each incarnation, whatever it has, as the
    /// tree layout does, which finds a domain by the name of its directory.
    #[must_use]
    pub fn counting_no_records(mut self) -> Self {
        self.counts_records = false;
        self
    }

    /// Sets a function that damages one value of the data that the clients share, so that it is
    /// there and can't be read, as an empty file. Without it the statements about such values check
    /// nothing: a store may have none.
    #[must_use]
    pub fn with_damage(
        mut self,
        damage: impl Fn(&DomainKey, &Userid) + Send + Sync + 'static,
    ) -> Self {
        self.damage = Some(Box::new(damage));
        self
    }

    /// Sets a function that ends every closing mark of the data although its process lives, as
    /// when leases run out. Without it, the statements lose no mark.
    #[must_use]
    pub fn with_lost_marks(mut self, lose: impl Fn() + Send + Sync + 'static) -> Self {
        self.lose_marks = Some(Box::new(lose));
        self
    }

    /// Opens another client.
    #[must_use]
    pub fn client(&self) -> Box<dyn Store> {
        (self.client)()
    }

    /// The size in bytes of the largest value that the store takes, if it declares one.
    #[must_use]
    pub const fn value_max(&self) -> Option<u64> {
        self.value_max
    }

    /// Damages a value, or tells that the store has no values that can't be read.
    #[must_use]
    pub fn damage(&self, domain: &DomainKey, userid: &Userid) -> bool {
        let Some(damage) = &self.damage else {
            return false;
        };
        damage(domain, userid);
        true
    }

    /// Ends every closing mark. False, and nothing is done, if a mark ends only with its process.
    #[must_use]
    pub fn lose_marks(&self) -> bool {
        let Some(lose) = &self.lose_marks else {
            return false;
        };
        lose();
        true
    }

    /// Domain-0 with its nil uuid; in a pool of hosts, which has no data of it, another domain.
    pub(crate) fn domain_zero(&self) -> DomainKey {
        match self.one_home_per_uuid {
            true => steps::domain(9, 99),
            false => steps::domain(0, 0),
        }
    }

    /// Whether the store has one home for each uuid.
    #[must_use]
    pub const fn has_one_home_per_uuid(&self) -> bool {
        self.one_home_per_uuid
    }

    /// Whether the store keeps the data of two domids with one uuid apart.
    #[must_use]
    pub const fn tells_domids_apart(&self) -> bool {
        self.tells_domids_apart
    }

    /// Whether [`Store::owners`] counts the records of each incarnation.
    #[must_use]
    pub const fn counts_records(&self) -> bool {
        self.counts_records
    }
}

impl fmt::Debug for StoreUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUnderTest")
            .field("value_max", &self.value_max)
            .field("tells_domids_apart", &self.tells_domids_apart)
            .field("counts_records", &self.counts_records)
            .finish_non_exhaustive()
    }
}

/// Checks the whole contract, each statement on a fresh store.
///
/// # Panics
///
/// If a statement is not true. The message names all statements that are not.
pub fn run_all(make: impl Fn() -> StoreUnderTest) {
    suite::run_all(&statements(), make);
}

/// The statements of the contract, for a test harness that runs them one by one.
#[must_use]
pub fn statements() -> Vec<Statement<StoreUnderTest>> {
    suite::statements! {
        admission {
            a_refused_change_changes_nothing,
            a_change_of_nothing_is_admitted_too,
            admission_is_asked_before_an_op_is_tried,
            ops_are_applied_in_order,
            an_op_that_fails_stops_those_behind_it,
            a_panic_while_admitting_changes_nothing_and_leaves_no_lock,
        }
        clearing {
            keeping_the_essential_keeps_libxl_json_alone,
            keeping_nothing_removes_every_value,
            clearing_nothing_removes_nothing,
            a_value_can_be_put_behind_a_clear,
            a_clear_leaves_a_mark_that_is_held,
            a_change_admitted_before_a_clear_is_not_made_behind_it,
        }
        clearing_many {
            each_of_many_domains_is_cleared_and_told,
            the_admission_says_what_stays_of_each,
            a_refusal_is_that_of_one_domain,
            a_mark_is_seen_by_the_admission_of_one_of_many,
            clearing_many_stops_at_a_break,
            domains_without_records_are_cleared_of_nothing,
            clearing_many_leaves_the_other_domains,
            one_of_many_is_admitted_where_no_other_change_can_come,
            a_domain_that_is_held_does_not_stop_the_others,
            many_are_cleared_as_durably_as_asked_for,
        }
        closing {
            a_mark_is_seen_by_every_change,
            values_can_be_read_and_changed_under_a_mark,
            a_mark_that_is_refused_is_not_made,
            a_domain_is_closed_once_at_a_time,
            a_mark_that_is_dropped_is_void_and_leaves_all_data,
            a_domain_that_is_reopened_keeps_its_data,
            clearing_a_closed_domain_removes_all_of_it_and_the_mark,
            a_refused_clear_removes_the_mark_alone,
            a_mark_outlives_the_client_that_made_it,
            a_mark_is_for_one_domain,
            a_mark_that_was_lost_tells_of_newer_values_and_keeps_them,
        }
        comparing {
            absence_can_be_expected,
            a_version_can_be_expected,
            a_stale_version_changes_nothing,
            deletes_compare_too,
            of_concurrent_first_values_one_is_stored,
            concurrent_updates_lose_nothing,
        }
        isolation {
            userids_that_look_alike_are_apart,
            domids_that_look_alike_are_apart,
            one_uuid_under_two_domids_is_two_domains,
            one_domid_under_two_uuids_is_two_domains,
            changes_of_one_domain_leave_the_others,
            any_history_is_that_of_a_map,
        }
        owners {
            each_owner_is_shown_once_in_order_with_its_count,
            an_owner_of_values_alone_has_no_leftovers,
            owners_tell_domids_and_uuids_apart,
            owners_stop_at_a_break,
            without_records_there_is_no_owner,
        }
        putting_all {
            all_values_are_put,
            an_equal_value_is_unchanged,
            a_clash_that_is_refused_puts_nothing,
            a_clash_replaces_or_keeps_as_the_change_says,
            a_value_above_the_limit_puts_nothing,
            a_refusal_puts_nothing,
            no_values_can_be_put,
            two_values_of_one_userid_are_unsupported,
            values_are_put_among_other_changes,
            values_are_put_as_durably_as_asked_for,
            of_concurrent_puts_of_all_one_is_made,
        }
        putting_each {
            values_of_many_domains_are_put,
            a_refusal_of_a_put_is_that_of_one_domain,
            values_that_cannot_be_put_are_those_of_one_domain,
            a_domain_that_is_named_twice_has_the_later_values,
            a_domain_that_is_held_does_not_stop_the_puts,
        }
        sharing {
            every_client_reads_a_stored_value_at_once,
            readers_see_whole_values_only,
            writers_of_different_userids_do_not_disturb_each_other,
            no_other_change_comes_between_the_ops_of_a_change,
            reads_do_not_wait_for_a_change,
            domains_do_not_wait_for_each_other,
            no_change_waits_beyond_its_deadline,
        }
        snapshots {
            a_snapshot_shows_every_value_in_order,
            a_snapshot_shows_the_values_asked_for,
            a_snapshot_stops_at_a_break,
            a_change_during_a_snapshot_is_not_shown,
            the_values_of_a_snapshot_are_of_one_instant,
            an_unreadable_value_fails_a_snapshot,
            no_snapshot_waits_beyond_its_timeout,
        }
        transfers {
            a_transfer_moves_the_values_asked_for,
            an_equal_value_is_no_clash_of_a_transfer,
            a_clash_that_is_refused_moves_nothing,
            a_clash_replaces_or_keeps_as_the_transfer_says,
            a_transfer_to_the_same_domain_is_unsupported,
            incarnations_that_look_alike_give_values_to_each_other,
            a_transfer_is_told_the_states_of_both,
            a_refused_transfer_moves_nothing,
            a_transfer_leaves_the_other_domains,
            a_transfer_that_is_made_again_completes,
            transfers_in_opposite_directions_both_end,
            a_value_that_is_moved_is_never_absent,
            a_transfer_is_as_durable_as_asked_for,
            no_transfer_waits_beyond_its_timeout,
        }
        values {
            a_value_that_was_never_stored_is_none,
            a_value_comes_back_byte_for_byte,
            a_value_is_read_into_a_buffer_that_holds_it,
            a_buffer_that_is_too_small_stays_as_it_was,
            a_store_replaces_the_whole_value,
            deleting_removes_one_value,
            the_durability_reached_is_at_least_that_asked_for,
            a_listing_is_in_order_and_agrees_with_stat,
            a_scan_shows_every_value_with_its_owner,
            a_scan_stops_at_a_break,
            a_value_above_the_limit_is_refused_and_the_old_one_stays,
        }
    }
}
