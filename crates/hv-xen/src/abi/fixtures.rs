//! Every release's layouts on both architectures, as `fixtures/layouts.c` prints them.

use super::{Arch, RELEASES, Release, domctl, sysctl};

/// The sections of a file in `fixtures/`: a name at the start of a line, then lines of hex.
struct Fixture {
    minor: u16,
    arch: Arch,
    text: &'static str,
}

impl Fixture {
    fn bytes(&self, name: &str) -> Vec<u8> {
        let mut lines = self.text.lines().skip_while(|line| *line != name).skip(1);
        let digits: String = lines
            .by_ref()
            .map_while(|line| line.strip_prefix("  "))
            .collect();
        let pairs = digits.as_bytes().chunks(2);
        let text = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
        text.map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect()
    }

    fn release(&self) -> Release {
        *RELEASES
            .iter()
            .find(|release| release.version.minor == self.minor)
            .unwrap()
    }
}

macro_rules! fixtures {
    ($($minor:literal),*) => {
        [$(
            Fixture {
                minor: $minor,
                arch: Arch::X86_64,
                text: include_str!(concat!("../../fixtures/4.", $minor, "-x86_64.txt")),
            },
            Fixture {
                minor: $minor,
                arch: Arch::Aarch64,
                text: include_str!(concat!("../../fixtures/4.", $minor, "-arm64.txt")),
            },
        )*]
    };
}

static FIXTURES: [Fixture; 26] = fixtures![10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

#[test]
fn requests_for_one_domain_are_laid_out_as_the_headers_say() {
    for fixture in &FIXTURES {
        let ours = domctl::get_domain_info(fixture.release().domctl, 0x0123);
        assert_eq!(
            ours[..],
            fixture.bytes("get_domain_info"),
            "4.{}",
            fixture.minor
        );
    }
}

#[test]
fn answers_about_one_domain_are_read_in_every_release() {
    for fixture in &FIXTURES {
        let info = domctl::domain_info(&fixture.bytes("domain_info")).unwrap();
        assert_eq!(info.domid, 0x0123, "4.{}", fixture.minor);
        assert_eq!(
            info.handle,
            *b"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
        );
        assert!(info.is_shut_down() && !info.is_dead());
    }
}

#[test]
fn requests_for_all_domains_are_laid_out_as_the_headers_say() {
    for fixture in &FIXTURES {
        let version = fixture.release().sysctl;
        let ours = sysctl::get_domain_info_list(version, 7, 4, 0x1122_3344_5566_7788);
        assert_eq!(
            ours[..],
            fixture.bytes("get_domain_info_list"),
            "4.{}",
            fixture.minor
        );
    }
}

#[test]
fn lists_are_read_in_every_release_on_both_architectures() {
    for fixture in &FIXTURES {
        let (answer, records) = (fixture.bytes("domain_info_list"), fixture.bytes("records"));
        let stride = sysctl::stride(fixture.release().sysctl, fixture.arch).unwrap();
        assert_eq!(
            records.len(),
            4 * stride,
            "4.{} {:?}",
            fixture.minor,
            fixture.arch
        );
        let domains = sysctl::domain_info_list(&answer, &records, stride, 7).unwrap();
        let seen: Vec<_> = domains
            .iter()
            .map(|d| (d.domid, d.handle[0], d.is_dead()))
            .collect();
        let crashed = (0x0123, 0xa0, false);
        assert_eq!(seen, [(7, 0x10, false), crashed, (0x7fef, 0xf0, true)]);
    }
}

#[test]
fn the_stable_state_call_is_laid_out_as_the_headers_say() {
    let stable = FIXTURES
        .iter()
        .filter(|f| f.release().version >= domctl::STATE_SINCE);
    let mut releases = 0;
    for fixture in stable {
        assert_eq!(
            domctl::get_domain_state(0x0123)[..],
            fixture.bytes("get_domain_state")
        );
        let state = domctl::domain_state(&fixture.bytes("domain_state")).unwrap();
        assert_eq!(state.unique_id, 0x0123_4567_89ab_cdef);
        assert!(state.is_dying() && !state.is_dead());
        releases += 1;
    }
    assert_eq!(releases, 4);
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decode_or_are_refused(
            answer in proptest::collection::vec(any::<u8>(), 0..160),
            list in proptest::collection::vec(any::<u8>(), 0..700),
            stride in 0_usize..200,
            first in any::<u16>(),
        ) {
            let short = answer.len() < 108;
            prop_assert!(!short || domctl::domain_info(&answer).is_err());
            prop_assert_eq!(domctl::domain_state(&answer).is_err(), answer.len() < 32);
            if let Ok(domains) = sysctl::domain_info_list(&answer, &list, stride, first) {
                prop_assert!(domains.len() * stride <= list.len());
                prop_assert!(domains.is_sorted_by(|a, b| a.domid < b.domid));
                prop_assert!(domains.iter().all(|d| (first..0x7ff0).contains(&d.domid)));
            }
        }
    }
}
