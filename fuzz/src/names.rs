//! Names, userids and selections.

use arbitrary::{Arbitrary, Unstructured};
use userdata_core::{
    DomainKey, DomainSelection, Domid, FileName, Kind, NameFormat, Userid, Uuid, WritableUserid,
};

const FORMATS: [NameFormat; 2] = [NameFormat::Libxl, NameFormat::Seed];

/// A name is ours only if it formats back to itself, and then it is selected for exactly its owner.
pub fn file_name(data: &[u8]) {
    for format in FORMATS {
        let Some(name) = FileName::parse(format, data) else {
            continue;
        };
        assert_eq!(name.as_bytes(), data);
        let owner = name.owner();
        let key = DomainKey::new(owner.domid.unwrap_or(Domid::ZERO), owner.uuid);
        if name.kind() == Kind::Data {
            assert_eq!(
                FileName::data(format, &key, &name.userid()).as_ref(),
                Ok(&name)
            );
        }
        assert_eq!(DomainSelection::new(format, &key).select(data), Some(name));
        let domid = Domid::new(key.domid.get() ^ 1).unwrap_or(Domid::ZERO);
        let neighbour = DomainKey::new(domid, Uuid::from_u128(key.uuid.as_u128() ^ 1));
        assert_eq!(DomainSelection::new(format, &neighbour).select(data), None);
    }
}

/// Whatever may be written keeps every rule of writing, and is shown on one line.
pub fn userid(data: &[u8]) {
    let lenient = Userid::new(data);
    if let Ok(written) = WritableUserid::new(data) {
        assert_eq!(lenient.as_ref(), Ok(&*written));
        assert!((1..=WritableUserid::LEN_MAX).contains(&data.len()));
        assert!(
            data.iter()
                .all(|byte| (0x21..=0x7e).contains(byte) && *byte != b'/')
        );
        assert!(!written.to_string().contains("domain-userdata-lock"));
    }
    if let Ok(userid) = lenient {
        assert_eq!(userid.as_bytes(), data);
        assert!(
            userid
                .to_string()
                .bytes()
                .all(|byte| (0x20..=0x7e).contains(&byte))
        );
    }
}

#[derive(Arbitrary, Debug)]
struct TwoValues {
    first: (u16, u128),
    second: (u16, u128),
    userid: Vec<u8>,
}

/// Two values never share a name, and a selection takes exactly its own domain's.
pub fn selection(data: &[u8]) {
    let Ok(input) = TwoValues::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let key = |(domid, uuid): (u16, u128)| {
        Domid::new(domid)
            .ok()
            .map(|domid| DomainKey::new(domid, Uuid::from_u128(uuid)))
    };
    let (Some(first), Some(second)) = (key(input.first), key(input.second)) else {
        return;
    };
    let Ok(userid) = Userid::new(&input.userid) else {
        return;
    };
    for format in FORMATS {
        let (Ok(one), Ok(other)) = (
            FileName::data(format, &first, &userid),
            FileName::data(format, &second, &userid),
        ) else {
            continue;
        };
        let same = match format {
            NameFormat::Seed => first.uuid == second.uuid,
            _ => first == second,
        };
        assert_eq!(one == other, same);
        let selected = DomainSelection::new(format, &first).select(other.as_bytes());
        assert_eq!(selected.is_some(), same);
    }
}
