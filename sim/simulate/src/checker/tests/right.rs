//! Histories that look odd and are right.

use hv_sim::Until;
use userdata_core::Version;
use userdata_core::store::{Refused, StoreErrorKind};

use super::story::{
    FULL, Story, cleared, destroy, destroy_all, failed, key, list, listed, nothing_to_remove,
    remove, removed, slot, store, stored, swap, xl,
};
use crate::checker::Tally;
use crate::history::{Disturbance, Event, LibxlBug, LibxlCall, ProcessId, Unguarded};
use crate::walk::Action;
use userdata_sim::Plant;

#[track_caller]
fn is_right(values: &[(crate::walk::Slot, &[u8])], tell: impl FnOnce(&mut Story)) -> Tally {
    let mut story = Story::with(values);
    tell(&mut story);
    let found = story.check();
    if let Some(complaint) = found.complaints.first() {
        panic!("{complaint}of\n{story}");
    }
    found.tally
}

#[test]
fn what_is_under_way_may_be_seen_or_not() {
    let old = [(xl(), &b"old"[..])];
    is_right(&old, |s| {
        let store = s.call(0, store(xl(), "a"));
        s.reads(1, xl(), Some("old"));
        s.reads(1, xl(), Some("a"));
        s.reads(2, xl(), Some("a"));
        s.end(0, store, stored());
    });
    // Two at once, in the order that the reads tell, whichever ends first.
    is_right(&[], |s| {
        let a = s.call(0, store(xl(), "a"));
        let b = s.call(1, store(xl(), "b"));
        s.reads(2, xl(), Some("b"));
        s.end(1, b, stored());
        s.reads(2, xl(), Some("a"));
        s.end(0, a, stored());
        s.leaves(&[(xl(), b"a")]);
    });
    // A read of the old value that takes longer than the store.
    is_right(&old, |s| {
        let slow = s.call(1, Action::Retrieve { slot: xl() });
        s.stores(0, xl(), "a");
        s.end(1, slow, super::story::read(Some("old")));
    });
}

#[test]
fn what_a_killed_process_did_may_be_seen_or_not() {
    for (seen, left) in [("old", "old"), ("a", "a"), ("old", "a")] {
        is_right(&[(xl(), b"old")], |s| {
            s.call(0, store(xl(), "a"));
            s.reads(1, xl(), Some(seen));
            s.kill(0);
            s.leaves(&[(xl(), left.as_bytes())]);
        });
    }
    // Not by halves: what was cleared may be some of it.
    is_right(&[(xl(), b"1"), (slot(5, "two"), b"2")], |s| {
        s.call(0, destroy_all(5));
        s.kill(0);
        s.leaves(&[(xl(), b"1")]);
    });
}

#[test]
fn what_was_killed_has_no_effect_later() {
    let mut story = Story::with(&[(xl(), b"old")]);
    story.call(0, store(xl(), "a"));
    story.kill(0);
    story.reads(1, xl(), Some("old"));
    story.reads(1, xl(), Some("a"));
    assert_eq!(story.check().complaints.len(), 1, "{story}");
}

#[test]
fn failures_leave_what_they_say() {
    let old = [(xl(), &b"old"[..])];
    let disturbed = |s: &mut Story| {
        s.event(Event::Disturbed {
            process: ProcessId(0),
            by: Disturbance::Directory {
                call: userdata_sim::interpose::CallKind::Sync,
                how: userdata_sim::faults::How::Fails(userdata_fs::Errno::IO),
            },
        });
    };
    is_right(&old, |s| {
        let action = store(xl(), "a");
        let id = s.call(0, action.clone());
        disturbed(s);
        let kind = || StoreErrorKind::ReplacedNotDurable("EIO".into());
        s.end(0, id, failed(&action, kind));
        s.reads(0, xl(), Some("a"));
    });
    is_right(&old, |s| {
        let action = store(xl(), "a");
        let id = s.call(0, action.clone());
        disturbed(s);
        s.end(
            0,
            id,
            failed(&action, || StoreErrorKind::NoSpace("ENOSPC".into())),
        );
        s.reads(0, xl(), Some("old"));
    });
    is_right(&old, |s| {
        let action = swap(xl(), Some("older"), "a");
        let kind = || StoreErrorKind::PreconditionFailed {
            found: Some(Version::of(b"old")),
        };
        let reported = failed(&action, kind);
        s.does(0, action, reported);
        s.does(1, swap(xl(), Some("old"), "b"), stored());
        s.does(1, remove(xl()), removed());
        s.does(1, swap(xl(), None, "c"), stored());
        s.does(1, remove(xl()), removed());
        s.does(1, remove(xl()), nothing_to_remove());
    });
}

#[test]
fn listings_see_each_value_at_a_moment_of_its_own() {
    // "a" is gone before "b" comes, and the listing shows neither, or both.
    for entries in [&[][..], &[("a", 1), ("b", 1)]] {
        is_right(&[(slot(5, "a"), b"1")], |s| {
            let list = s.call(1, list(5));
            s.does(0, remove(slot(5, "a")), removed());
            s.stores(0, slot(5, "b"), "2");
            s.end(1, list, listed(entries));
        });
    }
}

