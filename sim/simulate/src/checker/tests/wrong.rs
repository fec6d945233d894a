//! Histories that are wrong, each found with its guarantee and its reason.

use hv_sim::Until;
use userdata_core::Version;
use userdata_core::store::{Durability, Keep, Refused, StoreErrorKind};

use super::story::{
    FULL, Story, cleared, destroy, destroy_all, failed, key, list, listed, nothing_to_remove,
    remove, removed, slot, store, store_at, stored, stored_at, swap, xl,
};
use crate::history::{Event, LibxlBug, LibxlCall, OutOfLine, ProcessId, Unguarded};
use crate::walk::{Action, Guarantee, Report};

struct Wrong {
    guarantee: Guarantee,
    why: &'static str,
    /// How many operations are involved.
    involved: usize,
    story: Story,
}

fn wrong(
    guarantee: Guarantee,
    involved: usize,
    why: &'static str,
    tell: impl FnOnce(&mut Story),
) -> Wrong {
    wrong_after(&[], guarantee, involved, why, tell)
}

fn wrong_after(
    values: &[(crate::walk::Slot, &[u8])],
    guarantee: Guarantee,
    involved: usize,
    why: &'static str,
    tell: impl FnOnce(&mut Story),
) -> Wrong {
    let mut story = Story::with(values);
    tell(&mut story);
    Wrong {
        guarantee,
        why,
        involved,
        story,
    }
}

#[track_caller]
fn all_are_found(table: Vec<Wrong>) {
    for Wrong {
        guarantee,
        why,
        involved,
        story,
    } in table
    {
        let found = story.check();
        let complaint = match found.complaints.as_slice() {
            [complaint] => complaint,
            other => panic!(
                "{} complaints about \"{why}\" of\n{story}{other:#?}",
                other.len()
            ),
        };
        assert_eq!(complaint.guarantee, guarantee, "{complaint}of\n{story}");
        assert!(
            complaint.why.contains(why),
            "not {why:?}: {complaint}of\n{story}"
        );
        assert_eq!(complaint.involved.len(), involved, "{complaint}of\n{story}");
    }
}

#[test]
fn values_that_no_order_explains_are_found() {
    use Guarantee::{Atomic, Empty, HonestErrors, Isolated};
    let old = [(xl(), &b"old"[..])];
    all_are_found(vec![
        wrong(
            Atomic,
            3,
            "\"a\" was seen although it had been replaced",
            |s| {
                s.stores(0, xl(), "a");
                s.stores(1, xl(), "b");
                s.reads(2, slot(5, "other"), None);
                s.reads(2, xl(), Some("a"));
            },
        ),
        wrong(Atomic, 2, "although it had been removed", |s| {
            s.stores(0, slot(50, "xl"), "c");
            s.stores(0, xl(), "a");
            s.does(1, remove(xl()), removed());
            s.reads(2, slot(50, "xl"), Some("c"));
            s.leaves(&[(xl(), b"a"), (slot(50, "xl"), b"c")]);
        }),
        wrong(Atomic, 2, "must have stood there", |s| {
            let store = s.call(0, store(xl(), "b"));
            s.reads(1, xl(), Some("b"));
            s.reads(2, xl(), None);
            s.end(0, store, stored());
        }),
        wrong(Atomic, 3, "a mixture or a part", |s| {
            s.stores(0, xl(), "aaaa");
            s.stores(0, xl(), "bbbb");
            s.reads(1, xl(), Some("aabb"));
        }),
        wrong(Atomic, 2, "a mixture or a part", |s| {
            s.stores(0, xl(), "aaaa");
            s.reads(1, xl(), Some("aa\0\0"));
        }),
        wrong(Atomic, 1, "no operation stored it", |s| {
            s.reads(1, xl(), Some("z"))
        }),
        wrong(Empty, 1, "an empty value", |s| {
            s.stores(0, xl(), "a");
            let retrieve = Action::Retrieve { slot: xl() };
            let empty = failed(&retrieve, || StoreErrorKind::Empty);
            s.does(1, retrieve, empty);
        }),
        wrong_after(
            &old,
            Isolated,
            2,
            "which is a value of userdata-d.50.",
            |s| {
                s.stores(0, slot(50, "xl"), "another's");
                s.reads(1, xl(), Some("another's"));
            },
        ),
        wrong(Isolated, 2, "which is a value of userdata-d.5.", |s| {
            s.stores(0, slot(5, "xl.backup"), "another's");
            s.reads(1, xl(), Some("another's"));
        }),
        wrong_after(&old, Isolated, 0, "no operation removed the one", |s| {
            s.does(0, destroy_all(50), cleared(&[]));
            s.leaves(&[]);
        }),
        wrong_after(
            &old,
            HonestErrors,
            2,
            "it stood there before and afterwards",
            |s| {
                s.reads(0, xl(), None);
                s.reads(0, xl(), Some("old"));
            },
        ),
        wrong_after(&old, Atomic, 3, "must have stood there", |s| {
            s.does(0, remove(xl()), removed());
            s.stores(1, xl(), "new");
            s.reads(0, xl(), None);
        }),
        wrong_after(&old, HonestErrors, 1, "before and afterwards", |s| {
            s.does(0, remove(xl()), nothing_to_remove());
            s.leaves(&[(xl(), b"old")]);
        }),
        wrong(Atomic, 1, "from something to remove", |s| {
            s.does(0, remove(xl()), removed())
        }),
    ]);
}

