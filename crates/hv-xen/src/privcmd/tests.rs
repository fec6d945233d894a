//! The backend on a scripted hypervisor of every release.

use std::error::Error;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rustix::io::Errno;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, Domid, Life, Uuid};

use super::Privcmd;
use super::fake::{FakeLife, FakeXen, domains};
use super::hypercall::{ATTEMPTS_MAX, Hypercall, Refusal};
use crate::abi::{Arch, domctl, sysctl};

fn open(fake: FakeXen) -> (Privcmd, Arc<Mutex<FakeXen>>) {
    let (privcmd, fake) = fake.open();
    (privcmd.unwrap(), fake)
}

fn domid(number: u16) -> Domid {
    Domid::new(number).unwrap()
}

fn domids(domains: &[Domain]) -> Vec<u16> {
    domains
        .iter()
        .map(|domain| domain.key.domid.get())
        .collect()
}

/// How many calls of the hypervisor `act` makes.
fn calls<T>(fake: &Mutex<FakeXen>, act: impl FnOnce() -> T) -> (T, u32) {
    let before = fake.lock().unwrap().calls;
    let result = act();
    (result, fake.lock().unwrap().calls - before)
}

fn is_not_permitted(error: &HypervisorError) -> bool {
    matches!(error.kind(), HypervisorErrorKind::NotPermitted { .. })
}

#[test]
fn the_domains_of_every_release_and_architecture_are_read() {
    for minor in 10..=22 {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let (privcmd, _) = open(FakeXen {
                arch,
                ..FakeXen::new(minor, [5, 7, 0x7fef])
            });
            assert_eq!(privcmd.version().to_string(), format!("4.{minor}"));
            let listed = privcmd.domains().unwrap();
            assert_eq!(domids(&listed), [0, 5, 7, 0x7fef], "4.{minor} {arch:?}");
            for domain in listed {
                let single = privcmd.domain(domain.key.domid).unwrap().unwrap();
                assert_eq!((single.key, single.life), (domain.key, domain.life));
                let byte = domain.key.domid.get().to_le_bytes()[0];
                assert_eq!(domain.key.uuid, Uuid::from_bytes([byte; 16]));
            }
        }
    }
}

#[test]
fn the_next_domain_is_not_taken_for_an_absent_one() {
    for minor in 10..=22 {
        let (privcmd, _) = open(FakeXen::new(minor, [2]));
        assert_eq!(privcmd.domain(domid(1)).unwrap(), None, "4.{minor}");
        assert_eq!(privcmd.domain(domid(3)).unwrap(), None, "4.{minor}");
        assert!(privcmd.domain(domid(2)).unwrap().is_some());
    }
}

#[test]
fn a_look_up_takes_at_most_two_calls_and_opening_three() {
    for minor in 10..=22 {
        let (privcmd, fake) = open(FakeXen::new(minor, [2]));
        let opening = if minor >= 21 { 3 } else { 2 };
        assert_eq!(fake.lock().unwrap().calls, opening, "4.{minor}");
        for number in [0, 1, 2, 9] {
            let (_, calls) = calls(&fake, || privcmd.domain(domid(number)).unwrap());
            assert!(calls <= if minor >= 21 { 2 } else { 1 }, "4.{minor}");
        }
    }
}

#[test]
fn a_dying_domain_is_recognized_from_xen_4_21_on() {
    for minor in 10..=22 {
        let mut fake = FakeXen::new(minor, [1, 2, 3]);
        fake.domains[2].life = FakeLife::Dying;
        fake.domains[3].life = FakeLife::Dead;
        let (privcmd, _) = open(fake);
        let seen = |number| {
            let domain = privcmd.domain(domid(number)).unwrap().unwrap();
            (domain.life, domain.incarnation)
        };
        if minor >= 21 {
            assert_eq!(seen(1), (Life::Alive, Some(1_000_001)));
            assert_eq!(seen(2), (Life::Dying, Some(1_000_002)));
            assert_eq!(seen(3), (Life::Dead, Some(1_000_003)));
        } else {
            assert_eq!(seen(1), (Life::Alive, None));
            assert_eq!(seen(2), (Life::Alive, None));
            assert_eq!(seen(3), (Life::Dead, None));
        }
        let lives: Vec<_> = privcmd.domains().unwrap().iter().map(|d| d.life).collect();
        assert_eq!(lives, [Life::Alive, Life::Alive, Life::Alive, Life::Dead]);
    }
}

