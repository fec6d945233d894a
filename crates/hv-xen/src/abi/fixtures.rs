//! The layouts of every release on both architectures, as `fixtures/layouts.c` prints them.

use userdata_core::Domid;

use super::sysctl::Layout;
use super::{Arch, RELEASES, Release, domctl, sysctl};

const SEVEN: Domid = domid(7);
const CRASHED: Domid = domid(0x0123);

const fn domid(number: u16) -> Domid {
    match Domid::new(number) {
        Ok(domid) => domid,
        Err(_) => Domid::ZERO,
    }
}

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

    fn layout(&self) -> Layout {
        Layout::known(self.release().sysctl, self.arch).unwrap()
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

static FIXTURES: &[Fixture] = &fixtures![10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

#[test]
fn requests_for_one_domain_are_laid_out_as_the_headers_say() {
    for fixture in FIXTURES {
        let ours = domctl::get_domain_info(fixture.release().domctl, CRASHED);
        assert_eq!(
            ours.bytes()[..],
            fixture.bytes("get_domain_info"),
            "4.{}",
            fixture.minor
        );
    }
}

#[test]
fn answers_about_one_domain_are_read_in_every_release() {
    for fixture in FIXTURES {
        let info = domctl::domain_info(&fixture.bytes("domain_info")).unwrap();
        let expected = "291.a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf";
        assert_eq!(info.key.to_string(), expected, "4.{}", fixture.minor);
        assert!(info.is_shut_down() && !info.is_dead());
    }
}

#[test]
fn requests_for_all_domains_are_laid_out_as_the_headers_say() {
    for fixture in FIXTURES {
        let ours = sysctl::get_domain_info_list(fixture.layout(), SEVEN, 4);
        let ours = ours.to_buffer(0x1122_3344_5566_7788);
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
    for fixture in FIXTURES {
        let request = fixture.bytes("domain_info_list").try_into().unwrap();
        let answer = sysctl::Answer::new(request, fixture.bytes("records"));
        let stride = fixture.layout().stride();
        let length = fixture.bytes("records").len();
        assert_eq!(length, 4 * stride, "4.{} {:?}", fixture.minor, fixture.arch);
        let domains = sysctl::domain_info_list(&answer, fixture.layout(), SEVEN).unwrap();
        let seen: Vec<_> = domains
            .iter()
            .map(|d| (d.key.to_string(), d.is_dead()))
            .collect();
        let expected = [
            ("7.10111213-1415-1617-1819-1a1b1c1d1e1f", false),
            ("291.a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf", false),
            ("32751.f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff", true),
        ];
        assert_eq!(seen, expected.map(|(key, dead)| (key.to_owned(), dead)));
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
            domctl::get_domain_state(CRASHED).bytes()[..],
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
            request in any::<[u8; 32]>(),
            records in proptest::collection::vec(any::<u8>(), 0..700),
            version in 0x10_u32..=0x16,
            first in 0..=Domid::MAX.get(),
        ) {
            let short = answer.len() < 108;
            prop_assert!(!short || domctl::domain_info(&answer).is_err());
            prop_assert_eq!(domctl::domain_state(&answer).is_err(), answer.len() < 32);
            let first = Domid::new(first).unwrap();
            let length = records.len();
            let layout = Layout::known(version, Arch::Aarch64).unwrap();
            let mut bytes = [0; sysctl::SIZE];
            bytes[..32].copy_from_slice(&request);
            // Mostly a count that may be right.
            bytes[25..28].fill(0);
            let answer = sysctl::Answer::new(bytes, records);
            if let Ok(domains) = sysctl::domain_info_list(&answer, layout, first) {
                prop_assert!(domains.len() * layout.stride() <= length);
                prop_assert!(domains.is_sorted_by(|a, b| a.key.domid < b.key.domid));
                prop_assert!(domains.iter().all(|d| d.key.domid >= first));
            }
        }
    }
}