#[test]
fn listings_that_no_order_explains_are_found() {
    use Guarantee::{Atomic, HonestErrors};
    let old = [(xl(), &b"old"[..])];
    all_are_found(vec![
        wrong_after(
            &old,
            HonestErrors,
            2,
            "stood there before and afterwards",
            |s| {
                s.does(0, list(5), listed(&[]));
                s.reads(0, xl(), Some("old"));
            },
        ),
        wrong(Atomic, 1, "a value of 3 bytes was seen", |s| {
            s.does(0, list(5), listed(&[("ghost", 3)]));
        }),
        wrong_after(&old, Atomic, 2, "a value of 3 bytes was seen", |s| {
            s.stores(1, xl(), "newer");
            s.does(0, list(5), listed(&[("xl", 3)]));
        }),
    ]);
}

#[test]
fn swaps_that_compared_with_something_else_are_found() {
    use Guarantee::{Atomic, HonestErrors};
    let old = [(xl(), &b"old"[..])];
    let precondition = |action: &Action, found: fn() -> StoreErrorKind| failed(action, found);
    all_are_found(vec![
        wrong_after(&old, Atomic, 1, "to have gone from version", |s| {
            s.does(0, swap(xl(), Some("older"), "a"), stored());
        }),
        wrong_after(&old, Atomic, 2, "to have gone from version", |s| {
            let one = s.call(0, swap(xl(), Some("old"), "a"));
            let two = s.call(1, swap(xl(), Some("old"), "b"));
            s.end(0, one, stored());
            s.end(1, two, stored());
        }),
        wrong(Atomic, 2, "to have gone from no value", |s| {
            s.stores(0, xl(), "a");
            s.does(1, swap(xl(), None, "b"), stored());
        }),
        wrong_after(&old, HonestErrors, 1, "which was never there", |s| {
            let action = swap(xl(), Some("older"), "a");
            let reported = precondition(&action, || StoreErrorKind::PreconditionFailed {
                found: Some(Version::of(b"ghost")),
            });
            s.does(0, action, reported);
        }),
        wrong_after(&old, HonestErrors, 1, "that was met", |s| {
            let action = swap(xl(), Some("old"), "a");
            let reported = precondition(&action, || StoreErrorKind::PreconditionFailed {
                found: Some(Version::of(b"old")),
            });
            s.does(0, action, reported);
        }),
        wrong_after(&old, Atomic, 2, "although it had been replaced", |s| {
            // The update of one is lost under that of the other.
            let update = |value: &str| Action::Update {
                slot: xl(),
                value: value.into(),
                durability: FULL,
            };
            let one = s.call(0, update("a"));
            s.does(1, update("b"), stored());
            s.end(0, one, stored());
            s.reads(1, xl(), Some("a"));
            s.reads(1, xl(), Some("old"));
        }),
    ]);
}

