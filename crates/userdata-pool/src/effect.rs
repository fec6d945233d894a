//! `Effect`: what a change does to the values of a domain, each key written once.

use std::collections::BTreeMap;
use std::time::SystemTime;

use userdata_core::store::{
    Clash, Cleared, Done, Durability, Expect, Keep, Op, Operation, Put, StoreError, StoreErrorKind,
    StoredAll,
};
use userdata_core::{Userid, Uuid, Version};

use crate::basis::{Metas, Unreadable};
use crate::engine::{Request, Span};
use crate::keys::Keys;
use crate::record::Meta;

/// The net effect of ops on the values of one domain.
#[derive(Debug)]
pub(crate) struct Effect<'a> {
    /// The values that are stored, as they were read.
    old: &'a Metas,
    /// The values after the ops so far.
    now: Metas,
    /// The bytes of those that are new.
    new: BTreeMap<Userid, &'a [u8]>,
    /// Everything that is stored is removed first, in ranges.
    cleared: bool,
    today: SystemTime,
}

impl<'a> Effect<'a> {
    pub(crate) fn new(old: &'a Metas, today: SystemTime) -> Self {
        Self {
            old,
            now: old.clone(),
            new: BTreeMap::new(),
            cleared: false,
            today,
        }
    }

    /// The same, but the stored values are those of another incarnation, and are removed.
    pub(crate) fn anew(old: &'a Metas, today: SystemTime) -> Self {
        Self {
            now: Metas::new(),
            cleared: true,
            ..Self::new(old, today)
        }
    }

    /// Whether a value is put.
    pub(crate) fn puts(&self) -> bool {
        !self.new.is_empty()
    }

    /// Whether no value is left.
    pub(crate) fn leaves_nothing(&self) -> bool {
        self.now.is_empty()
    }

    /// Whether anything is written or removed.
    pub(crate) fn changes(&self) -> bool {
        self.puts() || self.now.len() != self.old.len()
    }

    pub(crate) fn apply(&mut self, op: &Op<'a>, value_max: u64) -> Result<Done, StoreError> {
        // Every commit is replicated, so it survives a power cut.
        let durability = Durability::Full;
        match *op {
            Op::Put {
                userid,
                data,
                expect,
                ..
            } => {
                let userid = userid.as_userid();
                check_size(userid, data.as_bytes(), value_max)?;
                self.compare(userid, expect)?;
                self.put(userid, data.as_bytes());
                Ok(Done::Stored {
                    durability,
                    displaced: None,
                })
            }
            Op::PutAll { values, clash, .. } => {
                self.put_all(values, clash, value_max).map(Done::StoredAll)
            }
            Op::Delete { userid, expect, .. } => {
                self.compare(userid, expect)?;
                self.new.remove(userid);
                Ok(match self.now.remove(userid) {
                    Some(_) => Done::Removed { durability },
                    None => Done::NothingToRemove,
                })
            }
            Op::Clear { keep, .. } => Ok(Done::Cleared(self.clear(keep))),
            _ => Err(refused(b"", StoreErrorKind::Unsupported)),
        }
    }

    fn clear(&mut self, keep: Keep) -> Cleared {
        let mut cleared = Cleared::default();
        cleared.durability = Durability::Full;
        let stays = |userid: &Userid| match keep {
            Keep::Nothing => false,
            Keep::Essential => userid.is_libxl_json(),
            // A transaction leaves nothing behind.
            _ => true,
        };
        cleared.removed = self
            .now
            .keys()
            .filter(|userid| !stays(userid))
            .cloned()
            .collect();
        for userid in &cleared.removed {
            self.now.remove(userid);
            self.new.remove(userid);
        }
        self.cleared |= matches!(keep, Keep::Nothing | Keep::Essential);
        cleared
    }

    /// Removes a value.
    pub(crate) fn take(&mut self, userid: &Userid) {
        self.now.remove(userid);
        self.new.remove(userid);
    }

    pub(crate) fn put(&mut self, userid: &Userid, bytes: &'a [u8]) {
        self.now
            .insert(userid.clone(), Ok(Meta::of(bytes, self.today)));
        self.new.insert(userid.clone(), bytes);
    }

