//! `Subject` and `Slot`: a domain, and one of its values, with their names in every form that a
//! peer needs, so that no peer pays for making them.

use anyhow::Result;
use userdata_bench::crowd::Crowd;
use userdata_core::{DomainKey, WritableUserid};

/// The first number of the domains that are measured; other domains have smaller ones.
pub const FIRST: u32 = 24_000;

/// A domain.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its domid and uuid.
    pub key: DomainKey,
    /// Its uuid as text.
    pub uuid: String,
}

impl Subject {
    /// The domain of this number.
    ///
    /// # Errors
    ///
    /// If the number is above the last domid.
    pub fn new(number: u32) -> Result<Self> {
        let key = Crowd::key(number)?;
        Ok(Self {
            key,
            uuid: key.uuid.to_string(),
        })
    }

    /// Its value of this number.
    ///
    /// # Errors
    ///
    /// Never: the userid is a valid one.
    pub fn slot(&self, number: u32) -> Result<Slot> {
        self.named(number, format!("value-{number}"))
    }

    /// Its value under this userid.
    ///
    /// # Errors
    ///
    /// If it is not a userid.
    pub fn named(&self, number: u32, userid: String) -> Result<Slot> {
        Ok(Slot {
            domain: self.clone(),
            number,
            name: format!("{}/{userid}", self.uuid),
            userid: WritableUserid::new(userid)?,
        })
    }

    /// The domain of this domid.
    ///
    /// # Errors
    ///
    /// If it is not one of these.
    pub fn of_domid(domid: u32) -> Result<Self> {
        Self::new(domid.saturating_sub(1))
    }
}

/// A value of a domain.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Whose it is.
    pub domain: Subject,
    /// Its number, which is in its userid.
    pub number: u32,
    /// Its userid.
    pub userid: WritableUserid,
    /// Both as one name, `UUID/USERID`: a path, or a key of a database.
    pub name: String,
}

impl Slot {
    /// Its userid as text.
    #[must_use]
    pub fn userid(&self) -> &str {
        self.name
            .split_once('/')
            .map_or(self.name.as_str(), |(_, userid)| userid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domid_gives_the_domain_of_its_number() {
        for number in [0, 7, FIRST] {
            let domain = Subject::new(number).unwrap();
            let again = Subject::of_domid(u32::from(domain.key.domid.get())).unwrap();
            assert_eq!(again.key, domain.key);
        }
        let slot = Subject::new(3).unwrap().slot(9).unwrap();
        assert_eq!(slot.userid(), "value-9");
    }
}