#[test]
fn a_domain_that_dies_during_a_look_up_is_dead() {
    let (privcmd, fake) = open(FakeXen::new(22, [1]));
    fake.lock().unwrap().dies_after_record = true;
    assert_eq!(privcmd.domain(domid(1)).unwrap().unwrap().life, Life::Dead);
}

#[test]
fn without_the_state_call_a_look_up_is_that_of_older_releases() {
    for errno in [Errno::ACCESS, Errno::PERM, Errno::NOSYS] {
        let mut fake = FakeXen::new(22, [1]);
        fake.refuse_state = Some(errno);
        let (privcmd, fake) = open(fake);
        let (domain, calls) = calls(&fake, || privcmd.domain(domid(1)).unwrap().unwrap());
        assert_eq!(
            (domain.life, domain.incarnation, calls),
            (Life::Alive, None, 1)
        );
    }
}

#[test]
fn a_state_call_refused_later_leaves_the_record() {
    let (privcmd, fake) = open(FakeXen::new(22, [1]));
    fake.lock().unwrap().refuse_state = Some(Errno::ACCESS);
    assert_eq!(privcmd.domain(domid(1)).unwrap().unwrap().incarnation, None);
    fake.lock().unwrap().refuse_state = Some(Errno::SRCH);
    assert_eq!(privcmd.domain(domid(1)).unwrap(), None);
    fake.lock().unwrap().refuse_state = Some(Errno::NOMEM);
    assert!(privcmd.domain(domid(1)).is_err());
}

#[test]
fn a_neighbours_domctl_version_is_found_and_remembered() {
    for (minor, domctl) in [(17, 0x16), (17, 0x12), (14, 0x0e), (22, 0x1f), (23, 0x19)] {
        let mut fake = FakeXen::new(minor, [2]);
        fake.domctl_version = domctl;
        let (privcmd, fake) = open(fake);
        let (found, calls) = calls(&fake, || privcmd.domain(domid(2)).unwrap());
        assert!(found.is_some() && calls <= 2, "4.{minor} with {domctl:#x}");
    }
}

#[test]
fn a_neighbours_sysctl_version_is_found_and_remembered() {
    let mut fake = FakeXen::new(20, [2]);
    fake.sysctl_version = 0x16;
    let (privcmd, fake) = open(fake);
    assert_eq!(domids(&privcmd.domains().unwrap()), [0, 2]);
    let (again, calls) = calls(&fake, || privcmd.domains().unwrap());
    assert_eq!((domids(&again), calls), (vec![0, 2], 1));
}

#[test]
fn if_every_version_is_refused_the_error_names_those_tried() {
    let mut fake = FakeXen::new(17, [2]);
    fake.refuse_domctl = Some(Errno::ACCESS);
    let error = fake.open().0.unwrap_err();
    assert!(is_not_permitted(&error));
    let text = error.kind().to_string();
    assert!(
        text.contains("Xen 4.17") && text.contains("(0x15, 0x16, 0x14, "),
        "{text}"
    );
    assert!(
        text.contains("security policy") && text.contains("version of its own"),
        "{text}"
    );

    let mut fake = FakeXen::new(40, [2]);
    fake.domctl_version = 0x77;
    let error = fake.open().0.unwrap_err();
    assert!(matches!(
        error.kind(),
        HypervisorErrorKind::Unsupported { .. }
    ));
    let text = error.kind().to_string();
    assert!(
        text.contains("Xen 4.40") && text.contains("0x18, 0x19, 0x17"),
        "{text}"
    );
}

