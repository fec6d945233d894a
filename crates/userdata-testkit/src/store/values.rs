//! Values: stored, replaced, removed, listed, limited.

use std::ops::ControlFlow;

use userdata_core::file_name::Kind;
use userdata_core::store::{Condition, Done, Durability, Expect, Op, StoreErrorKind};
use userdata_core::value::NonEmpty;

use super::StoreUnderTest;
use super::steps::{change, contents, delete, domain, get, put, store, try_change, userid};

/// A value that was never stored is `None`, has no entry, and is in no listing.
pub fn a_value_that_was_never_stored_is_none(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    assert_eq!(get(&*client, &key, xl.as_userid()), None);
    assert_eq!(
        client.stat(&key, xl.as_userid()).expect("absence is told"),
        None
    );
    assert_eq!(client.list(&key).expect("a list is had"), []);
    assert!(contents(&*client).is_empty());
}

/// Bytes come back exactly as they were stored: lengths around a block and around 64 KiB, every
/// byte value, zeros only, and a zero at the end.
pub fn a_value_comes_back_byte_for_byte(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let mut values: Vec<Vec<u8>> = [1, 511, 512, 4095, 4096, 4097, 65_535, 65_536, 65_537]
        .into_iter()
        .map(|length| {
            every_byte
                .iter()
                .copied()
                .cycle()
                .skip(7)
                .take(length)
                .collect()
        })
        .collect();
    values.extend([
        b"\0".to_vec(),
        vec![0; 4096],
        b"{}\0".to_vec(),
        b"\n".to_vec(),
        every_byte,
    ]);
    for value in values {
        store(&*client, &key, &xl, &value);
        let read = get(&*client, &key, xl.as_userid()).expect("what was stored is there");
        assert!(
            read == value,
            "a value of {} bytes comes back changed",
            value.len()
        );
    }
}

/// A value is read into a buffer of its own size and into a larger one, whose other bytes have no
/// meaning. The answer is its size, or that there is none.
pub fn a_value_is_read_into_a_buffer_that_holds_it(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let mut buffer = [0; 5000];
    let absent = client.get_into(&key, xl.as_userid(), &mut buffer);
    assert_eq!(absent.expect("absence is told"), None);
    for length in [1, 4095, 4096] {
        let bytes = vec![0x5a; length];
        store(&*client, &key, &xl, &bytes);
        for room in [length, length + 1, 5000] {
            let buffer = buffer.get_mut(..room).expect("a part of the buffer");
            let size = client.get_into(&key, xl.as_userid(), buffer);
            assert_eq!(size.expect("a value is read"), Some(length));
            assert_eq!(buffer.get(..length), Some(&*bytes));
            buffer.fill(0);
        }
    }
    assert_eq!(change(&*client, &key, &[delete(xl.as_userid())]).len(), 1);
    let removed = client.get_into(&key, xl.as_userid(), &mut buffer);
    assert_eq!(removed.expect("absence is told"), None);
}

/// If the buffer is too small, the error has the size of the value, and no byte of the buffer
/// changes.
pub fn a_buffer_that_is_too_small_stays_as_it_was(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    store(&*client, &key, &xl, &[1; 300]);
    for room in [0, 1, 299] {
        let mut buffer = vec![7; room];
        match client.get_into(&key, xl.as_userid(), &mut buffer) {
            Ok(size) => panic!("300 bytes fit into {room}: {size:?}"),
            Err(error) => assert!(
                matches!(error.kind(), StoreErrorKind::BufferTooSmall { size: 300 }),
                "{error:?}"
            ),
        }
        assert_eq!(buffer, vec![7; room]);
    }
}

/// A shorter value replaces a longer one completely.
pub fn a_store_replaces_the_whole_value(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    for value in [&b"short"[..], &[b'x'; 10_000], b"short again", b"s"] {
        store(&*client, &key, &xl, value);
        assert_eq!(get(&*client, &key, xl.as_userid()).as_deref(), Some(value));
    }
}

/// A delete removes one value, and its answer says whether there was one.
pub fn deleting_removes_one_value(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (xl, other) = (userid("xl"), userid("libvirt-xml"));
    store(&*client, &key, &xl, b"value");
    store(&*client, &key, &other, b"other");
    let done = change(&*client, &key, &[delete(xl.as_userid())]);
    assert!(matches!(&*done, [Done::Removed { .. }]), "{done:?}");
    assert_eq!(get(&*client, &key, xl.as_userid()), None);
    assert_eq!(
        get(&*client, &key, other.as_userid()).as_deref(),
        Some(&b"other"[..])
    );
    let done = change(&*client, &key, &[delete(xl.as_userid())]);
    assert!(matches!(&*done, [Done::NothingToRemove]), "{done:?}");
}

