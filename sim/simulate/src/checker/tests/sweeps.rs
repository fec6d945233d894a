//! Sweeps, hidden domains, and values that follow a domain: what is right, and what is found.

use std::time::Duration;

use hv_sim::Until;
use userdata_core::store::Transferred;
use userdata_core::{DomainKey, Domid, Userid, Uuid};

use super::story::{FULL, Story, key, slot, store, tree, xl};
use crate::walk::{Action, Guarantee, Report, Seen, Sight, Swept, Waits};

const GRACE: Duration = Duration::from_secs(60);

/// Another time than the grace.
const SETTLE: Duration = Duration::from_secs(20);

const OTHER: Uuid = Uuid::from_u128(7);

fn sweep(grace: Duration) -> Action {
    sweep_that(Waits::grace(grace))
}

fn sweep_that(waits: Waits) -> Action {
    let orphans = Vec::new();
    Action::Sweep { waits, orphans }
}

fn removed(domain: DomainKey) -> Vec<(DomainKey, Userid)> {
    vec![(domain, xl().userid.as_userid().clone())]
}

fn five() -> Domid {
    key(5).domid
}

/// The story has no complaint, or exactly this one.
#[track_caller]
fn is_told(story: &Story, expected: Option<(Guarantee, &str)>) {
    let found = story.check().complaints;
    match (found.as_slice(), expected) {
        ([], None) => {}
        ([complaint], Some((guarantee, why))) => {
            assert_eq!(complaint.guarantee, guarantee, "{complaint}of\n{story}");
            assert!(complaint.why.contains(why), "{complaint}of\n{story}");
        }
        (found, expected) => panic!("{found:#?}, and not {expected:?}, of\n{story}"),
    }
}

/// The domid gets another uuid, a sweep sees that, and the next one removes the data.
fn displaced_after(span: Duration, sees: bool) -> Story {
    displaced_with(span, sees, |_| {})
}

/// The same, with something between the two sweeps.
fn displaced_with(span: Duration, sees: bool, between: impl FnOnce(&mut Story)) -> Story {
    let mut s = Story::new();
    let (domid, uuid) = (five(), OTHER);
    s.stores(0, xl(), "a");
    s.host(hv_sim::Event::SetUuid { domid, uuid });
    let sight = Sight::OtherUuid(OTHER);
    let first = Swept {
        waiting: sees.then_some((key(5), sight)).into_iter().collect(),
        ..Swept::default()
    };
    s.does(0, sweep(GRACE), Report::Swept(first));
    between(&mut s);
    let second = Swept {
        removed: removed(key(5)),
        orphans: vec![(key(5), sight)],
        began: span,
        ..Swept::default()
    };
    s.does(0, sweep(GRACE), Report::Swept(second));
    s
}

#[test]
fn data_goes_only_after_the_grace_that_a_sweep_of_this_boot_began() {
    let early = Some((Guarantee::Lifetime, "no sweep of this boot had seen that"));
    is_told(&displaced_after(GRACE, true), None);
    is_told(&displaced_after(GRACE / 2, true), early);
    is_told(&displaced_after(GRACE, false), early);
}

#[test]
fn a_sweep_that_finds_the_domain_there_voids_what_was_seen_before() {
    let there = |s: &mut Story| {
        let uuid = |uuid| hv_sim::Event::SetUuid {
            domid: five(),
            uuid,
        };
        s.host(uuid(key(5).uuid));
        let swept = Swept {
            there: vec![key(5)],
            ..Swept::default()
        };
        s.does(0, sweep(GRACE), Report::Swept(swept));
        s.host(uuid(OTHER));
    };
    let early = Some((Guarantee::Lifetime, "no sweep of this boot had seen that"));
    is_told(&displaced_with(GRACE, true, there), early);
}

/// The domain is gone, sweeps that wait for the settle time see that, and the last one, this long
/// after the first, removes the data or leaves it.
fn gone_for(span: Duration, sees: &[bool], removes: bool) -> Story {
    let mut s = Story::with(&[(xl(), b"a")]);
    s.destroys_domain(5, Until::Gone);
    let waits = Waits::grace(GRACE).and_settle(SETTLE);
    let gone = vec![(key(5), Sight::Gone)];
    for sees in sees {
        let swept = Swept {
            waiting: sees.then(|| gone.clone()).unwrap_or_default(),
            ..Swept::default()
        };
        s.does(0, sweep_that(waits), Report::Swept(swept));
    }
    let mut last = Swept {
        began: span,
        ..Swept::default()
    };
    if removes {
        last.removed = removed(key(5));
        last.orphans = gone;
        s.leaves(&[]);
    } else {
        last.waiting = gone;
        s.leaves(&[(xl(), b"a")]);
    }
    s.does(0, sweep_that(waits), Report::Swept(last));
    s
}