#[test]
fn in_another_domain_than_the_control_domain_opening_fails() {
    let mut fake = FakeXen::new(20, [2]);
    fake.refuse_domctl = Some(Errno::PERM);
    let (privcmd, fake) = fake.open();
    let error = privcmd.unwrap_err();
    assert!(is_not_permitted(&error));
    assert!(error.kind().to_string().contains("control domain"));
    assert_eq!(fake.lock().unwrap().calls, 2);
}

#[test]
fn a_hidden_domain_is_unknown_and_not_absent() {
    for minor in [17, 18, 22] {
        let mut fake = FakeXen::new(minor, [2, 3]);
        fake.hidden = vec![2];
        let (privcmd, _) = open(fake);
        assert!(is_not_permitted(&privcmd.domain(domid(2)).unwrap_err()));
        assert_eq!(domids(&privcmd.domains().unwrap()), [0, 3]);
    }
}

#[test]
fn a_call_with_an_unreachable_buffer_is_repeated_five_times() {
    let (privcmd, fake) = open(FakeXen::new(22, [2]));
    for faults in 1..ATTEMPTS_MAX {
        fake.lock().unwrap().faults = faults;
        assert!(privcmd.domain(domid(2)).unwrap().is_some());
        fake.lock().unwrap().faults = faults;
        assert_eq!(domids(&privcmd.domains().unwrap()), [0, 2]);
    }
    fake.lock().unwrap().faults = u32::MAX;
    let (error, calls) = calls(&fake, || privcmd.domain(domid(2)).unwrap_err());
    assert_eq!(calls, ATTEMPTS_MAX);
    assert!(matches!(error.kind(), HypervisorErrorKind::Failed { .. }));
    let cause = error.source().unwrap().source().unwrap().to_string();
    assert!(cause.contains("Bad address"), "{cause}");
    assert!(
        FakeXen {
            faults: 4,
            ..FakeXen::new(14, [])
        }
        .open()
        .0
        .is_ok()
    );
}

#[test]
fn a_list_takes_one_call_for_each_256_domains() {
    for (count, expected) in [(0, 1), (49, 1), (254, 1), (255, 2), (256, 2), (599, 3)] {
        let (privcmd, fake) = open(FakeXen::new(17, 1..=count));
        privcmd.domains().unwrap();
        let (listed, calls) = calls(&fake, || privcmd.domains().unwrap());
        assert_eq!(domids(&listed), (0..=count).collect::<Vec<_>>());
        assert_eq!(calls, expected, "{count} guests");
    }
}

#[test]
fn a_list_has_a_domain_once_though_domains_come_and_go() {
    let (privcmd, fake) = open(FakeXen::new(17, 1..400));
    privcmd.domains().unwrap();
    {
        let mut fake = fake.lock().unwrap();
        fake.domains = domains(0..400);
        // The domains below 300 end, listed ones among them, and a new domain starts.
        fake.then
            .push_back(domains((0..1).chain(300..400).chain([500])));
    }
    let listed = domids(&privcmd.domains().unwrap());
    assert_eq!(
        listed,
        (0..256).chain(300..400).chain([500]).collect::<Vec<_>>()
    );
    let listed = domids(&privcmd.domains().unwrap());
    assert_eq!(
        listed,
        (0..1).chain(300..400).chain([500]).collect::<Vec<_>>()
    );
}

#[test]
fn the_highest_domid_ends_a_full_list() {
    let last = 0x7fef;
    let (privcmd, _) = open(FakeXen::new(17, last - 254..=last));
    let listed = domids(&privcmd.domains().unwrap());
    assert_eq!((listed.len(), listed[255]), (256, last));
}

#[test]
fn if_lists_are_refused_every_domid_is_looked_up() {
    for minor in [10, 14, 17, 18, 20, 22] {
        for refusal in [Errno::ACCESS, Errno::PERM, Errno::NOSYS] {
            let mut fake = FakeXen::new(minor, [1, 2, 900, 0x7000]);
            fake.refuse_sysctl = Some(refusal);
            fake.hidden = vec![2];
            let (privcmd, fake) = open(fake);
            for _ in 0..2 {
                assert_eq!(
                    domids(&privcmd.domains().unwrap()),
                    [0, 1, 900, 0x7000],
                    "4.{minor}"
                );
            }
            // Look-ups only, and few if the hypervisor answers with the next domain.
            let (_, calls) = calls(&fake, || privcmd.domains().unwrap());
            assert!(
                calls <= if minor <= 17 { 6 } else { 0x7ff0 },
                "4.{minor}: {calls}"
            );
        }
    }
}

