//! Strategies for values.

use proptest::prelude::*;

/// Draws the bytes of a value: mostly a few, sometimes about the size of a block, and never none.
pub fn values() -> impl Strategy<Value = Vec<u8>> {
    let around_a_block = (4094_usize..4099, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 1..64),
        1 => around_a_block,
        1 => Just(b"{}\0".to_vec()),
    ]
}