#[test]
fn with_a_settle_time_data_goes_only_after_it() {
    let early = Some((Guarantee::Lifetime, "no sweep of this boot had seen that"));
    is_told(&gone_for(SETTLE, &[true], true), None);
    is_told(&gone_for(SETTLE / 2, &[true], true), early);
    is_told(&gone_for(SETTLE, &[false], true), early);
    is_told(&gone_for(SETTLE, &[], true), early);
}

#[test]
fn a_sweep_before_the_history_counts_if_it_is_of_this_boot() {
    let mut s = gone_for(SETTLE, &[], true);
    s.was_seen(Seen {
        domain: key(5),
        sight: Sight::Gone,
        at: Duration::ZERO,
    });
    is_told(&s, None);
}

#[test]
fn a_sweep_that_waits_sees_only_what_is_so() {
    let mut s = Story::new();
    let swept = Swept {
        waiting: vec![(key(5), Sight::Gone)],
        ..Swept::default()
    };
    s.does(0, sweep(GRACE), Report::Swept(swept));
    is_told(&s, Some((Guarantee::Lifetime, "which was not so")));
}

#[test]
fn after_the_settle_time_data_does_not_stay() {
    let outlasts = Some((Guarantee::Lifetime, "it outlasts its domain and a sweep"));
    is_told(&gone_for(SETTLE, &[true, true], false), outlasts);
    is_told(&gone_for(SETTLE / 2, &[true], false), None);
    // A sweep in between did not see it, so that it begins anew.
    is_told(&gone_for(SETTLE, &[true, false], false), None);
    is_told(&gone_for(SETTLE, &[], false), None);
}

#[test]
fn a_hidden_domain_is_not_gone() {
    let domid = five();
    let mut s = Story::new();
    s.stores(0, xl(), "a");
    s.host(hv_sim::Event::Hide { domid });
    let swept = Swept {
        removed: removed(key(5)),
        ..Swept::default()
    };
    s.does(0, sweep(Duration::ZERO), Report::Swept(swept));
    is_told(&s, Some((Guarantee::Lifetime, "which was not gone")));
}

#[test]
fn a_sweep_that_is_alone_leaves_nothing_of_a_domain_that_is_gone() {
    let left = |last: bool, report: Swept| {
        let mut s = Story::with(&[(xl(), b"a")]);
        s.destroys_domain(5, Until::Gone);
        s.does(0, sweep(GRACE), Report::Swept(report));
        if !last {
            s.reads(0, slot(50, "xl"), None);
        }
        s.leaves_tree(tree(&[(xl(), b"a")]));
        s
    };
    let outlasts = Some((Guarantee::Lifetime, "it outlasts its domain and a sweep"));
    is_told(&left(true, Swept::default()), outlasts);
    is_told(&left(false, Swept::default()), None);
    let unknown = Swept {
        unknown: vec![key(5)],
        ..Swept::default()
    };
    is_told(&left(true, unknown), None);
}

/// Two values are stored one after the other, and the domain 50 gets the one that is there.
fn carried(seen: Option<&str>) -> Story {
    let mut s = Story::with(&[(slot(50, "other"), b"c")]);
    s.stores(0, xl(), "a");
    s.stores(0, xl(), "b");
    let carry = Action::Carry {
        from: key(5),
        to: key(50),
        values: Vec::new(),
        durability: FULL,
    };
    let mut moved = Transferred::default();
    moved.moved = vec![xl().userid.as_userid().clone()];
    moved.durability = FULL;
    s.does(1, carry, Report::Carried(moved));
    s.reads(2, slot(50, "xl"), seen);
    s.reads(2, xl(), None);
    s
}

#[test]
fn a_carried_value_is_the_one_that_its_source_had() {
    is_told(&carried(Some("b")), None);
    is_told(
        &carried(Some("a")),
        Some((Guarantee::Isolated, "a value of")),
    );
    is_told(
        &carried(Some("c")),
        Some((Guarantee::Isolated, "a value of")),
    );
    is_told(
        &carried(None),
        Some((Guarantee::Isolated, "no value was seen")),
    );
}

#[test]
fn of_two_values_that_a_carry_may_have_met_each_may_be_seen() {
    for seen in ["a", "b"] {
        let mut s = Story::new();
        s.stores(0, xl(), "a");
        let late = s.call(0, store(xl(), "b"));
        let carry = Action::Carry {
            from: key(5),
            to: key(50),
            values: Vec::new(),
            durability: FULL,
        };
        s.call(1, carry);
        s.kill(1);
        s.end(0, late, super::story::stored());
        s.reads(2, slot(50, "xl"), Some(seen));
        is_told(&s, None);
    }
}
