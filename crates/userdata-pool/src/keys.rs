//! `Keys`: the keys of the records.

use userdata_core::store::HostName;
use userdata_core::{Userid, Uuid};

use crate::Span;

/// The keys of one pool.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The prefix and the version of the layout.
    root: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            root: format!("{prefix}1/"),
        }
    }

    fn of(&self, kind: &str, rest: &str) -> Vec<u8> {
        format!("{}{kind}/{rest}", self.root).into_bytes()
    }

    /// What a key of this kind has behind its kind.
    fn behind<'a>(&self, kind: &str, key: &'a [u8]) -> Option<&'a [u8]> {
        let key = key.strip_prefix(self.root.as_bytes())?;
        key.strip_prefix(kind.as_bytes())?.strip_prefix(b"/")
    }

    pub(crate) fn host(&self, name: &HostName) -> Vec<u8> {
        self.of("host", name.as_str())
    }

    pub(crate) fn hosts(&self) -> Span {
        Span::under(self.of("host", ""))
    }

    /// The host of a host record.
    pub(crate) fn host_name(&self, key: &[u8]) -> Option<HostName> {
        let name = self.behind("host", key)?;
        std::str::from_utf8(name).ok()?.parse().ok()
    }

    pub(crate) fn turn(&self, uuid: Uuid) -> Vec<u8> {
        self.of("turn", &uuid.to_string())
    }

    pub(crate) fn turns(&self) -> Span {
        Span::under(self.of("turn", ""))
    }

    pub(crate) fn mark(&self, uuid: Uuid) -> Vec<u8> {
        self.of("mark", &uuid.to_string())
    }

    pub(crate) fn grave(&self, uuid: Uuid) -> Vec<u8> {
        let [.., last] = uuid.into_bytes();
        self.of("grave", &format!("{last:02x}"))
    }

    /// The grave of a host, which is moved on when its record is removed.
    pub(crate) fn host_grave(&self, name: &HostName) -> Vec<u8> {
        self.of("grave", &format!("host/{name}"))
    }

    pub(crate) fn meta(&self, uuid: Uuid, userid: &Userid) -> Vec<u8> {
        self.value("meta", uuid, userid)
    }

    pub(crate) fn data(&self, uuid: Uuid, userid: &Userid) -> Vec<u8> {
        self.value("data", uuid, userid)
    }

    fn value(&self, kind: &str, uuid: Uuid, userid: &Userid) -> Vec<u8> {
        let mut key = self.of(kind, &format!("{uuid}/"));
        key.extend_from_slice(userid.as_bytes());
        key
    }

    /// All meta records of a domain.
    pub(crate) fn metas(&self, uuid: Uuid) -> Span {
        Span::under(self.of("meta", &format!("{uuid}/")))
    }

    /// All bytes of a domain.
    pub(crate) fn datas(&self, uuid: Uuid) -> Span {
        Span::under(self.of("data", &format!("{uuid}/")))
    }

    /// All meta records of all domains.
    pub(crate) fn all_metas(&self) -> Span {
        Span::under(self.of("meta", ""))
    }

    /// The uuid of a turn, or of a meta record together with its userid. Keys of other programs
    /// have none.
    pub(crate) fn parse<'a>(&self, kind: &str, key: &'a [u8]) -> Option<(Uuid, &'a [u8])> {
        let rest = self.behind(kind, key)?;
        let (uuid, rest) = rest.split_at_checked(36)?;
        let uuid = Uuid::try_parse_ascii(uuid).ok()?;
        Some((uuid, rest))
    }

    /// The uuid and the userid in the key of a meta record.
    pub(crate) fn userid(&self, key: &[u8]) -> Option<(Uuid, Userid)> {
        let (uuid, rest) = self.parse("meta", key)?;
        let userid = Userid::new(rest.strip_prefix(b"/")?).ok()?;
        Some((uuid, userid))
    }
}
