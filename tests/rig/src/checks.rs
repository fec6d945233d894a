//! All checks.

use crate::check::Check;

mod agreement;
mod booting;
mod c_library;
mod closing;
mod differences;
mod drop_in;
mod exclusion;
mod following;
mod identity;
mod leak;
mod libvirt_failures;
mod libvirt_leak;
mod libvirt_life;
mod lifetime;
mod many;
mod pool;
mod real_xl;
mod rights;
mod sweeping;
mod upstream;
mod values;
mod xenstore;
mod xl_values;

/// A check is a function, and its name is the statement that it shows.
macro_rules! checks {
    ($($module:ident :: $name:ident,)*) => {
        &[$(Check { name: stringify!($name), run: $module::$name }),*]
    };
}

/// Every check with xl, in the order in which they run.
pub(crate) const ALL: &[Check] = checks![
    real_xl::xl_creates_lists_and_destroys_domains,
    rights::without_rights_the_error_names_the_device_and_the_right,
    agreement::both_backends_agree_with_xl_about_every_domain,
    xenstore::xenstored_answers_over_its_socket_and_over_the_device,
    xenstore::without_xenstore_a_store_needs_no_leaving_check,
    values::libxl_reads_what_our_command_stores,
    values::our_command_reads_what_libxl_stores,
    xl_values::our_command_sees_what_xl_config_update_stores,
    xl_values::xl_reboots_a_domain_with_the_configuration_that_we_stored,
    differences::an_absent_value_has_an_exit_status_of_its_own,
    differences::userids_that_libxl_would_leak_are_refused,
    differences::libxl_stores_for_a_dead_domain_and_our_command_does_not,
    exclusion::our_lock_makes_xl_list_and_libxl_wait,
    exclusion::libxls_lock_makes_our_command_wait_until_its_timeout,
    exclusion::a_killed_holder_of_our_lock_blocks_no_other_program,
    lifetime::xl_destroy_removes_our_values,
    lifetime::a_power_off_removes_our_values,
    lifetime::a_crash_removes_our_values,
    lifetime::xl_rename_keeps_our_values,
    identity::a_domid_used_again_shows_nothing_of_the_earlier_domain,
    identity::a_store_is_refused_if_its_domain_ends_before_the_lock,
    identity::a_store_is_refused_if_its_domain_is_replaced_before_the_lock,
    leak::no_store_of_ours_outlives_its_domain,
    leak::libxl_leaks_a_value_stored_during_xl_destroy,
    drop_in::a_program_sees_the_drop_ins_differences_and_no_other,
    drop_in::xl_reboots_with_a_configuration_updated_through_the_drop_in,
    drop_in::xen_init_dom0_stores_through_the_drop_in,
    drop_in::storms_of_libxl_leave_values_and_those_of_the_drop_in_none,
    c_library::libxl_reads_what_a_c_program_stores,
    c_library::a_c_program_destroys_a_domain_with_its_data,
    closing::userdata_destroy_refuses_stores_from_the_marker_on,
    closing::userdata_destroy_removes_what_libxl_stores_meanwhile,
    sweeping::a_sweep_after_stores_during_xl_destroy_leaves_nothing_dead,
    sweeping::a_sweep_after_our_processes_were_killed_leaves_nothing_dead,
    sweeping::a_sweep_after_xl_destroy_was_killed_keeps_all_that_lives,
    sweeping::a_half_destroyed_domain_lives_and_is_named_as_interrupted,
    sweeping::a_bare_destroy_leaves_every_file_until_a_sweep,
    sweeping::libxl_loses_no_store_beside_1000_sweeps,
    booting::the_boot_units_command_removes_what_an_earlier_boot_left,
    booting::a_sweep_needs_no_xenstore,
    following::our_values_survive_xl_reboot,
    following::our_values_survive_xl_save_and_restore,
    following::our_values_survive_a_copy_of_a_domain_that_lives_on,
    following::a_restore_under_the_same_key_finds_nothing_old,
    upstream::xen_init_dom0_clears_the_domid_history_and_no_userdata,
    upstream::libxl_without_the_lock_removes_the_lock_holders_file,
    upstream::xl_save_and_restore_lose_every_value,
    many::a_look_up_and_a_list_of_50_domains_take_two_calls_at_most,
];

/// Every check with libvirt, in the order in which they run.
pub(crate) const LIBVIRT: &[Check] = checks![
    libvirt_life::without_the_drop_in_libvirt_starts_and_destroys,
    libvirt_life::with_the_drop_in_libvirt_starts_and_destroys,
    libvirt_life::without_the_drop_in_a_restarted_libvirtd_knows_domains,
    libvirt_life::with_the_drop_in_a_restarted_libvirtd_knows_domains,
    libvirt_life::without_the_drop_in_a_killed_libvirtd_knows_domains,
    libvirt_life::with_the_drop_in_a_killed_libvirtd_knows_domains,
    libvirt_life::without_the_drop_in_a_guest_reboots,
    libvirt_life::with_the_drop_in_a_guest_reboots,
    libvirt_failures::without_the_drop_in_a_failed_store_fails_the_start,
    libvirt_failures::with_the_drop_in_a_failed_store_fails_the_start,
    libvirt_failures::a_panic_in_the_drop_in_fails_the_start,
    libvirt_leak::libxls_stores_outlive_virsh_destroy,
    libvirt_leak::the_drop_ins_stores_do_not_outlive_virsh_destroy,
];

/// Every check with a pool of hosts, in the order in which they run.
pub(crate) const POOL: &[Check] = checks![
    pool::what_xl_stores_itself_stays_in_the_hosts_files,
    pool::values_follow_a_domain_that_xl_reboots,
    pool::values_follow_a_domain_that_xl_migrates_to_its_own_host,
    pool::a_move_whose_command_does_nothing_is_cancelled,
    pool::xl_destroy_leaves_values_in_the_pool_until_a_sweep,
];
