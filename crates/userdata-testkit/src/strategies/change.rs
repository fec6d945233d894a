//! `Change`: a change of a store, as data.

use std::collections::BTreeMap;

use proptest::prelude::*;
use userdata_core::store::{Done, Durability, Expect, Keep, Op, StoreError};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store, Userid, WritableUserid};

use super::{domain_key, values, writable_userids};

/// One change of one domain's data. It can be applied to a store, and to a map that is its model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The domain whose data is changed.
    pub domain: DomainKey,
    /// The change itself.
    pub what: What,
}

/// A change of the data of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Puts a value.
    Put(WritableUserid, Vec<u8>),
    /// Removes a value.
    Delete(WritableUserid),
    /// Removes many values.
    Clear(Keep),
}

impl Change {
    /// A change of this domain's data.
    #[must_use]
    pub const fn new(domain: DomainKey, what: What) -> Self {
        Self { domain, what }
    }

    /// Applies the change to a store. It is always admitted, with [`Durability::Process`].
    ///
    /// # Errors
    ///
    /// Those of [`Store::change`].
    pub fn apply(&self, store: &dyn Store) -> Result<Vec<Done>, StoreError> {
        let durability = Durability::Process;
        let expect = Expect::Any;
        let op = match &self.what {
            What::Put(userid, data) => match NonEmpty::new(data) {
                Some(data) => Op::Put {
                    userid,
                    data,
                    expect,
                    durability,
                },
                None => Op::Delete {
                    userid: userid.as_userid(),
                    expect,
                    durability,
                },
            },
            What::Delete(userid) => Op::Delete {
                userid: userid.as_userid(),
                expect,
                durability,
            },
            What::Clear(keep) => Op::Clear {
                keep: *keep,
                durability,
            },
        };
        store.change(
            &self.domain,
            std::time::Duration::from_secs(10),
            &mut |_| Ok(()),
            &[op],
        )
    }

    /// Applies the change to a map of all values, as a correct store would.
    pub fn apply_to_map(&self, map: &mut BTreeMap<(DomainKey, Userid), Vec<u8>>) {
        let domain = self.domain;
        match &self.what {
            What::Put(userid, data) => {
                map.insert((domain, userid.clone().into()), data.clone());
            }
            What::Delete(userid) => {
                map.remove(&(domain, userid.clone().into()));
            }
            What::Clear(Keep::Essential) => {
                map.retain(|(owner, userid), _| *owner != domain || userid.is_libxl_json());
            }
            What::Clear(_) => map.retain(|(owner, _), _| *owner != domain),
        }
    }
}

/// Draws a change of one of a few domains, mostly under one of a few userids.
pub fn change() -> impl Strategy<Value = Change> {
    let userid = prop_oneof![
        9 => writable_userids(),
        1 => Just(WritableUserid::libxl_json()),
    ];
    let what = prop_oneof![
        6 => (userid.clone(), values()).prop_map(|(userid, data)| What::Put(userid, data)),
        2 => userid.prop_map(What::Delete),
        1 => proptest::sample::select(&[Keep::Essential, Keep::Nothing][..]).prop_map(What::Clear),
    ];
    (domain_key(), what).prop_map(|(domain, what)| Change { domain, what })
}
