//! A domid in JSON: a number from 0 to 32751.

use serde::{Deserialize, Deserializer, Serializer};
use userdata_core::Domid;

pub(crate) fn serialize<S: Serializer>(domid: &Domid, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(domid.get())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Domid, D::Error> {
    Domid::new(u16::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// The same, or null.
pub(crate) mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use userdata_core::Domid;

    pub(crate) fn serialize<S: Serializer>(
        domid: &Option<Domid>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        domid.map(Domid::get).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Domid>, D::Error> {
        Option::<u16>::deserialize(from)?
            .map(Domid::new)
            .transpose()
            .map_err(serde::de::Error::custom)
    }
}
