//! Serialisation of the types that are written as text: `Display` writes them, and their parser
//! reads them.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hypervisor::BootId;
use crate::{DomainKey, Userid, Version, WritableUserid};

fn parsed<'de, D, T, E: Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

macro_rules! as_text {
    ($($type:ty: $parse:expr),* $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer, $parse)
            }
        }
    )*};
}

as_text! {
    BootId: BootId::from_str,
    DomainKey: DomainKey::from_str,
    Userid: Userid::from_escaped,
    Version: Version::from_str,
    WritableUserid: |text: &str| {
        Userid::from_escaped(text).and_then(|userid| WritableUserid::new(userid.as_bytes()))
    },
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::store::Durability;
    use crate::{Domid, Life};

    fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(serde_json::from_str::<T>(text).unwrap(), value);
    }

    #[test]
    fn every_type_reads_back_from_its_own_text() {
        let key = "5.11111111-2222-3333-4444-abcdef555555";
        reads_back(key.parse::<DomainKey>().unwrap(), &format!("\"{key}\""));
        reads_back(Domid::new(5).unwrap(), "5");
        reads_back(Life::Dying, "\"dying\"");
        reads_back(Durability::Full, "\"full\"");
        reads_back(Userid::new(b"a\xff'").unwrap(), r#""a\\xff\\'""#);
        reads_back(WritableUserid::new("a'b").unwrap(), r#""a\\'b""#);
        reads_back(BootId::from_str("a-1").unwrap(), "\"a-1\"");
        let version = Version::of(b"abc");
        reads_back(version, &format!("\"{version}\""));
    }

    #[test]
    fn values_that_break_a_rule_are_refused() {
        assert!(serde_json::from_str::<Domid>("32752").is_err());
        assert!(serde_json::from_str::<Userid>(r#""a/b""#).is_err());
        assert!(serde_json::from_str::<Userid>(r#""a\\q""#).is_err());
        assert!(serde_json::from_str::<WritableUserid>("\"libxl-json\"").is_err());
    }
}
