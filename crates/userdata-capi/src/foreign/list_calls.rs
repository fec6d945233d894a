//! `userdata_list_get` and the getters, called from Rust: see `calls`.

use std::ffi::CStr;
use std::ptr;

use super::calls::{At, Domain, NOWHERE, checked, with_uuid};
use super::list::{
    List, userdata_list_condition, userdata_list_count, userdata_list_find, userdata_list_free,
    userdata_list_get, userdata_list_size, userdata_list_userid,
};

/// A value in a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// Its userid.
    pub userid: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
    /// The code of its condition.
    pub condition: i32,
}

/// `userdata_list_get`, and all that the getters say of the list.
pub fn list(at: At<'_>, domain: Domain, place: bool) -> (i32, Option<Vec<Item>>) {
    let mut list = ptr::without_provenance_mut(NOWHERE);
    let list_r = if place {
        &raw mut list
    } else {
        ptr::null_mut()
    };
    let code = with_uuid(domain, |uuid| {
        // SAFETY: the pointers are as the header asks for, or null.
        at.call(|ctx| unsafe { userdata_list_get(ctx, domain.domid, uuid, list_r) })
    });
    if !place {
        return (code, None);
    }
    assert_eq!(!list.is_null(), code == 0, "a list with {code}");
    let items = items(list);
    // SAFETY: it is null or a list, and not used again.
    unsafe { userdata_list_free(list) };
    (code, (code == 0).then_some(items))
}

/// What the getters say of a list, or of a null pointer.
fn items(list: *const List) -> Vec<Item> {
    // SAFETY: it is null or a list.
    let count = unsafe { userdata_list_count(list) };
    let userid = |index| {
        // SAFETY: as above.
        let userid = unsafe { userdata_list_userid(list, index) };
        // SAFETY: the string is there as long as the list.
        (!userid.is_null()).then(|| unsafe { CStr::from_ptr(userid) })
    };
    // SAFETY: it is null or a list.
    let size = |index| unsafe { userdata_list_size(list, index) };
    // SAFETY: as above.
    let condition = |index| unsafe { userdata_list_condition(list, index) };
    let find = |userid| {
        let mut index = NOWHERE;
        // SAFETY: as above, and the userid is a string.
        let find = || unsafe { userdata_list_find(list, userid, &raw mut index) };
        (checked(None, find), index)
    };
    for beyond in [count, usize::MAX] {
        assert_eq!(
            (userid(beyond), size(beyond), condition(beyond)),
            (None, 0, -2)
        );
    }
    let absent = if list.is_null() { -2 } else { -4 };
    assert_eq!(find(c"no/userid".as_ptr()), (absent, 0));
    assert_eq!(find(ptr::null()), (-2, 0));
    let item = |index| {
        let userid = userid(index).unwrap_or_default();
        assert_eq!(find(userid.as_ptr()), (0, index));
        Item {
            userid: userid.to_bytes().to_vec(),
            size: size(index),
            condition: condition(index),
        }
    };
    (0..count).map(item).collect()
}
