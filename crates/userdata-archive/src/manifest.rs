//! The manifest: `userdata.json`, which says what is in the archive.

use serde::{Deserialize, Serialize};
use userdata_core::{DomainKey, Userid, Version, WritableUserid};

use crate::read_error::{Damage, ReadError};
use crate::{Archive, Part, member};

/// The beginning of the name of every form of the manifest. A number follows.
const SCHEMAS: &str = "userdata/archive/";

/// The form that this crate writes and reads.
const SCHEMA: u64 = 1;

/// The document. It has one form: fields in this order, indented by two blanks.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    schema: String,
    domain: DomainKey,
    name: Option<String>,
    values: Vec<Listed>,
    /// The SHA-256 of the text of the document without this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<Version>,
}

/// One value.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    /// In the escaped form. Whether the userid may be written is checked separately.
    userid: String,
    size: u64,
    version: Version,
}

impl Document {
    /// Sets the checksum, and returns the bytes of the member.
    fn seal(&mut self) -> serde_json::Result<Vec<u8>> {
        self.checksum = None;
        let text = serde_json::to_vec_pretty(self)?;
        self.checksum = Some(Version::of(&text));
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The manifest of this archive, as bytes.
pub(crate) fn encode(archive: &Archive) -> serde_json::Result<Vec<u8>> {
    let listed = archive.values.iter().map(|(userid, value)| Listed {
        userid: userid.to_string(),
        size: value.as_bytes().len() as u64,
        version: value.version(),
    });
    let mut document = Document {
        schema: format!("{SCHEMAS}{SCHEMA}"),
        domain: archive.domain,
        name: archive.name.clone(),
        values: listed.collect(),
        checksum: None,
    };
    document.seal()
}

/// A manifest that was read and keeps every rule.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) domain: DomainKey,
    pub(crate) name: Option<String>,
    /// In the order of the userids, each once.
    pub(crate) entries: Vec<Entry>,
}

/// A value that the manifest lists.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) userid: WritableUserid,
    pub(crate) member: String,
    /// Not zero.
    pub(crate) size: u64,
    pub(crate) version: Version,
}

/// Reads a manifest, and checks every rule.
pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest, ReadError> {
    let damaged = |damage| ReadError::damaged(Part::member(member::MANIFEST), damage);
    let json = |error: serde_json::Error| damaged(Damage::NotAManifest(error.into()));

    match check_schema(bytes).map_err(json)? {
        Err(ReadError::NewerSchema { .. }) if is_of_this_schema(bytes) => {
            return Err(damaged(Damage::Checksum));
        }
        checked => checked?,
    }
    let mut document: Document = serde_json::from_slice(bytes).map_err(json)?;
    if document.seal().map_err(json)? != bytes {
        return Err(damaged(Damage::Checksum));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for listed in document.values {
        let entry = entry(listed)?;
        let damage = match entries.last() {
            _ if entry.size == 0 => Some(Damage::Empty),
            Some(last) if last.userid == entry.userid => Some(Damage::ListedTwice),
            Some(last) if last.userid > entry.userid => Some(Damage::Order),
            _ => None,
        };
        if let Some(damage) = damage {
            return Err(ReadError::damaged(Part::member(entry.member), damage));
        }
        entries.push(entry);
    }
    Ok(Manifest {
        domain: document.domain,
        name: document.name,
        entries,
    })
}

/// Reads only the name of the form, because another form may have other fields.
fn check_schema(bytes: &[u8]) -> serde_json::Result<Result<(), ReadError>> {
    #[derive(Deserialize)]
    struct Form {
        schema: String,
    }

    let Form { schema } = serde_json::from_slice(bytes)?;
    let number = schema.strip_prefix(SCHEMAS).map(str::parse::<u64>);
    Ok(match number {
        Some(Ok(SCHEMA)) => Ok(()),
        Some(Ok(newer)) if newer > SCHEMA => Err(ReadError::NewerSchema {
            found: newer,
            understood: SCHEMA,
        }),
        _ => Err(ReadError::damaged(
            Part::member(member::MANIFEST),
            Damage::UnknownSchema(schema),
        )),
    })
}

/// Whether the checksum is right as soon as the schema is this one: then a flipped bit made the
/// number a greater one.
fn is_of_this_schema(bytes: &[u8]) -> bool {
    let Ok(mut document) = serde_json::from_slice::<Document>(bytes) else {
        return false;
    };
    let checksum = document.checksum;
    document.schema = format!("{SCHEMAS}{SCHEMA}");
    document.seal().is_ok() && document.checksum == checksum
}

fn entry(listed: Listed) -> Result<Entry, ReadError> {
    let userid = match Userid::from_escaped(&listed.userid) {
        Ok(userid) => Archive::writable(&userid),
        Err(source) => Err(source),
    };
    match userid {
        Ok(userid) if userid.to_string() == listed.userid => Ok(Entry {
            member: member::name(&userid),
            userid,
            size: listed.size,
            version: listed.version,
        }),
        // Escaped in another way than `Display` does it.
        Ok(_) => Err(ReadError::damaged(
            Part::member(member::MANIFEST),
            Damage::Escape(listed.userid),
        )),
        Err(source) => Err(ReadError::Userid {
            userid: listed.userid,
            source,
        }),
    }
}
