//! Names, userids and selections.

use arbitrary::{Arbitrary, Unstructured};
use userdata_core::file_name::{DomainSelection, FileName, Kind, NameFormat};
use userdata_core::{DomainKey, Domid, Userid, Uuid, WritableUserid};

const FORMATS: [NameFormat; 2] = [NameFormat::Libxl, NameFormat::Seed];

/// A name is parsed only if it formats back to itself, and is then selected for its owner alone.
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

/// A writable userid keeps every rule for writing, and is shown on one line.
pub fn userid(data: &[u8]) {
    let lenient = Userid::new(data);
    if let Ok(written) = WritableUserid::new(data) {
        assert_eq!(lenient.as_ref(), Ok(written.as_userid()));
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

/// A name for a domain, or for one that looks like it.
#[derive(Arbitrary, Debug)]
struct Name {
    domid: u16,
    uuid: u128,
    letter: u8,
    other: Other,
    rest: Vec<u8>,
}

/// The owner of the name.
#[derive(Arbitrary, Debug)]
enum Other {
    Same,
    Domid(u16),
    Uuid(u128),
    /// The domid whose text has these bytes appended.
    LongerDomid(u8),
    /// These bytes instead of a domain.
    Text(Vec<u8>),
}

/// A selection takes exactly the names of its own domain.
pub fn selection(data: &[u8]) {
    let Ok(input) = Name::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let Ok(domid) = Domid::new(input.domid) else {
        return;
    };
    let key = DomainKey::new(domid, Uuid::from_u128(input.uuid));
    for format in FORMATS {
        let owned = |domid: &str, uuid: Uuid| match format {
            NameFormat::Seed => uuid.to_string().into_bytes(),
            _ => format!("{domid}.{uuid}").into_bytes(),
        };
        let mine = owned(&domid.to_string(), key.uuid);
        let owner = match &input.other {
            Other::Same => mine.clone(),
            Other::Domid(other) => owned(&other.to_string(), key.uuid),
            Other::Uuid(other) => owned(&domid.to_string(), Uuid::from_u128(*other)),
            Other::LongerDomid(after) => owned(&format!("{domid}{after}"), key.uuid),
            Other::Text(text) => text.clone(),
        };
        let name = [
            b"userdata-",
            &[input.letter][..],
            b".",
            &owner,
            b".",
            &input.rest,
        ]
        .concat();
        // The rules that a name of any domain has to keep.
        let allowed = Kind::from_letter(input.letter).is_some()
            && name.len() <= FileName::LEN_MAX
            && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
        let dotted = [&mine[..], b"."].concat();
        let is_mine = [&owner[..], b".", &input.rest]
            .concat()
            .starts_with(&dotted);
        let selected = DomainSelection::new(format, &key).select(&name);
        let bytes = selected.as_ref().map(FileName::as_bytes);
        assert_eq!(bytes, (allowed && is_mine).then_some(&name[..]));
        if selected.is_some() {
            assert_eq!(selected, FileName::parse(format, &name));
        }
    }
}