#[test]
fn replies_that_are_not_true_are_found() {
    use Guarantee::{HonestErrors, Lifetime};
    let old = [(xl(), &b"old"[..])];
    let no_space = || StoreErrorKind::NoSpace("no space".into());
    all_are_found(vec![
        wrong_after(&old, HonestErrors, 2, "that it changed nothing", |s| {
            s.does(
                0,
                store(xl(), "a"),
                failed(&store(xl(), "a"), || StoreErrorKind::DeadlinePassed {
                    waited: std::time::Duration::ZERO,
                }),
            );
            s.reads(1, xl(), Some("a"));
        }),
        wrong(HonestErrors, 1, "the history has no reason", |s| {
            s.does(0, store(xl(), "a"), failed(&store(xl(), "a"), no_space));
        }),
        wrong(HonestErrors, 1, "the history has no reason", |s| {
            let lost = || StoreErrorKind::LockLost { applied: false };
            s.does(0, store(xl(), "a"), failed(&store(xl(), "a"), lost));
        }),
        wrong(HonestErrors, 1, "the domain was there", |s| {
            let gone = || StoreErrorKind::Refused(Refused::NoSuchDomain);
            s.does(0, store(xl(), "a"), failed(&store(xl(), "a"), gone));
        }),
        wrong(HonestErrors, 1, "no process was destroying", |s| {
            let dying = || StoreErrorKind::Refused(Refused::BeingDestroyed);
            s.does(0, store(xl(), "a"), failed(&store(xl(), "a"), dying));
        }),
        wrong(HonestErrors, 1, "it is allowed while", |s| {
            let destroying = s.call(1, Action::DestroyInVain { domain: key(5) });
            let dying = || StoreErrorKind::Refused(Refused::BeingDestroyed);
            s.does(0, remove(xl()), failed(&remove(xl()), dying));
            s.end(1, destroying, Report::StillThere(Vec::new()));
        }),
        wrong(HonestErrors, 1, "the reported durability", |s| {
            s.does(0, store(xl(), "a"), stored_at(Durability::File));
        }),
        wrong(HonestErrors, 1, "the reported durability", |s| {
            s.does(0, store_at(xl(), "a", Durability::File), stored());
        }),
        wrong(HonestErrors, 1, "nonsense", |s| {
            s.does(0, destroy(5), Report::Nonsense("nonsense".to_owned()));
        }),
        wrong_after(
            &[(slot(5, "libxl-json"), b"{}")],
            Lifetime,
            1,
            "to be kept",
            |s| {
                let keep = Action::Clear {
                    domain: key(5),
                    keep: Keep::Essential,
                    durability: FULL,
                };
                s.does(0, keep, cleared(&["libxl-json"]));
            },
        ),
    ]);
}

#[test]
fn data_that_outlives_its_domain_is_found() {
    use Guarantee::{HonestErrors, Lifetime};
    let old = [(xl(), &b"old"[..])];
    let domid = key(5).domid;
    all_are_found(vec![
        // Before our own destroy.
        wrong_after(
            &old,
            Lifetime,
            2,
            "all data of the domain had been removed",
            |s| {
                let destroy = s.call(1, destroy(5));
                s.destroys_domain(5, Until::Gone);
                s.end(1, destroy, cleared(&["xl"]));
                s.reads(0, xl(), Some("old"));
            },
        ),
        // In the middle of it.
        wrong(Lifetime, 2, "is left of a domain that is gone", |s| {
            let destroy = s.call(1, destroy(5));
            let store = s.call(0, store(xl(), "a"));
            s.destroys_domain(5, Until::Gone);
            s.end(1, destroy, cleared(&[]));
            s.end(0, store, stored());
            s.leaves(&[(xl(), b"a")]);
        }),
        // In the middle of libxl's.
        wrong(Lifetime, 2, "is left of a domain that is gone", |s| {
            let store = s.call(0, store(xl(), "a"));
            let destroy = s.libxl(1, LibxlCall::Destroy { domid });
            s.destroys_domain(5, Until::Leaving);
            s.destroys_domain(5, Until::Gone);
            s.libxl_ends(1, destroy, 0, None);
            s.end(0, store, stored());
            s.leaves(&[(xl(), b"a")]);
        }),
        // Although libxl breaks a lock, if the store does not say that it lost it.
        wrong(Lifetime, 2, "is left of a domain that is gone", |s| {
            let store = s.call(0, store(xl(), "a"));
            let destroy = s.libxl(1, LibxlCall::Destroy { domid });
            s.bug(1, LibxlBug::UnlinksWithoutHolding);
            s.destroys_domain(5, Until::Gone);
            s.libxl_ends(1, destroy, 0, None);
            s.end(0, store, stored());
            s.leaves(&[(xl(), b"a")]);
        }),
        // For a domain that is gone.
        wrong(Lifetime, 1, "although the domain was gone", |s| {
            s.destroys_domain(5, Until::Gone);
            s.stores(0, xl(), "a");
        }),
        // For one that libxl has begun to take apart.
        wrong(Lifetime, 2, "gone, dying or leaving", |s| {
            let destroy = s.libxl(1, LibxlCall::Destroy { domid });
            s.destroys_domain(5, Until::Leaving);
            s.stores(0, xl(), "a");
            s.destroys_domain(5, Until::Gone);
            s.libxl_ends(1, destroy, -15, None);
        }),
        // Files other than values.
        wrong(HonestErrors, 1, "temporary file is left", |s| {
            s.stores(0, slot(5, "x"), "a");
            let name = userdata_core::file_name::FileName::temporary(
                userdata_core::file_name::NameFormat::Libxl,
                &key(5),
                7,
            );
            s.leaves_tree(with_file(&[(slot(5, "x"), b"a")], &name));
        }),
        wrong(HonestErrors, 1, "lock file is left", |s| {
            s.stores(0, slot(5, "x"), "a");
            let name = userdata_core::file_name::FileName::lock(
                userdata_core::file_name::NameFormat::Libxl,
                &key(5),
            );
            s.leaves_tree(with_file(&[(slot(5, "x"), b"a")], &name));
        }),
        wrong(HonestErrors, 1, "closing mark file is left", |s| {
            let vain = Action::DestroyInVain { domain: key(5) };
            s.does(0, vain, Report::StillThere(Vec::new()));
            let name = userdata_core::file_name::FileName::closing_marker(
                userdata_core::file_name::NameFormat::Libxl,
                &key(5),
            );
            s.leaves_tree(with_file(&[], &name));
        }),
    ]);
}