/// The durability that stores and removals report is at least the one asked for.
pub fn the_durability_reached_is_at_least_that_asked_for(under_test: &StoreUnderTest) {
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    for durability in [Durability::Process, Durability::File, Durability::Full] {
        let put = Op::Put {
            userid: &xl,
            data: NonEmpty::new(b"value").expect("bytes"),
            expect: Expect::Any,
            durability,
        };
        let delete = Op::Delete {
            userid: xl.as_userid(),
            expect: Expect::Any,
            durability,
        };
        match &*change(&*client, &key, &[put, delete]) {
            [
                Done::Stored {
                    durability: stored, ..
                },
                Done::Removed {
                    durability: removed,
                },
            ] => assert!(*stored >= durability && *removed >= durability),
            other => panic!("a store and a removal answered {other:?}"),
        }
    }
}

/// A listing is in order of userid, has each value once, and agrees with `stat`.
pub fn a_listing_is_in_order_and_agrees_with_stat(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let userids = ["xl", "a", "b.c", "B", "a.b", "zz", "-"].map(userid);
    for (length, userid) in (1..).zip(&userids) {
        store(&*client, &key, userid, &vec![b'x'; length]);
    }
    let mut wanted: Vec<_> = userids
        .iter()
        .map(|userid| userid.as_userid().clone())
        .collect();
    wanted.sort();
    let entries = client.list(&key).expect("a list is had");
    let listed: Vec<_> = entries.iter().map(|entry| entry.userid.clone()).collect();
    assert_eq!(listed, wanted);
    for entry in &entries {
        let stat = client.stat(&key, &entry.userid).expect("an entry is had");
        assert_eq!(stat.as_ref(), Some(entry));
        let bytes = get(&*client, &key, &entry.userid).expect("what is listed is there");
        assert_eq!(entry.size, bytes.len() as u64);
        assert_eq!(entry.condition, Condition::Whole);
    }
}

/// A scan shows every value of every domain once, with its owner.
pub fn a_scan_shows_every_value_with_its_owner(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let mut wanted = Vec::new();
    for number in 0..9_u16 {
        let key = match under_test.has_one_home_per_uuid() {
            true => domain(number + 1, (number + 1).into()),
            false => domain(number, (number / 3).into()),
        };
        let userid = userid(format!("u{number}"));
        store(&*client, &key, &userid, b"value");
        wanted.push((key, userid.clone()));
    }
    let found = contents(&*client);
    assert_eq!(found.len(), wanted.len());
    for (key, userid) in wanted {
        let owner = found
            .keys()
            .find(|(_, found)| *found == *userid.as_userid())
            .map(|(owner, _)| *owner)
            .expect("a value that was stored is found");
        assert_eq!(owner.uuid, key.uuid);
        let domid = (under_test.tells_domids_apart() || under_test.has_one_home_per_uuid())
            .then_some(key.domid);
        assert_eq!(owner.domid, domid);
    }
}

/// A scan ends with the record at which the callback breaks.
pub fn a_scan_stops_at_a_break(under_test: &StoreUnderTest) {
    let client = under_test.client();
    for number in 0..5 {
        store(
            &*client,
            &domain(number + 1, (number + 1).into()),
            &userid(format!("u{number}")),
            b"value",
        );
    }
    let (mut shown, mut values) = (0, 0);
    let scanned = client.scan(&mut |record| {
        shown += 1;
        if record.kind == Kind::Data {
            values += 1;
        }
        match values {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    scanned.expect("a store is scanned");
    assert_eq!(values, 2);
    assert!(shown >= 2);
}

/// A value of the largest size is stored. A value with one byte more is refused, and the error has
/// the limit and the size. For a store that declares no limit this checks nothing.
pub fn a_value_above_the_limit_is_refused_and_the_old_one_stays(under_test: &StoreUnderTest) {
    let Some(limit) = under_test.value_max() else {
        return;
    };
    let (client, key, xl) = (under_test.client(), domain(1, 1), userid("xl"));
    let largest = vec![0xa5; usize::try_from(limit).expect("a limit that memory can hold")];
    store(&*client, &key, &xl, &largest);
    assert!(get(&*client, &key, xl.as_userid()).as_ref() == Some(&largest));
    let too_large = [&*largest, b"x"].concat();
    match try_change(&*client, &key, &[put(&xl, &too_large)]) {
        Ok(_) => panic!("a value above the limit is stored"),
        Err(error) => match *error.kind() {
            StoreErrorKind::LimitExceeded { limit: named, size } => {
                assert_eq!((named, size), (limit, limit + 1));
            }
            ref other => panic!("a value above the limit failed as {other:?}"),
        },
    }
    assert!(get(&*client, &key, xl.as_userid()) == Some(largest));
}
