//! Sweeps, hidden domains, and values that follow a domain: what is right, and what is found.

use std::time::Duration;

use hv_sim::Until;
use userdata_core::store::Transferred;
use userdata_core::{DomainKey, Domid, Userid, Uuid};

use super::story::{FULL, Story, key, slot, store, tree, xl};
use crate::walk::{Action, Guarantee, Report, Swept};

const GRACE: Duration = Duration::from_secs(60);

const OTHER: Uuid = Uuid::from_u128(7);

fn sweep(grace: Duration) -> Action {
    let orphans = Vec::new();
    Action::Sweep { grace, orphans }
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
    let mut s = Story::new();
    let (domid, uuid) = (five(), OTHER);
    s.stores(0, xl(), "a");
    s.host(hv_sim::Event::SetUuid { domid, uuid });
    let first = Swept {
        seen: sees.then_some((key(5), OTHER)).into_iter().collect(),
        ..Swept::default()
    };
    s.does(0, sweep(GRACE), Report::Swept(first));
    let second = Swept {
        removed: removed(key(5)),
        seen: vec![(key(5), OTHER)],
        displaced: vec![(key(5), OTHER)],
        began: span,
        ..Swept::default()
    };
    s.does(0, sweep(GRACE), Report::Swept(second));
    s
}

#[test]
fn data_goes_only_after_the_grace_that_a_sweep_of_this_boot_began() {
    let early = Some((Guarantee::Lifetime, "no sweep of this boot has seen that"));
    is_told(&displaced_after(GRACE, true), None);
    is_told(&displaced_after(GRACE / 2, true), early);
    is_told(&displaced_after(GRACE, false), early);
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
