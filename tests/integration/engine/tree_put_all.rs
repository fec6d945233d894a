//! Putting several values into a `TreeStore`, all of them or none.

use userdata_core::Version;
use userdata_core::store::{
    Clash, Done, Durability, Operation, Put, StoreError, StoreErrorKind, StoredAll,
};
use userdata_fs::{Directory, Errno};

use super::tree::{TreeStore, failed, name, value_name};
use super::tree_lock::{DomainLock, name_of};

/// How a new value compares with the one that is there.
pub(super) enum Comes {
    In,
    /// An equal value is there already.
    Twice,
    /// A different one is there and stays.
    Late,
}

/// A value that is in a temporary file and not yet renamed, and a second name of the old value.
struct Staged {
    temporary: String,
    file: Vec<u8>,
    former: Option<String>,
}

impl<D: Directory> TreeStore<D> {
    /// Compares a value of this version with the one under the same name.
    pub(super) fn comes(
        &self,
        directory: &D,
        file: &[u8],
        version: Version,
        clash: Clash,
    ) -> Result<Comes, StoreError> {
        let found = match self.read(directory, file) {
            // A value that can't be read is not equal, and may be replaced.
            Err(_) if clash == Clash::Replace => return Ok(Comes::In),
            found => found?.map(|value| value.version()),
        };
        match (found, clash) {
            (None, _) => Ok(Comes::In),
            (Some(found), _) if found == version => Ok(Comes::Twice),
            (Some(_), Clash::Replace) => Ok(Comes::In),
            (Some(_), Clash::Keep) => Ok(Comes::Late),
            _ => {
                let kind = StoreErrorKind::PreconditionFailed { found };
                Err(StoreError::new(Operation::Compare, file, kind))
            }
        }
    }

    pub(super) fn put_all(
        &self,
        lock: &DomainLock<'_, D>,
        puts: &[Put<'_>],
        clash: Clash,
        durability: Durability,
    ) -> Result<Done, StoreError> {
        let mut done = StoredAll::default();
        done.durability = durability;
        let mut coming = Vec::new();
        for put in puts {
            let userid = put.userid.as_userid();
            let version = Version::of(put.data.as_bytes());
            match self.comes(&lock.directory, &value_name(userid), version, clash)? {
                Comes::In => coming.push((userid, put)),
                // Written anew, because it may have been stored less durably.
                Comes::Twice if durability > Durability::Process => {
                    done.unchanged.push(userid.clone());
                    self.put(lock, userid, put.data.as_bytes(), durability)?;
                }
                Comes::Twice => done.unchanged.push(userid.clone()),
                Comes::Late => done.kept.push(userid.clone()),
            }
        }
        let mut staged = Vec::new();
        let named = coming
            .iter()
            .try_for_each(|(userid, put)| {
                let temporary = Self::write_temporary(lock, put.data.as_bytes(), durability)?;
                let mut one = Staged {
                    temporary,
                    file: value_name(userid),
                    former: None,
                };
                let former = Self::second_name(&lock.directory, &one.file);
                one.former = former.as_ref().ok().cloned().flatten();
                staged.push(one);
                former.map(drop)
            })
            .and_then(|()| Self::name_all(lock, &staged));
        for one in &staged {
            // The second names of renamed values are removed, and the temporary files of the
            // others.
            let left = one.former.iter().chain([&one.temporary]);
            for left in left {
                let _ = lock.directory.unlink(name_of(left));
            }
        }
        named?;
        done.stored = coming.iter().map(|(userid, _)| (*userid).clone()).collect();
        self.sync(lock, durability)?;
        Ok(Done::StoredAll(done))
    }

    fn second_name(directory: &D, file: &[u8]) -> Result<Option<String>, StoreError> {
        let second = Self::random_name(directory)?;
        match directory.link(name(file), name_of(&second)) {
            Ok(()) => Ok(Some(second)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(Operation::Create, file, errno)),
        }
    }

    /// Renames all values to their names, or restores the old ones.
    fn name_all(lock: &DomainLock<'_, D>, staged: &[Staged]) -> Result<(), StoreError> {
        let directory = &lock.directory;
        for (at, one) in staged.iter().enumerate() {
            let renamed = lock.check().and_then(|()| {
                directory
                    .rename(name_of(&one.temporary), name(&one.file))
                    .map_err(|errno| failed(Operation::Replace, &one.file, errno))
            });
            let Err(error) = renamed else {
                continue;
            };
            return Err(staged.iter().take(at).rev().fold(error, |error, one| {
                let restored = match &one.former {
                    Some(former) => directory.rename(name_of(former), name(&one.file)),
                    None => directory.unlink(name(&one.file)),
                };
                match restored {
                    Ok(()) => error,
                    Err(_) => error.leaving_behind(&one.file),
                }
            }));
        }
        Ok(())
    }
}
