//! All checks, in the order in which they are run.

use crate::check::Check;

mod leak;
mod real_libxl;
mod real_xl;

/// Every check.
pub(crate) const ALL: &[Check] = &[
    Check {
        name: "xl_creates_lists_and_destroys_domains",
        run: real_xl::domains_come_and_go,
    },
    Check {
        name: "libxl_returns_every_byte_as_stored",
        run: real_libxl::every_byte_comes_back,
    },
    Check {
        name: "libxl_says_none_for_what_is_not_there",
        run: real_libxl::absent_is_none,
    },
    Check {
        name: "xl_destroy_removes_userdata",
        run: real_libxl::destroy_removes_userdata,
    },
    Check {
        name: "libxl_leaks_what_is_stored_during_destroy",
        run: leak::libxl_leaks,
    },
];
