//! The bounds within which every history is walked.

use super::{Left, walk};

const NONE: Left = Left {
    guests: 0,
    stores: 2,
    second: 0,
    moves: 0,
    crashes: 0,
    late: 0,
    late_others: 0,
    clones: 0,
    local_moves: 0,
    forgets: 0,
    renames: 0,
    destroys: 0,
    lost_marks: 0,
    late_closings: 0,
    behind_reads: 0,
    fills: 0,
};

#[track_caller]
fn assert_sound(left: Left) {
    assert_sound_of(2, left);
}

#[track_caller]
fn assert_sound_of(hosts: usize, left: Left) {
    let worlds = walk(hosts, left);
    assert!(worlds > 300, "{worlds}");
}

#[test]
fn every_history_with_a_move_and_late_commits_is_sound() {
    let (guests, moves, late) = (2, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        late,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_and_two_commits_on_their_way_is_sound() {
    let (guests, moves, late) = (1, 1, 2);
    assert_sound(Left {
        guests,
        moves,
        late,
        ..NONE
    });
}

#[test]
fn every_history_with_a_clone_of_the_same_uuid_is_sound() {
    let (guests, clones, moves, late) = (1, 1, 1, 1);
    assert_sound(Left {
        guests,
        clones,
        moves,
        late,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_to_the_own_host_and_a_crash_is_sound() {
    let (guests, local_moves, crashes) = (2, 1, 1);
    assert_sound(Left {
        guests,
        local_moves,
        crashes,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_and_a_change_of_the_uuid_is_sound() {
    let (guests, moves, renames, crashes) = (2, 1, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        renames,
        crashes,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_and_a_forgotten_host_is_sound() {
    let (guests, moves, forgets) = (2, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        forgets,
        ..NONE
    });
}

#[test]
fn every_history_with_a_clone_a_forgotten_host_and_late_commits_is_sound() {
    let (guests, clones, forgets, late) = (1, 1, 1, 2);
    assert_sound(Left {
        guests,
        clones,
        forgets,
        late,
        ..NONE
    });
}

#[test]
fn every_history_with_a_late_change_of_the_home_and_two_guests_is_sound() {
    let (guests, moves, late_others) = (2, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_two_moves_and_two_late_changes_of_the_home_is_sound() {
    let (guests, stores, moves, late_others) = (1, 1, 2, 2);
    assert_sound(Left {
        guests,
        stores,
        moves,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_a_late_claim_and_a_late_change_of_the_home_is_sound() {
    let (guests, moves, late, late_others) = (1, 1, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        late,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_a_late_change_of_the_home_and_a_crash_is_sound() {
    let (guests, moves, late_others, crashes) = (1, 1, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        late_others,
        crashes,
        ..NONE
    });
}

#[test]
fn every_history_with_a_host_that_is_forgotten_twice_and_a_late_join_is_sound() {
    let (guests, stores, forgets, late_others) = (1, 1, 2, 1);
    assert_sound(Left {
        guests,
        stores,
        forgets,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_a_late_adoption_or_discarding_is_sound() {
    let (guests, clones, forgets, late_others) = (1, 1, 1, 1);
    assert_sound(Left {
        guests,
        clones,
        forgets,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_a_forgotten_host_and_a_late_change_of_the_home_is_sound() {
    let (guests, stores, moves, forgets, late_others) = (1, 1, 1, 1, 1);
    assert_sound(Left {
        guests,
        stores,
        moves,
        forgets,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_and_a_destroy_that_may_lose_its_mark_is_sound() {
    let (guests, moves, destroys, lost_marks) = (1, 1, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        destroys,
        lost_marks,
        ..NONE
    });
}

#[test]
fn every_history_with_a_late_store_and_a_destroy_that_may_lose_its_mark_is_sound() {
    let (guests, late, destroys, lost_marks) = (2, 1, 1, 1);
    assert_sound(Left {
        guests,
        late,
        destroys,
        lost_marks,
        ..NONE
    });
}

#[test]
fn every_history_with_a_late_sweep_and_a_destroy_that_may_lose_its_mark_is_sound() {
    let (guests, late_others, destroys, lost_marks) = (2, 1, 1, 1);
    assert_sound(Left {
        guests,
        late_others,
        destroys,
        lost_marks,
        ..NONE
    });
}

#[test]
fn every_history_of_three_hosts_with_two_moves_a_forgotten_host_and_a_late_claim_is_sound() {
    let (guests, stores, moves, forgets, late) = (1, 1, 2, 1, 1);
    let left = Left {
        guests,
        stores,
        moves,
        forgets,
        late,
        ..NONE
    };
    assert_sound_of(3, left);
}

#[test]
fn every_history_of_three_hosts_with_two_moves_and_a_late_change_is_sound() {
    let (guests, stores, moves, late_others) = (1, 1, 2, 1);
    let left = Left {
        guests,
        stores,
        moves,
        late_others,
        ..NONE
    };
    assert_sound_of(3, left);
}

#[test]
fn every_history_with_a_destroy_whose_mark_or_clear_is_late_is_sound() {
    let (guests, destroys, lost_marks, late_closings) = (2, 1, 1, 1);
    assert_sound(Left {
        guests,
        destroys,
        lost_marks,
        late_closings,
        ..NONE
    });
}

#[test]
fn every_history_with_a_change_while_a_destroy_reads_is_sound() {
    let (guests, late, destroys, lost_marks, behind_reads) = (1, 1, 1, 1, 1);
    assert_sound(Left {
        guests,
        late,
        destroys,
        lost_marks,
        behind_reads,
        ..NONE
    });
}

#[test]
fn every_history_with_a_destroy_and_values_of_two_userids_is_sound() {
    let (guests, second, destroys, lost_marks) = (2, 1, 1, 1);
    assert_sound(Left {
        guests,
        second,
        destroys,
        lost_marks,
        ..NONE
    });
}

#[test]
fn every_history_of_three_hosts_with_a_clone_a_move_and_a_crash_is_sound() {
    let (guests, moves, clones, crashes) = (1, 1, 1, 1);
    let left = Left {
        guests,
        moves,
        clones,
        crashes,
        ..NONE
    };
    assert_sound_of(3, left);
}

#[test]
fn every_history_with_a_move_a_crash_and_values_of_two_userids_is_sound() {
    let (guests, second, moves, crashes) = (2, 1, 1, 1);
    assert_sound(Left {
        guests,
        second,
        moves,
        crashes,
        ..NONE
    });
}

#[test]
fn every_history_with_two_guests_a_crash_and_a_late_sweep_is_sound() {
    let (guests, crashes, late_others) = (2, 1, 1);
    assert_sound(Left {
        guests,
        crashes,
        late_others,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_and_a_destroy_whose_mark_or_clear_is_late_is_sound() {
    let (guests, stores, moves, destroys, lost_marks, late_closings) = (1, 1, 1, 1, 1, 1);
    assert_sound(Left {
        guests,
        stores,
        moves,
        destroys,
        lost_marks,
        late_closings,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_and_a_change_while_a_destroy_reads_is_sound() {
    let (guests, stores, moves, destroys, lost_marks, behind_reads) = (1, 1, 1, 1, 1, 1);
    assert_sound(Left {
        guests,
        stores,
        moves,
        destroys,
        lost_marks,
        behind_reads,
        ..NONE
    });
}

#[test]
fn every_history_of_three_hosts_with_two_moves_and_a_crash_is_sound() {
    let (guests, moves, crashes) = (1, 2, 1);
    let left = Left {
        guests,
        moves,
        crashes,
        ..NONE
    };
    assert_sound_of(3, left);
}

#[test]
fn every_history_with_a_late_store_and_a_quota_that_is_full_is_sound() {
    let (guests, late, fills) = (2, 1, 1);
    assert_sound(Left {
        guests,
        late,
        fills,
        ..NONE
    });
}

#[test]
fn every_history_with_a_move_a_late_change_of_the_home_and_a_full_quota_is_sound() {
    let (guests, moves, late_others, fills) = (1, 1, 1, 1);
    assert_sound(Left {
        guests,
        moves,
        late_others,
        fills,
        ..NONE
    });
}

#[test]
fn every_history_of_three_hosts_with_two_guests_and_two_moves_is_sound() {
    let (guests, moves) = (2, 2);
    let left = Left {
        guests,
        moves,
        ..NONE
    };
    assert_sound_of(3, left);
}
