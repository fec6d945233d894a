//! The checks.

use crate::check::Check;

mod examples;
mod leftovers;
mod locking;
mod pairs;
mod scene;
mod sequences;

/// Every check.
pub(crate) const ALL: &[Check] = &[
    Check {
        name: "every_difference_is_shown_by_its_example",
        run: examples::every_difference_is_shown_by_its_example,
    },
    Check {
        name: "every_pair_of_calls_does_what_libxl_alone_does",
        run: pairs::every_pair_of_calls_does_what_libxl_alone_does,
    },
    Check {
        name: "in_a_separate_directory_the_library_does_what_libxl_does",
        run: sequences::in_a_separate_directory_the_library_does_what_libxl_does,
    },
    Check {
        name: "in_a_shared_directory_the_library_does_what_libxl_does",
        run: sequences::in_a_shared_directory_the_library_does_what_libxl_does,
    },
    Check {
        name: "our_lock_makes_every_call_of_libxl_wait_until_it_is_released",
        run: locking::our_lock_makes_every_call_of_libxl_wait_until_it_is_released,
    },
    Check {
        name: "libxls_lock_ends_our_changes_at_their_timeout_and_no_read",
        run: locking::libxls_lock_ends_our_changes_at_their_timeout_and_no_read,
    },
    Check {
        name: "a_libxl_killed_with_the_lock_blocks_no_other_program",
        run: locking::a_libxl_killed_with_the_lock_blocks_no_other_program,
    },
    Check {
        name: "a_lock_that_real_libxl_breaks_is_reported_as_lost",
        run: locking::a_lock_that_real_libxl_breaks_is_reported_as_lost,
    },
    Check {
        name: "libxls_destroy_clears_our_leftovers",
        run: leftovers::libxls_destroy_clears_our_leftovers,
    },
    Check {
        name: "our_destroy_clears_the_leftovers_of_a_killed_libxl",
        run: leftovers::our_destroy_clears_the_leftovers_of_a_killed_libxl,
    },
    Check {
        name: "libxls_destroy_within_ours_leaves_nothing",
        run: leftovers::libxls_destroy_within_ours_leaves_nothing,
    },
];
