//! `TreeStore`: `<boot>/<domid>.<uuid>/<kind>.<userid>`, over any `Directory`.
//!
//! Clearing a domain is one rename of its directory into `trash/`. The data of another boot is out
//! of reach, because the store looks below the name of the current boot only.

use std::ops::ControlFlow;
use std::sync::Arc;

use userdata_core::file_name::Kind;
use userdata_core::hypervisor::BootId;
use userdata_core::store::{Condition, Entry, FileType, Operation, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Userid, Value};
use userdata_fs::{Directory, Errno, LockMode, Metadata, Name};

use super::tree_lock::name_of;

pub(crate) const MARK: &[u8] = b"c.closing";

pub(crate) struct TreeStore<D> {
    pub(crate) root: Arc<D>,
    pub(crate) boot: BootId,
    pub(crate) value_max: u64,
}

impl<D> Clone for TreeStore<D> {
    fn clone(&self) -> Self {
        Self {
            root: Arc::clone(&self.root),
            boot: self.boot.clone(),
            value_max: self.value_max,
        }
    }
}

pub(crate) fn failed(operation: Operation, file: impl AsRef<[u8]>, errno: Errno) -> StoreError {
    StoreError::new(operation, file, StoreErrorKind::Failed(Box::new(errno)))
}

/// The result of a call on a name that may be absent.
pub(crate) fn unless_absent<T>(
    operation: Operation,
    file: impl AsRef<[u8]>,
    answer: Result<T, Errno>,
) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(failed(operation, file, errno)),
    }
}

pub(crate) fn value_name(userid: &Userid) -> Vec<u8> {
    [b"d.", userid.as_bytes()].concat()
}

pub(crate) fn name(bytes: &[u8]) -> Name<'_> {
    Name::new(bytes).expect("a userid has neither slash nor NUL")
}

pub(crate) fn entry(userid: Userid, metadata: &Metadata) -> Entry {
    let condition = match (metadata.file_type, metadata.size) {
        (FileType::Regular, 0) => Condition::Empty,
        (FileType::Regular, _) => Condition::Whole,
        (other, _) => Condition::NotRegular(other),
    };
    Entry::new(userid, metadata.size, condition).with_modified(metadata.modified)
}

impl<D: Directory> TreeStore<D> {
    pub(crate) const VALUE_MAX: u64 = 1 << 20;

    pub(crate) fn new(root: D, boot: BootId) -> Self {
        Self {
            root: Arc::new(root),
            boot,
            value_max: Self::VALUE_MAX,
        }
    }

    pub(crate) fn child(&self, text: &str) -> Result<D, StoreError> {
        match self.root.make_directory(name_of(text)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(Operation::OpenStore, text, errno)),
        }
        let opened = self.root.open_directory(name_of(text));
        opened.map_err(|errno| failed(Operation::OpenStore, text, errno))
    }

    /// Opens the domain's directory for reading, without making it.
    pub(crate) fn domain(&self, domain: &DomainKey) -> Result<Option<D>, StoreError> {
        let boot = self.root.open_directory(name_of(self.boot.as_str()));
        let Some(boot) = unless_absent(Operation::OpenStore, self.boot.as_str(), boot)? else {
            return Ok(None);
        };
        let key = domain.to_string();
        unless_absent(Operation::Read, &key, boot.open_directory(name_of(&key)))
    }

    pub(crate) fn read(&self, directory: &D, file: &[u8]) -> Result<Option<Value>, StoreError> {
        let opened = directory.open(name(file));
        let Some(handle) = unless_absent(Operation::Read, file, opened)? else {
            return Ok(None);
        };
        let bytes = self.read_open(directory, file, &handle);
        let _ = directory.close(handle);
        bytes.map(|bytes| Some(Value::new(bytes)))
    }

    pub(crate) fn read_open(
        &self,
        directory: &D,
        file: &[u8],
        handle: &D::File,
    ) -> Result<Vec<u8>, StoreError> {
        let read_failed = |errno| failed(Operation::Read, file, errno);
        let metadata = directory.metadata(handle).map_err(read_failed)?;
        let (limit, size) = (self.value_max, metadata.size);
        let kind = match (metadata.file_type, size) {
            (FileType::Regular, 0) => StoreErrorKind::Empty,
            (FileType::Regular, size) if size > limit => {
                StoreErrorKind::LimitExceeded { limit, size }
            }
            (FileType::Regular, _) => {
                let mut bytes = vec![0; usize::try_from(size).expect("a size within the limit")];
                let mut filled = 0;
                while filled < bytes.len() {
                    match directory
                        .read(handle, bytes.get_mut(filled..).unwrap_or_default())
                        .map_err(read_failed)?
                    {
                        0 => break,
                        count => filled += count,
                    }
                }
                if filled == bytes.len() {
                    return Ok(bytes);
                }
                StoreErrorKind::ChangedWhileRead
            }
            (other, _) => StoreErrorKind::NotRegular(other),
        };
        Err(StoreError::new(Operation::Read, file, kind))
    }

    /// The names in a domain's directory, in order.
    pub(crate) fn names(directory: &D) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut names = Vec::new();
        let listed = directory.list(&mut |name| {
            names.push(name.as_bytes().to_vec());
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| failed(Operation::List, "a domain's directory", errno))?;
        names.sort();
        Ok(names)
    }

    /// The kind, the userid and the metadata of each record in a domain's directory.
    pub(crate) fn records(directory: &D) -> Result<Vec<(Kind, Entry)>, StoreError> {
        let mut records = Vec::new();
        for file in Self::names(directory)? {
            let [letter, b'.', userid @ ..] = &*file else {
                continue;
            };
            let (Some(kind), Ok(userid)) = (Kind::from_letter(*letter), Userid::new(userid)) else {
                continue;
            };
            let metadata = directory.metadata_at(name(&file));
            if let Some(metadata) = unless_absent(Operation::Inspect, &file, metadata)? {
                records.push((kind, entry(userid, &metadata)));
            }
        }
        Ok(records)
    }

    /// Whether any process holds the mark. The caller has the domain's lock.
    pub(crate) fn is_closing(directory: &D) -> Result<bool, StoreError> {
        let Some(mark) = unless_absent(Operation::Mark, MARK, directory.open(name(MARK)))? else {
            return Ok(false);
        };
        let locked = directory.lock(&mark, LockMode::Shared);
        let _ = directory.close(mark);
        match locked {
            Ok(()) => Ok(false),
            Err(Errno::AGAIN) => Ok(true),
            Err(errno) => Err(failed(Operation::Mark, MARK, errno)),
        }
    }
}