#[test]
fn a_store_is_refused_while_another_process_destroys() {
    let refused = || StoreErrorKind::Refused(Refused::BeingDestroyed);
    is_right(&[], |s| {
        let destroy = s.call(1, Action::DestroyInVain { domain: key(5) });
        let reported = failed(&store(xl(), "a"), refused);
        s.does(0, store(xl(), "a"), reported);
        s.end(1, destroy, crate::walk::Report::StillThere(Vec::new()));
        s.stores(0, xl(), "a");
        s.leaves(&[(xl(), b"a")]);
    });
    is_right(&[(xl(), b"old")], |s| {
        let domid = key(5).domid;
        let destroy = s.libxl(1, LibxlCall::Destroy { domid });
        s.destroys_domain(5, Until::Leaving);
        let reported = failed(&store(xl(), "a"), refused);
        s.does(0, store(xl(), "a"), reported);
        s.destroys_domain(5, Until::Gone);
        s.libxl_ends(1, destroy, 0, None);
        let gone = || StoreErrorKind::Refused(Refused::NoSuchDomain);
        let reported = failed(&store(xl(), "a"), gone);
        s.does(0, store(xl(), "a"), reported);
        s.leaves(&[]);
    });
}

#[test]
fn what_real_libxl_leaks_is_counted() {
    let domid = key(5).domid;
    let userid = || userdata_core::Userid::new("xl").unwrap();
    let store = LibxlCall::Store {
        domid,
        userid: userid(),
        data: b"leaked".to_vec(),
    };
    let tally = is_right(&[], |s| {
        let destroy = s.libxl(1, LibxlCall::Destroy { domid });
        s.destroys_domain(5, Until::Leaving);
        let leaks = s.libxl(0, store);
        s.libxl_ends(0, leaks, 0, None);
        s.destroys_domain(5, Until::Gone);
        s.libxl_ends(1, destroy, 0, None);
        s.leaves(&[(xl(), b"leaked")]);
    });
    assert_eq!((tally.left_by_libxl, tally.operations), (1, 2));
}

#[test]
fn a_killed_swap_may_replace_what_was_planted_after_it_compared() {
    is_right(&[], |s| {
        s.call(0, swap(xl(), None, "a"));
        s.event(Event::Planted {
            process: ProcessId(1),
            file: format!("userdata-d.{}.xl", key(5)).into_bytes(),
            plant: Plant::Fifo,
        });
        s.kill(0);
        s.leaves(&[(xl(), b"a")]);
    });
}

#[test]
fn data_that_no_destroy_removed_is_left_for_a_sweep() {
    let tally = is_right(&[], |s| {
        s.stores(0, xl(), "a");
        s.destroys_domain(5, Until::Gone);
        s.leaves(&[(xl(), b"a")]);
    });
    assert_eq!(tally.left_for_a_sweep, 1);
}

#[test]
fn a_store_that_reports_a_lost_lock_may_leave_its_value() {
    let domid = key(5).domid;
    let tally = is_right(&[], |s| {
        let late = s.call(0, store(xl(), "a"));
        s.bug(1, LibxlBug::UnlinksWithoutHolding);
        let destroy = s.libxl(1, LibxlCall::Destroy { domid });
        s.destroys_domain(5, Until::Gone);
        s.libxl_ends(1, destroy, 0, None);
        let lost = || StoreErrorKind::LockLost { applied: true };
        s.end(0, late, failed(&store(xl(), "a"), lost));
        s.leaves(&[(xl(), b"a")]);
    });
    assert_eq!(tally.left_in_known_window, 1);
}

#[test]
fn a_swap_with_a_broken_lock_may_replace_another_value() {
    let swaps = |broken: bool| {
        move |s: &mut Story| {
            let one = s.call(0, swap(xl(), Some("old"), "a"));
            if broken {
                s.bug(2, LibxlBug::UnlinksWithoutHolding);
            }
            let two = s.call(1, swap(xl(), Some("old"), "b"));
            s.end(1, two, stored());
            let lost = || StoreErrorKind::LockLost { applied: true };
            s.end(0, one, failed(&swap(xl(), Some("old"), "a"), lost));
            s.reads(1, xl(), Some("a"));
        }
    };
    is_right(&[(xl(), b"old")], swaps(true));
    let mut story = Story::with(&[(xl(), b"old")]);
    swaps(false)(&mut story);
    assert!(!story.check().complaints.is_empty());
}