#[test]
fn a_list_of_an_unknown_version_is_not_decoded() {
    let mut fake = FakeXen::new(23, [1, 2]);
    fake.sysctl_version = 0x17;
    let (privcmd, _) = open(fake);
    assert_eq!(domids(&privcmd.domains().unwrap()), [0, 1, 2]);
}

#[test]
fn a_list_that_fails_otherwise_is_an_error() {
    let mut fake = FakeXen::new(17, [1]);
    fake.refuse_sysctl = Some(Errno::NOMEM);
    let (privcmd, fake) = open(fake);
    assert!(privcmd.domains().is_err());
    fake.lock().unwrap().refuse_sysctl = None;
    assert_eq!(domids(&privcmd.domains().unwrap()), [0, 1]);
}

/// A hypervisor that answers with the bytes given here.
#[derive(Debug, Clone)]
struct AnyBytes {
    domctl: Vec<u8>,
    records: Vec<u8>,
    listed: u32,
}

impl Hypercall for AnyBytes {
    fn xen_version(&self) -> Result<u32, Refusal> {
        Ok(4 << 16 | 22)
    }

    fn domctl(&self, request: &domctl::Request) -> Result<[u8; domctl::SIZE], Refusal> {
        let mut answer = *request.bytes();
        // The answer for domain 0 is valid, so that opening succeeds.
        if answer[8..10] != [0, 0] {
            answer[16..].copy_from_slice(&self.domctl);
        }
        Ok(answer)
    }

    fn sysctl(&self, request: &sysctl::Request) -> Result<sysctl::Answer, Refusal> {
        let mut answer = request.to_buffer(0);
        answer[24..28].copy_from_slice(&self.listed.to_le_bytes());
        Ok(sysctl::Answer::new(answer, self.records.clone()))
    }
}

#[test]
fn a_record_of_a_lower_domid_is_malformed() {
    let mut any_bytes = AnyBytes {
        domctl: vec![0; 128],
        records: vec![],
        listed: 0,
    };
    any_bytes.domctl[0] = 4;
    let privcmd = Privcmd::over(Box::new(any_bytes), Arch::X86_64).unwrap();
    let error = privcmd.domain(domid(5)).unwrap_err();
    assert!(matches!(
        error.kind(),
        HypervisorErrorKind::Malformed { .. }
    ));
    assert_eq!(privcmd.domain(domid(3)).unwrap(), None);
}

#[test]
fn memory_that_cannot_be_locked_is_not_a_refusal_by_xen() {
    let error = Refusal::Buffer(Errno::PERM).into_error("look up domain 5");
    assert!(matches!(error.kind(), HypervisorErrorKind::Failed { .. }));
    assert_eq!(error.to_string(), "cannot look up domain 5");
}

proptest! {
    #[test]
    fn no_answer_panics(
        domctl in proptest::collection::vec(any::<u8>(), 128),
        records in proptest::collection::vec(any::<u8>(), 0..1000),
        listed in prop_oneof![0_u32..10, any::<u32>()],
        asked in 1..0x7ff0_u16,
    ) {
        let any_bytes = AnyBytes { domctl, records, listed };
        let privcmd = Privcmd::over(Box::new(any_bytes), Arch::X86_64).unwrap();
        if let Ok(Some(domain)) = privcmd.domain(domid(asked)) {
            prop_assert_eq!(domain.key.domid.get(), asked);
        }
        if let Ok(listed) = privcmd.domains() {
            prop_assert!(listed.is_sorted_by(|a, b| a.key.domid < b.key.domid));
        }
    }
}
