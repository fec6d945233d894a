//! Pseudorandom numbers: each is a function of the host's seed, a purpose and a counter.
//!
//! They do not come from a stream. So a host need not keep the state of a generator, and a new
//! purpose does not change the other numbers.

use userdata_core::Uuid;

/// The purpose of a number. Numbers of one seed for two purposes are unrelated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    DomainUuid = 1,
    BootId = 2,
    SpuriousEvent = 3,
}

/// The `index`th number of this purpose.
pub(crate) const fn number(seed: u64, purpose: Purpose, index: u64) -> u64 {
    mix(mix(seed ^ mix(purpose as u64)).wrapping_add(index.wrapping_mul(GAMMA)))
}

/// The `index`th uuid of this purpose, in the layout of version 4.
pub(crate) fn uuid(seed: u64, purpose: Purpose, index: u64) -> Uuid {
    let high = number(seed, purpose, index.wrapping_mul(2));
    let low = number(seed, purpose, index.wrapping_mul(2).wrapping_add(1));
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of splitmix64, a bijection.
const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(GAMMA);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // The first three numbers of the published generator with seed 1234567.
        let seed = 1_234_567_u64;
        let stream = [0, 1, 2].map(|n: u64| mix(seed.wrapping_add(n.wrapping_mul(GAMMA))));
        assert_eq!(
            stream,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn uuids_have_version_4_and_differ() {
        let drawn: Vec<_> = (0..1000)
            .map(|index| uuid(7, Purpose::DomainUuid, index))
            .collect();
        for uuid in &drawn {
            assert_eq!(uuid.get_version_num(), 4);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        }
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 1000);
        assert_ne!(
            uuid(7, Purpose::DomainUuid, 1),
            uuid(8, Purpose::DomainUuid, 1)
        );
        assert_ne!(uuid(7, Purpose::DomainUuid, 1), uuid(7, Purpose::BootId, 1));
    }
}