#[test]
fn two_libxl_writers_with_a_broken_lock_may_mix_their_bytes() {
    let (domid, userid) = (key(5).domid, userdata_core::Userid::new("xl").unwrap());
    let writes = |data: &[u8]| LibxlCall::Store {
        domid,
        userid: userid.clone(),
        data: data.to_vec(),
    };
    let mix = |broken: bool, seen: &'static str| {
        let mut story = Story::new();
        let one = story.libxl(0, writes(b"aaaa"));
        if broken {
            story.bug(2, LibxlBug::UnlinksWithoutHolding);
        }
        let two = story.libxl(1, writes(b"bbbb"));
        story.libxl_ends(0, one, 0, None);
        story.reads(2, xl(), Some(seen));
        story.libxl_ends(1, two, -3, None);
        story.reads(2, xl(), Some("bbbb"));
        story.check()
    };
    let found = mix(true, "bbaa");
    assert!(found.complaints.is_empty(), "{:#?}", found.complaints);
    assert_eq!(found.tally.mixed_by_libxl, 1);
    assert_eq!(mix(true, "ours").complaints.len(), 1, "no part of either");
    assert_eq!(mix(false, "bbaa").complaints.len(), 1, "the lock held");
}

#[test]
fn planted_files_are_seen_as_what_they_are() {
    is_right(&[(xl(), b"old")], |s| {
        let name = userdata_core::file_name::FileName::data(
            userdata_core::file_name::NameFormat::Libxl,
            &key(5),
            xl().userid.as_userid(),
        );
        let plant = |plant| Event::Planted {
            process: ProcessId(3),
            file: name.as_ref().unwrap().as_bytes().to_vec(),
            plant,
        };
        s.event(plant(Plant::Fifo));
        let retrieve = Action::Retrieve { slot: xl() };
        let kind = || StoreErrorKind::NotRegular(userdata_core::store::FileType::Fifo);
        let reported = failed(&retrieve, kind);
        s.does(0, retrieve.clone(), reported);
        s.event(plant(Plant::File(Vec::new())));
        let reported = failed(&retrieve, || StoreErrorKind::Empty);
        s.does(0, retrieve, reported);
        s.event(plant(Plant::File(b"planted".to_vec())));
        s.reads(0, xl(), Some("planted"));
        s.stores(0, xl(), "a");
        s.leaves(&[(xl(), b"a")]);
    });
}

#[test]
fn destroying_a_domain_removes_its_data_and_no_other() {
    let tally = is_right(&[(xl(), b"old"), (slot(50, "xl"), b"other")], |s| {
        let destroy = s.call(0, destroy(5));
        let late = s.call(1, store(xl(), "a"));
        s.end(1, late, stored());
        s.destroys_domain(5, Until::Gone);
        s.end(0, destroy, cleared(&["xl"]));
        s.reads(1, xl(), None);
        s.reads(1, slot(50, "xl"), Some("other"));
        s.leaves(&[(slot(50, "xl"), b"other")]);
    });
    assert_eq!((tally.operations, tally.registers), (4, 2));
    assert_eq!(FULL, userdata_core::store::Durability::Full);
}

#[test]
fn an_adversary_may_write_between_a_comparison_and_its_change() {
    is_right(&[], |s| {
        let name = userdata_core::file_name::FileName::data(
            userdata_core::file_name::NameFormat::Libxl,
            &key(5),
            xl().userid.as_userid(),
        );
        let swap = s.call(0, swap(xl(), None, "new"));
        s.event(Event::Planted {
            process: ProcessId(1),
            file: name.as_ref().unwrap().as_bytes().to_vec(),
            plant: Plant::File(b"planted".to_vec()),
        });
        s.end(0, swap, stored());
        s.reads(0, xl(), Some("new"));
    });
}

#[test]
fn libxl_removes_nothing_of_a_domain_that_vanishes_meanwhile() {
    let domid = key(5).domid;
    let ends = |unpinned: bool| {
        let mut story = Story::with(&[(xl(), b"old")]);
        story.host(hv_sim::Event::Pin { domid });
        story.destroys_domain(5, Until::Dead);
        let destroy = story.libxl(0, LibxlCall::Destroy { domid });
        if unpinned {
            story.host(hv_sim::Event::Unpin { domid });
        }
        story.libxl_ends(0, destroy, 0, None);
        story.leaves(&[(xl(), b"old")]);
        story.check().complaints.len()
    };
    assert_eq!(ends(true), 0);
    assert_eq!(ends(false), 1, "it found the domain, and has its path");
}

#[test]
fn a_store_may_pass_a_mark_whose_lock_libxl_broke() {
    let passes = |broken: bool| {
        let mut story = Story::new();
        let destroys = story.call(1, destroy(5));
        let stores = story.call(0, store(xl(), "a"));
        if broken {
            story.bug(2, LibxlBug::UnlinksWithoutHolding);
        }
        story.event(Event::Unguarded {
            process: ProcessId(0),
            domain: key(5),
            how: Unguarded::WhileClosing,
        });
        story.end(0, stores, stored());
        story.destroys_domain(5, Until::Gone);
        story.end(1, destroys, cleared(&["xl"]));
        story.check().complaints.len()
    };
    assert_eq!(passes(true), 0);
    assert_eq!(passes(false), 1);
}
