//! How domains begin and end. For a hypervisor without a toolstack these check nothing.

use userdata_core::{Life, Uuid};

use super::HypervisorUnderTest;

const A: Uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_abcd_ef55_5555);
const B: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

/// A new domain has exactly the uuid it was given, and is alive, listed, and not leaving.
pub fn a_new_domain_is_alive_under_the_uuid_it_was_given(under_test: &HypervisorUnderTest) {
    let Some(toolstack) = &under_test.toolstack else {
        return;
    };
    for uuid in [A, B, Uuid::nil(), Uuid::max()] {
        let key = toolstack.create(uuid);
        assert_eq!(key.uuid, uuid);
        let domain = under_test.domain(key.domid).expect("a new domain is found");
        assert_eq!((domain.key, domain.life), (key, Life::Alive));
        assert!(under_test.domains().contains(&domain));
        assert!(!under_test.leaving(&key));
        toolstack.destroy(&key);
    }
}

/// Two domains may have one uuid, as during a localhost migration: each is found by its domid.
pub fn one_uuid_may_have_two_domids(under_test: &HypervisorUnderTest) {
    let Some(toolstack) = &under_test.toolstack else {
        return;
    };
    let twins = [toolstack.create(A), toolstack.create(A)];
    let [first, second] = &twins;
    assert_ne!(first.domid, second.domid);
    for key in &twins {
        assert_eq!(
            under_test.domain(key.domid).map(|domain| domain.key),
            Some(*key)
        );
    }
    toolstack.begin_to_destroy(first);
    assert!(under_test.leaving(first));
    assert!(
        !under_test.leaving(second),
        "a domain leaves because another of its uuid does"
    );
    toolstack.destroy(first);
    assert!(under_test.domain(second.domid).is_some());
    toolstack.destroy(second);
}

/// Between the toolstack's first step and the hypervisor's last one a domain exists and is leaving.
pub fn a_domain_is_leaving_before_it_is_gone(under_test: &HypervisorUnderTest) {
    let Some(toolstack) = &under_test.toolstack else {
        return;
    };
    let key = toolstack.create(A);
    toolstack.begin_to_destroy(&key);
    let domain = under_test
        .domain(key.domid)
        .expect("a domain that leaves is there");
    assert_eq!(domain.key, key);
    assert!(under_test.leaving(&key));
    toolstack.destroy(&key);
}

/// A destroyed domain is neither found nor listed, and every other domain is unchanged.
pub fn a_destroyed_domain_is_gone_and_others_stay(under_test: &HypervisorUnderTest) {
    let Some(toolstack) = &under_test.toolstack else {
        return;
    };
    let other = toolstack.create(B);
    let before = under_test.domains();
    let key = toolstack.create(A);
    toolstack.destroy(&key);
    assert_ne!(
        under_test.domain(key.domid).map(|domain| domain.key),
        Some(key)
    );
    assert_eq!(under_test.domains(), before);
    toolstack.destroy(&other);
}

/// If the hypervisor numbers incarnations, no two domains have the same number.
pub fn no_two_domains_are_one_incarnation(under_test: &HypervisorUnderTest) {
    let Some(toolstack) = &under_test.toolstack else {
        return;
    };
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let key = toolstack.create(A);
        let domain = under_test.domain(key.domid).expect("a new domain is found");
        numbers.extend(domain.incarnation);
        toolstack.destroy(&key);
    }
    numbers.extend(
        under_test
            .domains()
            .iter()
            .filter_map(|domain| domain.incarnation),
    );
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "a number is given twice");
}
