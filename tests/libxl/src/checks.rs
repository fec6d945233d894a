//! The checks.

use crate::check::Check;

mod drop_in;
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

/// The checks of the drop-in.
pub(crate) const OF_DROP_IN: &[Check] = &[
    Check {
        name: "a_program_sees_the_differences_of_the_list_and_no_other",
        run: drop_in::a_program_sees_the_differences_of_the_list_and_no_other,
    },
    Check {
        name: "with_the_drop_in_a_program_sees_what_libxl_does",
        run: sequences::with_the_drop_in_a_program_sees_what_libxl_does,
    },
    Check {
        name: "every_odd_call_has_its_code_its_errno_and_defined_results",
        run: drop_in::every_odd_call_has_its_code_its_errno_and_defined_results,
    },
    Check {
        name: "a_program_may_close_all_descriptors_between_calls",
        run: drop_in::a_program_may_close_all_descriptors_between_calls,
    },
    Check {
        name: "children_forked_while_threads_make_calls_can_make_calls",
        run: drop_in::children_forked_while_threads_make_calls_can_make_calls,
    },
    Check {
        name: "a_panic_is_a_failed_call_and_the_program_lives",
        run: drop_in::a_panic_is_a_failed_call_and_the_program_lives,
    },
];
