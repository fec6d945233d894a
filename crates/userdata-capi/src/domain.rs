//! The domain and the userid of a call.

use userdata::{DomainKey, Domid, Target, Userid, Uuid, WritableUserid};

use crate::failure::Failure;

/// The domain of a call: with a uuid one incarnation, without one the domain that has the domid.
pub(crate) fn target(domid: u32, uuid: Option<[u8; 16]>) -> Result<Target, Failure> {
    let domid = Domid::try_from(domid).map_err(|source| Failure::Domid { domid, source })?;
    Ok(match uuid {
        Some(bytes) => DomainKey::new(domid, Uuid::from_bytes(bytes)).into(),
        None => domid.into(),
    })
}

/// A userid under which a value may be stored.
pub(crate) fn writable(bytes: Option<&[u8]>) -> Result<WritableUserid, Failure> {
    WritableUserid::new(bytes.ok_or(Failure::Null("userid"))?).map_err(Failure::Userid)
}

/// A userid of a value that another program may have stored.
pub(crate) fn existing(bytes: Option<&[u8]>) -> Result<Userid, Failure> {
    Userid::new(bytes.ok_or(Failure::Null("userid"))?).map_err(Failure::Userid)
}
