//! Strategies for domains.

use proptest::prelude::*;
use userdata_core::{DomainKey, Domid, Uuid};

const fn hot(domid: u16, uuid: u128) -> DomainKey {
    match Domid::new(domid) {
        Ok(domid) => DomainKey::new(domid, Uuid::from_u128(uuid)),
        Err(_) => panic!("a domid below the reserved ones"),
    }
}

const A: u128 = 0x1111_1111_2222_3333_4444_abcd_ef55_5555;
const B: u128 = 0xdead_beef_dead_beef_dead_beef_0000_0005;

/// A few domains that collide in all ways that are possible: domid 5 beside 50 and 55, one uuid
/// under two domids, one domid under two uuids, and domain 0 with its uuid of zeros.
pub const HOT_DOMAINS: &[DomainKey] = &[
    hot(0, 0),
    hot(5, A),
    hot(50, A),
    hot(5, B),
    hot(55, B),
    hot(50, 0),
    hot(Domid::MAX.get(), u128::MAX),
];

/// Draws one of [`HOT_DOMAINS`].
pub fn domain_key() -> impl Strategy<Value = DomainKey> {
    proptest::sample::select(HOT_DOMAINS)
}

/// Draws any possible domain.
pub fn domain_keys() -> impl Strategy<Value = DomainKey> {
    let any = (0..=Domid::MAX.get(), any::<u128>()).prop_map(|(domid, uuid)| hot(domid, uuid));
    prop_oneof![domain_key(), any]
}
