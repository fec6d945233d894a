//! Which domains exist.

use std::collections::BTreeSet;
use std::thread;

use userdata_core::{Domid, Life};

use super::HypervisorUnderTest;

/// Every host has domain 0, which is alive and not leaving.
pub fn domain_zero_is_there_and_stays(under_test: &HypervisorUnderTest) {
    let zero = under_test
        .domain(Domid::ZERO)
        .expect("every host has domain 0");
    assert_eq!((zero.key.domid, zero.life), (Domid::ZERO, Life::Alive));
    assert!(!under_test.leaving(&zero.key));
    let listed = under_test.domains();
    assert_eq!(
        listed.first(),
        Some(&zero),
        "domain 0 is the first of the list"
    );
}

/// A list is in order of domid and has each domid once.
pub fn domains_are_listed_in_order_and_once(under_test: &HypervisorUnderTest) {
    let listed: Vec<Domid> = under_test
        .domains()
        .iter()
        .map(|domain| domain.key.domid)
        .collect();
    assert!(listed.is_sorted_by(|a, b| a < b), "{listed:?}");
}

/// A look-up of each listed domain returns what the list has.
pub fn a_list_and_a_look_up_agree(under_test: &HypervisorUnderTest) {
    for domain in under_test.domains() {
        assert_eq!(under_test.domain(domain.key.domid).as_ref(), Some(&domain));
    }
}

/// The look-up of a free domid returns `None`: neither an error nor the next domain. (A list may omit
/// domains, so a domain that is found but not listed must at least have the domid asked for.)
pub fn no_domid_answers_for_another(under_test: &HypervisorUnderTest) {
    let listed: BTreeSet<u16> = under_test
        .domains()
        .iter()
        .map(|domain| domain.key.domid.get())
        .collect();
    let around = listed
        .iter()
        .flat_map(|domid| [domid.saturating_sub(1), domid.saturating_add(1)]);
    let asked: BTreeSet<u16> = around
        .chain([1, 2, 1000, Domid::MAX.get() - 1, Domid::MAX.get()])
        .collect();
    let mut absent = 0;
    for domid in asked
        .into_iter()
        .filter_map(|number| Domid::new(number).ok())
    {
        match under_test.domain(domid) {
            Some(domain) => assert_eq!(domain.key.domid, domid),
            None => absent += 1,
        }
    }
    assert!(absent > 0, "every domid that was asked for is in use");
}

/// The boot has the same name whenever it is asked for.
pub fn a_boot_has_one_name(under_test: &HypervisorUnderTest) {
    let boot = || under_test.hypervisor.boot().expect("a boot has a name");
    assert_eq!(boot(), boot());
}

/// Many threads that ask at the same time get the same answers.
pub fn many_may_ask_at_once(under_test: &HypervisorUnderTest) {
    let (hypervisor, wanted) = (&under_test.hypervisor, under_test.domains());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let listed = hypervisor
                        .domains()
                        .expect("a hypervisor lists its domains");
                    assert_eq!(listed, wanted);
                    for domain in &wanted {
                        let found = hypervisor.domain(domain.key.domid);
                        assert_eq!(found.expect("it is known").as_ref(), Some(domain));
                    }
                }
            });
        }
    });
}
