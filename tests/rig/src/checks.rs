//! All checks, in the order in which they are run.

use crate::check::Check;

mod agreement;
mod closing;
mod differences;
mod exclusion;
mod identity;
mod leak;
mod lifetime;
mod many;
mod real_xl;
mod rights;
mod values;
mod xenstore;
mod xl_values;

/// A check is a function, and its name the statement that it shows.
macro_rules! checks {
    ($($module:ident :: $name:ident,)*) => {
        &[$(Check { name: stringify!($name), run: $module::$name }),*]
    };
}

/// Every check.
pub(crate) const ALL: &[Check] = checks![
    real_xl::xl_creates_lists_and_destroys_domains,
    rights::a_user_without_rights_is_told_the_device_and_the_right,
    agreement::both_backends_agree_with_xl_about_every_domain,
    xenstore::xenstored_is_heard_over_its_socket_and_over_the_kernels_device,
    xenstore::without_xenstore_the_command_says_so_and_stores_where_the_check_is_off,
    values::libxl_reads_what_our_command_stores,
    values::our_command_reads_what_libxl_stores,
    xl_values::our_command_sees_what_xl_config_update_stores,
    xl_values::xl_reboots_a_domain_with_the_configuration_that_we_stored,
    differences::absent_is_none_to_libxl_and_a_status_of_its_own_to_us,
    differences::libxl_never_removes_a_userid_that_contains_its_lock_which_we_refuse,
    differences::libxl_stores_for_a_dead_domain_which_to_us_is_gone,
    exclusion::our_lock_stops_xl_list_and_libxl,
    exclusion::the_lock_of_libxl_stops_us_until_our_deadline,
    exclusion::a_killed_holder_of_our_lock_stops_nobody,
    lifetime::xl_destroy_removes_our_values,
    lifetime::a_power_off_removes_our_values,
    lifetime::a_crash_removes_our_values,
    lifetime::xl_rename_keeps_our_values,
    identity::a_domid_that_is_used_again_shows_nothing_of_the_domain_before,
    identity::a_store_is_refused_for_a_domain_that_goes_between_look_up_and_lock,
    identity::a_store_is_refused_for_a_domain_that_is_replaced_between_look_up_and_lock,
    leak::no_store_of_ours_outlives_its_domain,
    leak::libxl_leaks_in_nearly_every_round,
    closing::userdata_destroy_refuses_stores_from_the_marker_on,
    closing::userdata_destroy_removes_what_libxl_stores_meanwhile,
    many::a_look_up_takes_two_calls_and_a_list_of_50_domains_two,
];
