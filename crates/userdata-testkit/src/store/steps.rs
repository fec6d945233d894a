//! Steps that the statements about a store share.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{
    Done, Durability, Expect, Keep, Op, Refused, StoreError, StoreErrorKind,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Userid, Uuid, WritableUserid};

/// A timeout that is reached only if the store waits for ever.
pub(super) const PATIENT: Duration = Duration::from_secs(120);

/// The domain with this domid and the uuid of this number.
pub(super) fn domain(domid: u16, uuid: u128) -> DomainKey {
    let domid = Domid::new(domid).expect("a domid below the reserved ones");
    DomainKey::new(domid, Uuid::from_u128(uuid))
}

/// Any userid that libxl accepts, hostile ones included.
pub(super) fn userid(bytes: impl AsRef<[u8]>) -> WritableUserid {
    WritableUserid::as_libxl_accepts(bytes).expect("a userid that libxl accepts")
}

pub(super) const fn put<'a>(userid: &'a WritableUserid, data: &'a [u8]) -> Op<'a> {
    put_if(userid, data, Expect::Any)
}

pub(super) const fn put_if<'a>(
    userid: &'a WritableUserid,
    data: &'a [u8],
    expect: Expect,
) -> Op<'a> {
    Op::Put {
        userid,
        data: NonEmpty::new(data).expect("a value has at least one byte"),
        expect,
        durability: Durability::Process,
    }
}

pub(super) const fn delete(userid: &Userid) -> Op<'_> {
    delete_if(userid, Expect::Any)
}

pub(super) const fn delete_if(userid: &Userid, expect: Expect) -> Op<'_> {
    Op::Delete {
        userid,
        expect,
        durability: Durability::Process,
    }
}

pub(super) const fn clear(keep: Keep) -> Op<'static> {
    Op::Clear {
        keep,
        durability: Durability::Process,
    }
}

/// A change that is always admitted.
pub(super) fn try_change(
    store: &dyn Store,
    domain: &DomainKey,
    ops: &[Op<'_>],
) -> Result<Vec<Done>, StoreError> {
    store.change(domain, PATIENT, &mut |_| Ok(()), ops)
}

/// A change that is always admitted; panics if it fails.
#[track_caller]
pub(super) fn change(store: &dyn Store, domain: &DomainKey, ops: &[Op<'_>]) -> Vec<Done> {
    let done = try_change(store, domain, ops).expect("an admitted change is made");
    assert_eq!(done.len(), ops.len(), "one answer for each op");
    done
}

#[track_caller]
pub(super) fn store(store: &dyn Store, domain: &DomainKey, userid: &WritableUserid, data: &[u8]) {
    match &*change(store, domain, &[put(userid, data)]) {
        [Done::Stored { .. }] => {}
        other => panic!("storing {} bytes answered {other:?}", data.len()),
    }
}

#[track_caller]
pub(super) fn get(store: &dyn Store, domain: &DomainKey, userid: &Userid) -> Option<Vec<u8>> {
    let value = store
        .get(domain, userid)
        .expect("a value is read or absent");
    value.map(userdata_core::Value::into_bytes)
}

/// Whether the admission of a change of this domain sees a closing mark.
#[track_caller]
pub(super) fn is_closing(store: &dyn Store, domain: &DomainKey) -> bool {
    let mut closing = None;
    let mut admit = |state: &userdata_core::store::State| {
        closing = Some(state.closing);
        Ok(())
    };
    store
        .change(domain, PATIENT, &mut admit, &[])
        .expect("a change of nothing is made");
    closing.expect("a change asks whether it is admitted")
}

/// Every value of every domain, by its owner and userid.
pub(super) type Contents = BTreeMap<(Owner, Userid), Vec<u8>>;

/// Every value in the store.
#[track_caller]
pub(super) fn contents(store: &dyn Store) -> Contents {
    let mut found = Vec::new();
    let scanned = store.scan(&mut |record| {
        if record.kind == Kind::Data {
            found.push((record.owner, record.entry.userid));
        }
        ControlFlow::Continue(())
    });
    scanned.expect("a store is scanned");
    let mut contents = Contents::new();
    for (owner, userid) in found {
        // If the store's names have no domid, any domid finds the value.
        let key = DomainKey::new(owner.domid.unwrap_or(Domid::ZERO), owner.uuid);
        let bytes = get(store, &key, &userid).expect("a value that a scan shows is there");
        let earlier = contents.insert((owner, userid), bytes);
        assert!(earlier.is_none(), "a scan shows one value twice");
    }
    contents
}

/// Panics unless a change was refused with `wanted`.
#[track_caller]
pub(super) fn assert_refused<T>(result: Result<T, StoreError>, wanted: &Refused) {
    match result {
        Ok(_) => panic!("a refused change is made"),
        Err(error) => match error.kind() {
            StoreErrorKind::Refused(refused) => {
                assert_eq!(format!("{refused:?}"), format!("{wanted:?}"));
            }
            other => panic!("a refused change failed as {other:?}"),
        },
    }
}

/// Panics unless a comparison failed because the store has `there`.
#[track_caller]
pub(super) fn assert_differs<T>(result: Result<T, StoreError>, there: Option<&[u8]>) {
    match result {
        Ok(_) => panic!("a change is made although its comparison is false"),
        Err(error) => match error.kind() {
            StoreErrorKind::PreconditionFailed { found } => {
                assert_eq!(*found, there.map(userdata_core::Version::of));
            }
            other => panic!("a comparison failed as {other:?}"),
        },
    }
}