    fn put_all(
        &mut self,
        puts: &[Put<'a>],
        clash: Clash,
        value_max: u64,
    ) -> Result<StoredAll, StoreError> {
        let mut done = StoredAll::default();
        done.durability = Durability::Full;
        let mut stored = Vec::new();
        for put in puts {
            let (userid, bytes) = (put.userid.as_userid(), put.data.as_bytes());
            check_size(userid, bytes, value_max)?;
            match comes(self.now.get(userid), Version::of(bytes), userid, clash)? {
                Comes::In => stored.push((userid, bytes)),
                Comes::Twice => done.unchanged.push(userid.clone()),
                Comes::Late => done.kept.push(userid.clone()),
            }
        }
        for (userid, bytes) in stored {
            self.put(userid, bytes);
            done.stored.push(userid.clone());
        }
        Ok(done)
    }

    fn compare(&self, userid: &Userid, expect: Expect) -> Result<(), StoreError> {
        let found = match (expect, self.now.get(userid)) {
            (Expect::Any, _) => return Ok(()),
            (_, found) => version(found)?,
        };
        let as_expected = match expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
            _ => true,
        };
        if as_expected {
            return Ok(());
        }
        Err(refused(
            userid.as_bytes(),
            StoreErrorKind::PreconditionFailed { found },
        ))
    }

    /// The requests that have this effect. No key is in two of them.
    pub(crate) fn requests(&self, keys: &Keys, uuid: Uuid) -> Vec<Request> {
        let mut requests = Vec::new();
        if self.cleared {
            let stay: Vec<&Userid> = self.now.keys().collect();
            let spans = [(keys.datas(uuid), true), (keys.metas(uuid), false)];
            for (span, is_data) in spans {
                let stay = stay.iter().map(|userid| match is_data {
                    true => keys.data(uuid, userid),
                    false => keys.meta(uuid, userid),
                });
                requests.extend(gaps(span, stay));
            }
        } else {
            for userid in self
                .old
                .keys()
                .filter(|userid| !self.now.contains_key(userid))
            {
                for key in [keys.data(uuid, userid), keys.meta(uuid, userid)] {
                    let span = Span::key(key);
                    requests.push(Request::Delete { span });
                }
            }
        }
        for (userid, bytes) in &self.new {
            let meta = Meta::of(bytes, self.today).format();
            let data = bytes.to_vec();
            for (key, value) in [
                (keys.data(uuid, userid), data),
                (keys.meta(uuid, userid), meta),
            ] {
                let lease = None;
                requests.push(Request::Put { key, value, lease });
            }
        }
        requests
    }
}

/// The removal of all keys of a span but those that stay, which are in order.
fn gaps(span: Span, stay: impl Iterator<Item = Vec<u8>>) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut from = span.from;
    let mut remove = |from: Vec<u8>, to: Vec<u8>| {
        if from < to {
            let span = Span::range(from, to);
            requests.push(Request::Delete { span });
        }
    };
    for key in stay {
        let mut behind = key.clone();
        // The first key behind this one.
        behind.push(0);
        remove(std::mem::replace(&mut from, behind), key);
    }
    remove(from, span.to.unwrap_or_default());
    requests
}

/// How a new value compares with the one that is there.
pub(crate) enum Comes {
    In,
    /// An equal value is there already.
    Twice,
    /// A different one is there and stays.
    Late,
}

pub(crate) fn comes(
    there: Option<&Result<Meta, Unreadable>>,
    new: Version,
    userid: &Userid,
    clash: Clash,
) -> Result<Comes, StoreError> {
    if matches!(there, Some(Err(_))) && clash == Clash::Replace {
        return Ok(Comes::In);
    }
    match (version(there)?, clash) {
        (None, _) => Ok(Comes::In),
        (Some(found), _) if found == new => Ok(Comes::Twice),
        (_, Clash::Replace) => Ok(Comes::In),
        (_, Clash::Keep) => Ok(Comes::Late),
        (found, _) => Err(refused(
            userid.as_bytes(),
            StoreErrorKind::PreconditionFailed { found },
        )),
    }
}

fn version(found: Option<&Result<Meta, Unreadable>>) -> Result<Option<Version>, StoreError> {
    match found {
        None => Ok(None),
        Some(Ok(meta)) => Ok(Some(meta.version)),
        Some(Err(unreadable)) => Err(unreadable.told(Operation::Compare)),
    }
}

fn check_size(userid: &Userid, bytes: &[u8], limit: u64) -> Result<(), StoreError> {
    let size = bytes.len() as u64;
    if size <= limit {
        return Ok(());
    }
    let kind = StoreErrorKind::LimitExceeded { limit, size };
    Err(StoreError::new(Operation::Write, userid.as_bytes(), kind))
}

fn refused(file: &[u8], kind: StoreErrorKind) -> StoreError {
    StoreError::new(Operation::Compare, file, kind)
}
