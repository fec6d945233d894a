//! Changes of a `DatabaseStore`: their effect on the values, and the writes of the transaction.

use std::collections::BTreeMap;

use userdata_core::store::{
    Clash, Cleared, Done, Durability, Expect, Keep, Op, Operation, Put, StoreError, StoreErrorKind,
    StoredAll, Transfer, Transferred,
};
use userdata_core::{DomainKey, Userid, Version};

use super::database::{Key, Write};

/// The values of one domain while a change is computed.
pub(crate) type Values = BTreeMap<Userid, Vec<u8>>;

/// Applies an op to the values, and adds it to the transaction.
pub(crate) fn apply(
    domain: &DomainKey,
    op: &Op<'_>,
    values: &mut Values,
    writes: &mut Vec<Write>,
) -> Result<Done, StoreError> {
    // Every commit is replicated, so it survives a power cut.
    let durability = Durability::Full;
    match *op {
        Op::Put {
            userid,
            data,
            expect,
            ..
        } => {
            compare(values, userid.as_userid(), expect)?;
            values.insert(Userid::clone(userid.as_userid()), data.as_bytes().to_vec());
            let key = Key::Value(*domain, Userid::clone(userid.as_userid()));
            writes.push(Write::Set(key, data.as_bytes().to_vec(), None));
            Ok(Done::Stored {
                durability,
                displaced: None,
            })
        }
        Op::PutAll {
            values: puts,
            clash,
            ..
        } => put_all(domain, puts, clash, values, writes).map(Done::StoredAll),
        Op::Delete { userid, expect, .. } => delete(domain, userid, expect, values, writes),
        Op::Clear { keep, .. } => {
            let mut cleared = Cleared::default();
            let goes = |userid: &Userid| match keep {
                Keep::Nothing => true,
                Keep::Essential => !userid.is_libxl_json(),
                // A transaction leaves nothing behind.
                _ => false,
            };
            cleared.removed = values
                .keys()
                .filter(|userid| goes(userid))
                .cloned()
                .collect();
            for userid in &cleared.removed {
                values.remove(userid);
                writes.push(Write::Unset(Key::Value(*domain, userid.clone())));
            }
            Ok(Done::Cleared(cleared))
        }
        _ => unreachable!("an op that this engine does not know"),
    }
}

/// Puts all values unless one clashes.
fn put_all(
    domain: &DomainKey,
    puts: &[Put<'_>],
    clash: Clash,
    values: &mut Values,
    writes: &mut Vec<Write>,
) -> Result<StoredAll, StoreError> {
    let mut done = StoredAll::default();
    done.durability = Durability::Full;
    let mut stored = Vec::new();
    for put in puts {
        let (userid, bytes) = (put.userid.as_userid(), put.data.as_bytes());
        match comes(values.get(userid), bytes, userid, clash)? {
            Comes::In => stored.push((userid.clone(), bytes.to_vec())),
            Comes::Twice => done.unchanged.push(userid.clone()),
            Comes::Late => done.kept.push(userid.clone()),
        }
    }
    for (userid, bytes) in stored {
        values.insert(userid.clone(), bytes.clone());
        writes.push(Write::Set(Key::Value(*domain, userid.clone()), bytes, None));
        done.stored.push(userid);
    }
    Ok(done)
}

/// Moves values from one domain to the other, unless one clashes.
pub(crate) fn give(
    transfer: &Transfer<'_>,
    from: &Values,
    to: &Values,
) -> Result<(Vec<Write>, Transferred), StoreError> {
    let mut done = Transferred::default();
    done.durability = Durability::Full;
    let mut writes = Vec::new();
    for (userid, bytes) in from.iter().filter(|(userid, _)| transfer.has(userid)) {
        if matches!(
            comes(to.get(userid), bytes, userid, transfer.clash())?,
            Comes::Late
        ) {
            done.kept.push(userid.clone());
            continue;
        }
        writes.push(Write::Unset(Key::Value(transfer.from(), userid.clone())));
        let key = Key::Value(transfer.to(), userid.clone());
        writes.push(Write::Set(key, bytes.clone(), None));
        done.moved.push(userid.clone());
    }
    Ok((writes, done))
}

/// How a new value compares with the one that is there.
enum Comes {
    In,
    /// An equal value is there already.
    Twice,
    /// A different one is there and stays.
    Late,
}

fn comes(
    there: Option<&Vec<u8>>,
    bytes: &[u8],
    userid: &Userid,
    clash: Clash,
) -> Result<Comes, StoreError> {
    match (there, clash) {
        (None, _) => Ok(Comes::In),
        (Some(there), _) if there == bytes => Ok(Comes::Twice),
        (Some(_), Clash::Replace) => Ok(Comes::In),
        (Some(_), Clash::Keep) => Ok(Comes::Late),
        (Some(there), _) => {
            let found = Some(Version::of(there));
            let kind = StoreErrorKind::PreconditionFailed { found };
            Err(StoreError::new(Operation::Compare, userid.as_bytes(), kind))
        }
    }
}

fn delete(
    domain: &DomainKey,
    userid: &Userid,
    expect: Expect,
    values: &mut Values,
    writes: &mut Vec<Write>,
) -> Result<Done, StoreError> {
    compare(values, userid, expect)?;
    if values.remove(userid).is_none() {
        return Ok(Done::NothingToRemove);
    }
    writes.push(Write::Unset(Key::Value(*domain, userid.clone())));
    let durability = Durability::Full;
    Ok(Done::Removed { durability })
}

fn compare(values: &Values, userid: &Userid, expect: Expect) -> Result<(), StoreError> {
    let found = values.get(userid).map(|bytes| Version::of(bytes));
    let as_expected = match expect {
        Expect::Absent => found.is_none(),
        Expect::Version(version) => found == Some(version),
        _ => true,
    };
    if as_expected {
        return Ok(());
    }
    let kind = StoreErrorKind::PreconditionFailed { found };
    Err(StoreError::new(Operation::Compare, userid.as_bytes(), kind))
}
