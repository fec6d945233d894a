//! The calls of this library.

use hv_sim::SimHost;
use userdata::{Userdata, UserdataError};
use userdata_core::store::Durability;
use userdata_core::store::Expect;
use userdata_core::userid::UseridError;
use userdata_core::{Domid, Userid, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};

use crate::answer::Answer;
use crate::step::{By, Call};

/// This library on a simulated host and a real directory.
pub(crate) type Ours = Userdata<SimHost, FileStore<OsDirectory>>;

/// Makes a call. A destroy also destroys the domain on the host.
pub(crate) fn call(ours: &Ours, host: &SimHost, call: &Call, by: By) -> Answer {
    let done = match call {
        Call::Store {
            domid,
            userid,
            data,
        } => writable(userid, by).map(|userid| ours.store(*domid, &userid, data).into()),
        Call::StoreNegative { .. } => Ok(Answer::Inexpressible),
        Call::Retrieve { domid, userid } => {
            Userid::new(userid).map(|userid| ours.retrieve(*domid, &userid).into())
        }
        Call::Remove { domid, userid } => {
            Userid::new(userid).map(|userid| remove(ours, *domid, &userid, by).into())
        }
        Call::Destroy { domid } => Ok(ours.destroy(*domid, |key| host.destroy(key.domid)).into()),
    };
    done.unwrap_or(Answer::Refused)
}

fn writable(userid: &[u8], by: By) -> Result<WritableUserid, UseridError> {
    match by {
        By::UsAsLibxl => WritableUserid::as_libxl_accepts(userid),
        _ => WritableUserid::new(userid),
    }
}

fn remove(
    ours: &Ours,
    domid: Domid,
    userid: &Userid,
    by: By,
) -> Result<userdata::Outcome, UserdataError> {
    if by == By::UsAsLibxl && userid.is_libxl_json() {
        ours.remove_libxl_json(domid, Expect::Any)
    } else {
        ours.remove(domid, userid)
    }
}

/// Opens this library in a directory, with [`Durability::Process`].
pub(crate) fn open(
    host: &SimHost,
    directory: &std::path::Path,
) -> Result<Ours, userdata_core::store::StoreError> {
    let store = FileStore::open(directory)?;
    Ok(Userdata::new(host.clone(), store).with_durability(Durability::Process))
}
