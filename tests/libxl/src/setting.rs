//! `Setting`: a call, and everything that its result may depend on.

use hv_sim::SimHost;
use userdata_core::hypervisor::HypervisorError;
use userdata_core::{DomainKey, Hypervisor as _, Life};

use crate::step::{By, Call};
use crate::tree::{Node, Tree};

/// The stage of a domain's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Alive,
    /// Its toolstack has begun to destroy it, and the hypervisor does not know yet.
    Leaving,
    /// A zombie: it is destroyed but still referred to.
    Dead,
}

/// A rule for userids that libxl does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A userid has no slash.
    Slash,
    /// A userid is not too long.
    Length,
    /// A userid is not that of a lock.
    Lock,
    /// libxl-json takes a separate call.
    LibxlJson,
    /// A userid is printable ASCII without blanks, and neither empty nor dots alone.
    Characters,
}

/// A call of this library, and everything that its result may depend on.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) call: &'a Call,
    pub(crate) by: By,
    pub(crate) domain: Option<(DomainKey, Stage)>,
    pub(crate) before: &'a Tree,
}

impl<'a> Setting<'a> {
    pub(crate) fn new(
        call: &'a Call,
        by: By,
        host: &SimHost,
        before: &'a Tree,
    ) -> Result<Self, HypervisorError> {
        let domain = match host.domain(call.domid())? {
            None => None,
            Some(domain) if domain.life == Life::Dead => Some((domain.key, Stage::Dead)),
            Some(domain) if host.leaving(&domain.key)? => Some((domain.key, Stage::Leaving)),
            Some(domain) => Some((domain.key, Stage::Alive)),
        };
        Ok(Self {
            call,
            by,
            domain,
            before,
        })
    }

    pub(crate) fn stage(&self) -> Option<Stage> {
        self.domain.map(|(_, stage)| stage)
    }

    /// The name of this domain's file of this kind, in libxl's format.
    pub(crate) fn name(&self, kind: u8, userid: &[u8]) -> Vec<u8> {
        self.domain
            .map_or_else(Vec::new, |(key, _)| file_name(kind, &key, userid))
    }

    /// The name of the value's file.
    pub(crate) fn data_name(&self) -> Vec<u8> {
        self.name(b'd', self.call.userid().unwrap_or_default())
    }

    /// The name of libxl's temporary file.
    pub(crate) fn new_name(&self) -> Vec<u8> {
        self.name(b'n', self.call.userid().unwrap_or_default())
    }

    /// The name of the lock file.
    pub(crate) fn lock_name(&self) -> Vec<u8> {
        self.name(b'l', LOCK)
    }

    pub(crate) fn data(&self) -> Option<&Node> {
        self.before.get(&self.data_name())
    }

    pub(crate) fn new_file(&self) -> Option<&Node> {
        self.before.get(&self.new_name())
    }

    pub(crate) fn lock(&self) -> Option<&Node> {
        self.before.get(&self.lock_name())
    }

    /// The bytes of a store, if there are any.
    pub(crate) fn stored(&self) -> Option<&[u8]> {
        match self.call {
            Call::Store { data, .. } if !data.is_empty() => Some(data),
            _ => None,
        }
    }

    /// Whether the call is a store, with or without bytes.
    pub(crate) fn is_store(&self) -> bool {
        matches!(self.call, Call::Store { .. })
    }

    pub(crate) fn is_retrieve(&self) -> bool {
        matches!(self.call, Call::Retrieve { .. })
    }

    pub(crate) fn is_removal(&self) -> bool {
        matches!(self.call, Call::Remove { .. })
            || matches!(self.call, Call::Store { data, .. } if data.is_empty())
    }

    pub(crate) fn is_destroy(&self) -> bool {
        matches!(self.call, Call::Destroy { .. })
    }

    /// The rule of this library that the userid breaks. The rules are written here a second time, so
    /// that the library is not compared with itself.
    pub(crate) fn broken_rule(&self) -> Option<Rule> {
        let userid = self.call.userid()?;
        let (is_store, is_remove) = (self.is_store(), matches!(self.call, Call::Remove { .. }));
        let strictly = self.by == By::Us;
        let has_word = userid.windows(LOCK.len()).any(|part| part == LOCK);
        let is_lock = has_word || OTHER_LOCKS.contains(&userid);
        let is_plain = userid.iter().all(|byte| (0x21..=0x7e).contains(byte));
        if userid.contains(&b'/') {
            Some(Rule::Slash)
        } else if userid.len() > USERID_MAX || strictly && is_store && userid.len() > WRITTEN_MAX {
            Some(Rule::Length)
        } else if is_store && is_lock {
            Some(Rule::Lock)
        } else if strictly && (is_store || is_remove) && userid == b"libxl-json" {
            Some(Rule::LibxlJson)
        } else if strictly && is_store && (!is_plain || [&b""[..], b".", b".."].contains(&userid)) {
            Some(Rule::Characters)
        } else {
            None
        }
    }

    /// Every file whose name libxl takes for one of the domain's when it destroys the domain.
    pub(crate) fn of_domain(&self) -> impl Iterator<Item = (Vec<u8>, u8, &Node)> {
        let start = self.name(b'?', b"");
        self.before.0.iter().filter_map(move |(name, node)| {
            let (kind, rest) = (name.get(KIND_AT)?, name.get(KIND_AT + 1..)?);
            let is_ours = name.starts_with(PREFIX) && rest.starts_with(start.get(KIND_AT + 1..)?);
            (is_ours && !start.is_empty()).then(|| (name.clone(), *kind, node))
        })
    }
}

const PREFIX: &[u8] = b"userdata-";
const KIND_AT: usize = PREFIX.len();

/// The longest userid that fits into every name, and the longest that this library writes, in bytes.
const USERID_MAX: usize = 207;
const WRITTEN_MAX: usize = 128;

/// libxl's other locks.
const OTHER_LOCKS: [&[u8]; 2] = [b"libxl-device-changes-lock", b"qmp-socket-lock"];

/// The userid part in the name of libxl's lock.
pub(crate) const LOCK: &[u8] = b"domain-userdata-lock";

/// A name in libxl's format.
pub(crate) fn file_name(kind: u8, key: &DomainKey, userid: &[u8]) -> Vec<u8> {
    [
        PREFIX,
        &[kind],
        b".",
        key.to_string().as_bytes(),
        b".",
        userid,
    ]
    .concat()
}