/// A tree with one file more, which is not a value.
fn with_file(
    values: &[(crate::walk::Slot, &[u8])],
    name: &userdata_core::file_name::FileName,
) -> userdata_sim::crash::Tree {
    let disk = userdata_sim::SimDisk::new(userdata_sim::SimOptions::default());
    let root = disk.process().root().unwrap();
    for (slot, value) in values {
        let data = userdata_core::file_name::FileName::data(
            userdata_core::file_name::NameFormat::Libxl,
            &slot.domain,
            slot.userid.as_userid(),
        );
        root.plant(
            (&data.unwrap()).into(),
            userdata_sim::Plant::File(value.to_vec()),
        )
        .unwrap();
    }
    root.plant(name.into(), userdata_sim::Plant::File(Vec::new()))
        .unwrap();
    disk.tree()
}

#[test]
fn a_broken_lock_excuses_no_mixture_of_what_this_library_wrote() {
    let mut story = Story::new();
    let store = story.call(0, store(xl(), "aaaa"));
    story.bug(1, LibxlBug::UnlinksWithoutHolding);
    story.stores(1, xl(), "bbbb");
    story.reads(2, xl(), Some("aabb"));
    story.end(0, store, stored());
    let found = story.check();
    let guarantees: Vec<_> = found.complaints.iter().map(|c| c.guarantee).collect();
    assert_eq!(guarantees, [Guarantee::Atomic], "{story}");
}

#[test]
fn a_thread_that_is_out_of_line_is_found() {
    let out_of_line = |how| {
        move |story: &mut Story| {
            let id = story.call(0, store(xl(), "new"));
            let process = ProcessId(0);
            story.event(Event::OutOfLine { process, how });
            story.end(0, id, stored());
        }
    };
    let wrong = |why, how| wrong(Guarantee::Bounded, 1, why, out_of_line(how));
    all_are_found(vec![
        wrong("a thread is served before one", OutOfLine::Overtakes),
        wrong(
            "two threads of one process compete",
            OutOfLine::PollsTogether,
        ),
        wrong("threads wait in line", OutOfLine::Stuck),
    ]);
}

#[test]
fn a_value_that_nothing_guards_is_replaced_by_real_libxl_alone() {
    let unguarded = |how| {
        move |story: &mut Story| {
            let id = story.call(0, store(xl(), "new"));
            story.event(Event::Unguarded {
                process: ProcessId(0),
                domain: key(5),
                how,
            });
            story.end(0, id, stored());
        }
    };
    all_are_found(vec![
        wrong(
            Guarantee::Atomic,
            1,
            "a value is replaced although the lock of the domain is lost",
            unguarded(Unguarded::WithoutLock),
        ),
        wrong(
            Guarantee::Lifetime,
            1,
            "a value is stored although another process is destroying the domain",
            unguarded(Unguarded::WhileClosing),
        ),
        wrong(
            Guarantee::Lifetime,
            1,
            "no closing marker that is held",
            |story| {
                let id = story.call(0, destroy(5));
                story.event(Event::Unguarded {
                    process: ProcessId(0),
                    domain: key(5),
                    how: Unguarded::WithoutMarker,
                });
                story.destroys_domain(5, Until::Gone);
                story.end(0, id, cleared(&[]));
            },
        ),
    ]);
}
